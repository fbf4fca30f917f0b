"""Instances that are forks of a process that has loaded their function (docs/templates.md)."""

import json
import os
import signal
import threading
import time
import unittest
from pathlib import Path

from virga import ROLE, Virga, decode_log, main, metric, wait_until, zip_of

AT_ONCE = 6  # calls that need an instance each

# Waits in the call, so that calls at the same moment need an instance each.
SLEEPS = """
import os, time
{top}
def handler(event, context):
    time.sleep(event.get("sleep", 0))
    return {answer}
"""


def source(answer="os.getpid()", top=""):
    return {"app.py": SLEEPS.format(top=top, answer=answer)}


def wait_for(condition, what, seconds=20):
    wait_until(condition, seconds, what)


class Answer:
    def __init__(self, response):
        self.headers = response["ResponseMetadata"]["HTTPHeaders"]
        self.value = json.loads(response["Payload"].read())
        self.error = response.get("FunctionError")
        self.start = self.headers.get("x-virga-start")
        self.is_fork = (self.start or "").startswith("fork")
        self.log = decode_log(response.get("LogResult", ""))


class Load:
    """Calls from several threads until the block ends; `answers` and `failures` are what came of it."""

    def __init__(self, test, name, threads=AT_ONCE, payload=None):
        self.answers, self.failures, self._ends = [], [], threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[test, name, payload or {"sleep": 0.02}]) for _ in range(threads)]

    def _run(self, test, name, payload):
        while not self._ends.is_set():
            try:
                answer = test.call(name, payload)
            except Exception as error:  # noqa: BLE001 - whatever it is, the call was lost
                self.failures.append(repr(error))
                continue
            (self.failures if answer.error else self.answers).append(answer.value)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        for thread in self._threads:
            thread.join()


