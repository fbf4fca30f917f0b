"""How many instances there are: calls that wait get more of them, updates and deletions lose none, metrics tell."""

import json
import shutil
import subprocess
import threading
import time
import unittest

from virga import ROLE, Virga, main, metric, request, wait_until, zip_of

SLEEPER = "import time\ndef handler(event, context):\n  time.sleep(float(event.get('seconds', 0)))\n  return 'slept'\n"


class Scaling(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = Virga()
        cls.virga.start()
        cls.addClassCleanup(cls.virga.stop)
        cls.api = cls.virga.client("lambda", retries={"max_attempts": 0}, max_pool_connections=50)

    def create(self, name, files, runtime="python3.11", handler="app.handler", **options):
        self.api.create_function(FunctionName=name, Runtime=runtime, Handler=handler, Role=ROLE, Timeout=30,
                                 Code={"ZipFile": zip_of(files)}, **options)

    def test_slow_calls_run_side_by_side(self):
        self.create("sleeper", {"app.py": SLEEPER})
        answers = []

        def call():
            answer = self.api.invoke(FunctionName="sleeper", Payload=b'{"seconds": 2}')
            answers.append(answer["Payload"].read())

        began = time.monotonic()
        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        self.assertEqual(answers, [b'"slept"'] * 8)
        self.assertLess(took, 8, "eight calls of two seconds, one after the other, take sixteen")
        self.assertGreater(metric(self.virga, "virga_instances_idle"), 3)

    def test_short_calls_do_not_start_a_herd(self):
        self.create("short", {"index.js": "exports.handler = async () => 'ok';"}, "nodejs20.x", "index.handler")
        url = self.api.create_function_url_config(FunctionName="short", AuthType="NONE")["FunctionUrl"]
        self.assertEqual(request(url).status, 200)
        before = metric(self.virga, "virga_cold_starts_total")

        def calls():
            for _ in range(100):
                self.assertEqual(request(url).status, 200)

        threads = [threading.Thread(target=calls) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLessEqual(metric(self.virga, "virga_cold_starts_total") - before, 3)

    def test_updates_fail_no_call(self):
        source = "exports.handler = async () => 'version %d';"
        self.create("changing", {"index.js": source % 0}, "nodejs20.x", "index.handler")
        url = self.api.create_function_url_config(FunctionName="changing", AuthType="NONE")["FunctionUrl"]
        seen, stop = set(), threading.Event()

        def call():
            while not stop.is_set():
                answer = request(url)
                seen.add((answer.status, answer.text))

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for version in range(1, 6):
            self.api.update_function_code(FunctionName="changing", ZipFile=zip_of({"index.js": source % version}))
            deadline = time.monotonic() + 10
            while (200, f"version {version}") not in seen:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(seen, {(200, f"version {n}") for n in range(6)})

    def test_shifting_an_alias_makes_no_call_wait_for_a_start(self):
        # Each version takes a second to load. Calls through the alias meet that once, before the test begins.
        source = "import time\ntime.sleep(1)\ndef handler(event, context): return context.function_version\n"
        self.create("shifting", {"app.py": source})
        for number in (1, 2):
            self.api.publish_version(FunctionName="shifting")
            self.api.update_function_configuration(FunctionName="shifting", Timeout=10 + number)
        self.api.create_alias(FunctionName="shifting", Name="live", FunctionVersion="1")
        url = self.api.create_function_url_config(FunctionName="shifting", Qualifier="live", AuthType="NONE")["FunctionUrl"]
        self.assertEqual(request(url).status, 200)
        seen, stop = [], threading.Event()

        def call():
            while not stop.is_set():
                begin = time.monotonic()
                answer = request(url)
                seen.append((answer.status, answer.text, time.monotonic() - begin))

        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        self.api.update_alias(FunctionName="shifting", Name="live", FunctionVersion="2")
        # From here on every call is version 2's.
        begin = time.monotonic()
        self.assertEqual(request(url).text, "2")
        wait_until(lambda: seen[-1][1] == "2", 10, "calls of version 2")
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual({status for status, _, _ in seen}, {200})
        self.assertLess(max(took for _, _, took in seen), 0.9)
        self.assertLess(time.monotonic() - begin, 5)

    def test_deleting_ends_the_instances(self):
        self.create("gone", {"app.py": SLEEPER})
        self.api.invoke(FunctionName="gone")
        sandboxes = metric(self.virga, "virga_instances_idle")
        self.api.delete_function(FunctionName="gone")
        deadline = time.monotonic() + 10
        while metric(self.virga, "virga_instances_idle") >= sandboxes:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_metrics_are_what_prometheus_expects(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed (Debian: apt-get install prometheus)")
        text = request(self.virga.url + "/metrics").text
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for name in ("virga_invocations_total", "virga_invocation_errors_total", "virga_throttles_total",
                     "virga_invocation_phase_seconds", "virga_instances_idle", "virga_http_requests_total",
                     "process_resident_memory_bytes"):
            self.assertIn(f"# TYPE {name} ", text)


if __name__ == "__main__":
    main()
