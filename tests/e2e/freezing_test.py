"""Idle functions are frozen: what they do between calls stops, and the next call runs as if nothing had been. Judged from outside."""

import json
import os
import signal
import statistics
import time
import unittest
from pathlib import Path

from virga import ROLE, Virga, descendants, main, metric, wait_until, zip_of

# Each answers how often its background work has run, and goes on with it.
NODE = """
let spins = 0;
setInterval(() => { const end = Date.now() + 20; while (Date.now() < end); ++spins; }, 25);
exports.handler = async (event) => ({ spins, time: Date.now(), pid: process.pid });
"""
PYTHON = """
import threading, time
spins = 0
def spin():
    global spins
    while True:
        end = time.monotonic() + 0.02
        while time.monotonic() < end: pass
        spins += 1
        time.sleep(0.005)
threading.Thread(target=spin, daemon=True).start()
def handler(event, context):
    time.sleep(event.get("seconds", 0))
    return {"spins": spins, "time": int(time.time() * 1000), "left": context.get_remaining_time_in_millis()}
"""
# Speaks the Runtime API; a child of its own burns, in a session of its own.
BOOTSTRAP = """#!/usr/bin/python3
import http.client, json, os, time
if os.fork() == 0:
    os.setsid()
    while True: pass
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    answer.read()
    id = answer.getheader("Lambda-Runtime-Aws-Request-Id")
    api.request("POST", f"/2018-06-01/runtime/invocation/{id}/response", json.dumps({"time": int(time.time() * 1000)}))
    api.getresponse().read()
"""
# CPU seconds in a second: of background work however busy the machine is; of a daemon with nothing to do.
WORKING, RESTING = 0.15, 0.08
QUIET = "export const handler = async () => 'hello';"


def cpu_seconds(pid):
    """What this process and all below it have used; those that ended are left out."""
    total = 0
    for each in (pid, *descendants(pid)):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


class Freezing(unittest.TestCase):
    def start(self, *arguments):
        self.virga = Virga(*arguments)
        self.virga.start()
        self.addCleanup(self.virga.stop)
        self.api = self.virga.client("lambda", retries={"max_attempts": 0})

    def create(self, name, files, runtime, handler="app.handler", **options):
        self.api.create_function(FunctionName=name, Runtime=runtime, Handler=handler, Role=ROLE, Code={"ZipFile": zip_of(files)},
                                 **{"MemorySize": 1769, "Timeout": 5, **options})

    def call(self, name, event=None):
        answer = self.api.invoke(FunctionName=name, Payload=json.dumps(event or {}))
        value = json.load(answer["Payload"])
        self.assertNotIn("FunctionError", answer, value)
        return value

    def wait_until_frozen(self, count):
        wait_until(lambda: metric(self.virga, "virga_instances_frozen") == count, 20, f"{count} frozen instances")

    def used_in(self, seconds):
        """CPU seconds that the daemon and its sandboxes use meanwhile."""
        before = cpu_seconds(self.virga.process.pid)
        time.sleep(seconds)  # the span that is measured
        return cpu_seconds(self.virga.process.pid) - before

    def test_background_work_stops_until_the_next_call(self):
        for kind, name, files, runtime in (("Node", "node", {"app.js": NODE}, "nodejs20.x"),
                                           ("Python", "python", {"app.py": PYTHON}, "python3.11"),
                                           ("the Runtime API", "api", {"bootstrap": BOOTSTRAP}, "provided.al2023")):
            with self.subTest(kind):
                self.start("--freeze-after", "1")
                self.create(name, files, runtime)
                first = self.call(name)
                self.assertGreater(self.used_in(0.5), WORKING / 2, "it works on after its answer")
                self.wait_until_frozen(1)
                wait_until(lambda: self.used_in(0.5) < RESTING / 2, 10, "the end of its work")  # a stem may still boot
                again = self.call(name)
                self.assertEqual(metric(self.virga, "virga_cold_starts_total"), 1, "the same instance answered")
                self.assertGreaterEqual(again["time"] - first["time"], 1400, "its clock went on")
                self.assertGreater(self.used_in(0.5), WORKING / 2, "it works again")
                self.wait_until_frozen(1)
                self.virga.stop()

    def test_freezing_can_be_switched_off(self):
        self.start("--freeze-after", "0")
        self.create("node", {"app.js": NODE}, "nodejs20.x")
        self.call("node")
        self.assertGreater(self.used_in(3), WORKING * 3)
        self.assertEqual(metric(self.virga, "virga_instance_freezes_total"), 0)

    def test_a_call_after_a_freeze_has_its_whole_time(self):
        self.start("--freeze-after", "0.3")
        self.create("python", {"app.py": PYTHON}, "python3.11", Timeout=2)
        self.call("python")
        self.wait_until_frozen(1)
        time.sleep(2)  # longer than a call may take
        answer = self.call("python", {"seconds": 1.5})
        self.assertGreater(answer["left"], 100)
        self.assertLess(answer["left"], 600)

    def test_a_thaw_adds_little_to_a_call(self):
        self.start("--freeze-after", "0.05")
        self.create("quiet", {"app.mjs": QUIET}, "nodejs20.x")

        def times(wait):
            found = []
            for _ in range(20):
                wait()
                begin = time.perf_counter()
                self.call("quiet")
                found.append((time.perf_counter() - begin) * 1000)
            return statistics.median(found)

        self.call("quiet")
        thawed = times(lambda: self.wait_until_frozen(1))
        warm = times(lambda: None)
        print(f"a call through boto3: {warm:.2f} ms, of a frozen instance {thawed:.2f} ms", flush=True)
        self.assertLess(thawed, warm + 20)
        self.assertGreaterEqual(metric(self.virga, "virga_instance_freezes_total"), 20)

    def test_a_frozen_function_ends_at_once(self):
        self.start("--freeze-after", "0.3")
        self.create("python", {"app.py": PYTHON}, "python3.11")
        self.create("api", {"bootstrap": BOOTSTRAP}, "provided.al2023")
        self.call("python")
        self.call("api")
        self.wait_until_frozen(2)
        self.api.delete_function(FunctionName="python")
        self.wait_until_frozen(1)
        wait_until(lambda: metric(self.virga, "virga_instances_idle") == 1, 5, "the end of the deleted one")
        left = descendants(self.virga.process.pid)
        begin = time.monotonic()
        self.virga.stop()
        self.assertLess(time.monotonic() - begin, 5)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), 5, "the end of every process")

    def test_frozen_functions_survive_neither_daemon_nor_helper(self):
        for whose in ("helper", "daemon"):
            with self.subTest(whose):
                self.start("--freeze-after", "0.3")
                self.create("node", {"app.js": NODE}, "nodejs20.x")
                self.call("node")
                self.wait_until_frozen(1)
                keeper, helper, *sandboxed = descendants(self.virga.process.pid)  # each of the first two has one child
                os.kill(helper if whose == "helper" else self.virga.process.pid, signal.SIGKILL)
                wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in sandboxed), 10, "the end of every process")
                self.virga.stop()


if __name__ == "__main__":
    main()