class World(unittest.TestCase):
    arguments = ()

    def setUp(self):
        self.virga = Virga(*self.arguments)
        self.virga.start()
        self.addCleanup(self.virga.stop)
        self.api = self.virga.client("lambda", retries={"max_attempts": 0}, max_pool_connections=2 * AT_ONCE)
        self.number = 0

    def deploy(self, files, **options):
        self.number += 1
        name = f"function-{self.number}"
        self.api.create_function(**{"FunctionName": name, "Runtime": "python3.11", "Handler": "app.handler", "Role": ROLE, "Timeout": 20,
                                    "Code": {"ZipFile": zip_of(files)}} | options)
        return name

    def call(self, name, payload=None):
        return Answer(self.api.invoke(FunctionName=name, Payload=json.dumps(payload or {}), LogType="Tail"))

    def burst(self, name, count, sleep=0.4, **payload):
        """So many calls at the same time, and their answers."""
        answers, threads = [], []
        for _ in range(count):
            threads.append(threading.Thread(target=lambda: answers.append(self.call(name, {"sleep": sleep, **payload}))))
            threads[-1].start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(answers), count)
        return answers

    def wait_for_template(self, count=1):
        wait_for(lambda: metric(self.virga, "virga_forks_waiting") >= count, "a fork that waits")

    def forked(self, files, count=3, **options):
        """A function with so many forks that have answered a call and wait for the next; also their answers."""
        name = self.deploy(files, **options)
        self.burst(name, 2)
        self.wait_for_template()
        wanted, found = 2 + count, []
        while len(found) < count:
            found += [answer for answer in self.burst(name, wanted) if answer.is_fork]
            wanted += 1
        return name, found

    def template(self):
        """The process of the only template, as the host numbers it."""
        [found] = [pid for pid, inside in self.processes().items() if inside == 2]
        return found

    def processes(self):
        """Interpreters of this daemon's templates and forks: their numbers inside."""
        parents, found = {}, {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                parents[int(pid)] = int(Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue

        def is_ours(pid):
            while pid in parents and pid != self.virga.process.pid:
                pid = parents[pid]
            return pid == self.virga.process.pid

        for pid in filter(is_ours, parents):
            try:
                if b"VIRGA_FORKS_FD" in Path(f"/proc/{pid}/environ").read_bytes():
                    [numbers] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("NSpid:")]
                    found[pid] = int(numbers.split()[-1])
            except OSError:
                continue
        return found


class Forks(World):
    # ---- when there are forks

    def test_a_hot_function_gets_forks_and_one_that_is_not_gets_none(self):
        hot, cool = self.deploy(source()), self.deploy(source())
        self.assertNotIn("no fork", self.call(cool).start)
        self.burst(hot, 2)
        self.wait_for_template()
        starts = {answer.start for answer in self.burst(hot, AT_ONCE)}
        self.assertIn("fork", starts)
        self.assertLessEqual(starts, {None, "fork", "fork; none was waiting"})
        self.assertEqual(metric(self.virga, "virga_templates"), 1)
        self.assertGreater(metric(self.virga, "virga_templates_memory_bytes"), 1 << 20)
        phases = [answer.headers["x-virga-phases"] for answer in self.burst(hot, AT_ONCE + 2) if answer.is_fork]
        self.assertTrue(all("attach=0,boot=0,init=0" in each and "start=0," not in each for each in phases), phases)

    def test_code_that_cannot_be_forked_is_not_and_says_why(self):
        table = [
            ("import threading; threading.Thread(target=time.sleep, args=[600], daemon=True).start()", "its code leaves a thread running"),
            ("import subprocess; child = subprocess.Popen(['sleep', '600'])", "its code leaves a process running"),
            ("open('/tmp/model', 'w').close()", "its code leaves /tmp/model while it loads, and registers no virga.after_fork"),
            ("import socket; kept = socket.socket()", "its code keeps open socket, and registers no virga.after_fork"),
            ("import virga\nvirga.after_fork(lambda: 1 // 0)", "virga.after_fork failed: ZeroDivisionError: integer division or modulo by zero"),
        ]
        for top, why in table:
            with self.subTest(why):
                name = self.deploy(source(top=top))
                refused = metric(self.virga, "virga_templates_refused")
                self.burst(name, 2)
                wait_for(lambda before=refused: metric(self.virga, "virga_templates_refused") > before, "the refusal")
                starts = [answer.start for answer in self.burst(name, AT_ONCE) if answer.start]
                self.assertTrue(starts)
                for start in starts:
                    self.assertTrue(start.endswith(f"; no fork: {why}"), start)

    def test_a_tag_switches_them_off_and_on(self):
        name, _ = self.forked(source(), count=1)
        arn = self.api.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
        with self.assertRaisesRegex(Exception, "must be on or off"):
            self.api.tag_resource(Resource=arn, Tags={"virga:templates": "no"})
        self.api.tag_resource(Resource=arn, Tags={"virga:templates": "off"})
        answers = [answer for answer in self.burst(name, AT_ONCE + 2) if answer.start]
        self.assertTrue(answers)
        self.assertFalse(any(answer.is_fork for answer in answers))
        self.api.untag_resource(Resource=arn, TagKeys=["virga:templates"])
        wanted = iter(range(AT_ONCE + 4, 40, 2))
        wait_for(lambda: any(answer.is_fork for answer in self.burst(name, next(wanted))), "forks again")

    # ---- what a fork is

    def test_forks_are_instances_by_themselves(self):
        top = """
import random, socket, uuid
seen = []
def look(event, context):
    seen.append(1)
    facts = {"seen": len(seen), "files": os.listdir("/tmp") + os.listdir("/dev/shm"), "random": random.random(), "uuid": str(uuid.uuid4()),
             "stream": context.log_stream_name, "variable": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], "cwd": os.getcwd(), "pid": os.getpid(),
             "processes": sorted(int(each) for each in os.listdir("/proc") if each.isdigit()),
             "descriptors": sorted(int(each) for each in os.listdir("/proc/self/fd")),
             "device": os.stat("/tmp").st_dev, "size": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize}
    for folder in ("/tmp", "/dev/shm"):
        with open(folder + "/mine", "w") as file:
            file.write(str(os.getpid()))
    return facts
"""
        _, answers = self.forked(source("look(event, context)", top))
        facts = [answer.value for answer in answers]
        for fact in facts:
            self.assertEqual((fact["seen"], fact["files"], fact["cwd"]), (1, [], "/var/task"))
            self.assertEqual(fact["processes"], [fact["pid"]])
            self.assertEqual(fact["descriptors"], [0, 1, 2, 3, 4])  # 4: the folder that is read
            self.assertEqual(fact["stream"], fact["variable"])
            self.assertAlmostEqual(fact["size"], 512 << 20, delta=64 << 20)
        for name in ("random", "uuid", "stream", "pid", "device"):
            self.assertEqual(len({fact[name] for fact in facts}), len(facts), name)

    def test_forks_can_neither_see_nor_harm_each_other(self):
        top = """
import errno, signal
def attempt(action):
    try:
        action()
        return "allowed"
    except OSError as error:
        return errno.errorcode[error.errno]
def attack(event, context):
    others = [pid for pid in range(1, 60) if pid != os.getpid()]
    return {"pid": os.getpid(),
            "signals": sorted({attempt(lambda: os.kill(pid, signal.SIGKILL)) for pid in others}),
            "group": attempt(lambda: os.kill(-1, signal.SIGUSR1) if event.get("group") else os.kill(os.getppid(), signal.SIGKILL)),
            "files": sorted({attempt(lambda: open(f"/proc/{pid}/{name}", "rb")) for pid in others for name in ("mem", "environ", "maps", "fd/3")}),
            "roots": sorted({attempt(lambda: os.listdir(f"/proc/{pid}/root/tmp")) for pid in others}),
            "writes": [attempt(lambda: open(path, "w")) for path in ("/var/task/x", "/opt/x", "/usr/x", "/etc/x", "/x", "/tmp/x", "/dev/shm/x")],
            "up": attempt(lambda: os.chroot("/tmp"))}
"""
        name, answers = self.forked(source("attack(event, context)", top))
        for facts in (answer.value for answer in answers):
            self.assertLessEqual(set(facts["signals"]), {"EPERM", "ESRCH"})
            self.assertIn("EPERM", facts["signals"])  # there are others
            self.assertIn(facts["group"], ("EPERM", "ESRCH"))
            self.assertEqual((facts["files"], facts["roots"]), (["ENOENT"], ["ENOENT"]))
            self.assertEqual(facts["writes"], ["EROFS"] * 5 + ["allowed"] * 2)
            self.assertEqual(facts["up"], "EPERM")
        pids = {answer.value["pid"] for answer in answers}
        again = {answer.value["pid"] for answer in self.burst(name, AT_ONCE + 2)}
        self.assertLessEqual(pids, again)  # all of them live
        self.assertEqual(metric(self.virga, "virga_forks_lost_total"), 0)

    def test_hooks_close_and_open_connections(self):
        top = """
import socket, virga
listener = socket.create_server(("127.0.0.1", 0))
opened = 0
def connect():
    global connection, opened
    connection, opened = socket.create_connection(listener.getsockname()), opened + 1
connect()
@virga.before_fork
def close():
    connection.close()
virga.after_fork(connect)
"""
        _, answers = self.forked(source("[opened, connection.fileno() > 0, connection.getsockname()[1]]", top))
        self.assertEqual({(answer.value[0], answer.value[1]) for answer in answers}, {(2, True)})
        self.assertEqual(len({answer.value[2] for answer in answers}), len(answers))

    def test_what_the_code_prints_while_it_loads_is_in_the_log_of_the_first_fork(self):
        _, answers = self.forked(source(top="print('loading now')\nos.write(1, b'and by the descriptor\\n')"))
        lines = [answer.log.splitlines()[1:3] for answer in answers]
        self.assertEqual([each for each in lines if "loading now" in each], [["loading now", "and by the descriptor"]])

    def test_memory_is_reported_as_of_an_instance_by_itself(self):
        name, _ = self.forked(source(top="heap = bytearray(b'x') * (40 << 20)"), count=1, MemorySize=256)
        used = [int(answer.log.split("Max Memory Used: ")[1].split()[0]) for answer in self.burst(name, AT_ONCE)]
        self.assertGreaterEqual(min(used), 40)
        self.assertLessEqual(max(used), 100)

    # ---- ends

    def test_a_fork_that_ends_ends_alone(self):
        top = """
import sys
def end(event):
    how = event.get("how")
    if how == "exit": sys.exit(3)
    if how == "_exit": os._exit(4)
    if how == "signal": os.kill(os.getpid(), 11)
    if how == "memory": bytearray(b"x") * (300 << 20)
    if how == "time": time.sleep(60)
    return os.getpid()
"""
        # Whichever instances take the calls that end them, forks are among them.
        ends = [("exit", "Runtime.ExitError", 5), ("_exit", "Runtime.ExitError", 5), ("signal", "Runtime.ExitError", 5),
                ("time", "Sandbox.Timedout", 5), ("memory", "Runtime.OutOfMemory", 3)]
        hasty, _ = self.forked(source("end(event)", top), Timeout=3)
        patient, _ = self.forked(source("end(event)", top), Timeout=30, MemorySize=256)
        for how, error, count in ends:
            name = patient if how == "memory" else hasty
            with self.subTest(how):
                with Load(self, name, threads=2) as load:
                    answers = self.burst(name, count, sleep=0.1, how=how)
                    self.assertEqual({answer.value["errorType"] for answer in answers}, {error})
                self.assertEqual(load.failures, [])
                self.burst(name, 5)  # they are there again

    def test_no_call_is_lost_when_the_template_is_killed(self):
        name, _ = self.forked(source())
        with Load(self, name) as load:
            for kills in range(1, 4):
                os.kill(self.template(), signal.SIGKILL)
                wait_for(lambda count=kills: metric(self.virga, "virga_forks_lost_total") >= count, "the loss")
                self.burst(name, AT_ONCE + kills, sleep=0.1)  # wants another template
                self.wait_for_template()
        self.assertEqual(load.failures, [])
        self.assertGreater(len(load.answers), 10)
        wait_for(lambda: list(self.processes().values()).count(2) == 1, "the end of the templates that were killed")

    def test_no_call_is_lost_by_updates_and_old_templates_go(self):
        name, _ = self.forked(source("1"))
        with Load(self, name) as load:
            for number in range(2, 6):
                self.api.update_function_code(FunctionName=name, ZipFile=zip_of(source(str(number))))
                wait_for(lambda: self.api.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful", "the update")
                wait_for(lambda expected=number: load.answers[-1:] == [expected], "an answer of the new code")
        self.assertEqual(load.failures, [])
        self.assertLessEqual(set(load.answers), set(range(1, 6)))
        self.api.delete_function(FunctionName=name)
        wait_for(lambda: metric(self.virga, "virga_templates") == 0, "the end of the template")
        wait_for(lambda: self.processes() == {}, "the end of all forks")

    def test_nothing_is_left_when_the_daemon_stops(self):
        self.forked(source())
        processes = self.processes()
        self.assertGreaterEqual(len(processes), 4)
        begin = time.monotonic()
        self.virga.stop()
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual([pid for pid in processes if os.path.exists(f"/proc/{pid}")], [])


class WithoutTemplates(World):
    arguments = ("--no-templates",)

    def test_an_option_switches_them_off(self):
        name = self.deploy(source())
        self.burst(name, 2)
        starts = {answer.start for answer in self.burst(name, AT_ONCE) if answer.start}
        self.assertTrue(starts)
        self.assertFalse([start for start in starts if "fork" in start], starts)
        self.assertEqual(metric(self.virga, "virga_templates"), 0)


if __name__ == "__main__":
    main()
