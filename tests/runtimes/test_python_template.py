"""A Python process that forks instances (docs/templates.md), without a sandbox: the test plays the helper and Virga."""

import ctypes
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import textwrap
import unittest

from frames import BIND, END, ERROR, INIT_ERROR, PATIENCE, READY, RUNTIMES, Process, arguments, bind_frame, frame, interpreter

FORK, FORKED, FAILED, ENDED = 1, 2, 3, 4
MESSAGE = struct.Struct("<IIQ")
PID_OF_CREDENTIALS = struct.Struct("3i")

# The folders that every fork has of its own must not show what others do on this machine. The repository may lie in one of them.
PLACE = "/mnt"
ALONE = ["unshare", "--mount", "sh", "-ec",
         f'mount --bind "$0" {PLACE}; mount -t tmpfs none /tmp; mount -t tmpfs none /dev/shm; exec "$@"', str(RUNTIMES)]


RULESET = struct.Struct("3Q")  # struct landlock_ruleset_attr: files, network, scoped
SCOPED = RULESET.pack(0, 0, 3)  # abstract sockets, signals
CREATE_RULESET = 444


def make_rules():
    """A Landlock ruleset that keeps signals and abstract sockets within its domain; None where the kernel has no such thing."""
    descriptor = ctypes.CDLL(None).syscall(CREATE_RULESET, SCOPED, ctypes.c_size_t(len(SCOPED)), 0)
    return descriptor if descriptor >= 0 else None


def has_rules():
    descriptor = make_rules()
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is not None


def can_be_alone():
    return os.geteuid() == 0 and subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0


class Template(Process):
    def __init__(self, folder, handler="app.handler", **bind):
        self.helper, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.helper.settimeout(PATIENCE)
        with inside:
            program = [argument.replace(str(RUNTIMES), PLACE) for argument in arguments("python")]
            super().__init__(ALONE + program, {"VIRGA_FORKS_FD": "4"}, {4: inside.fileno()})
        self.serial = 0
        self.forks = []
        self.bound = self.bind(folder, handler, **bind)

    def __exit__(self, *error):
        for each in self.forks:
            each.close()
        super().__exit__(*error)
        self.helper.close()

    def ask(self, descriptors):
        self.serial += 1
        socket.send_fds(self.helper, [MESSAGE.pack(FORK, 0, self.serial)], descriptors)
        return self.serial

    def hear(self):
        return MESSAGE.unpack(self.helper.recv(MESSAGE.size))

    def fork(self, log_stream="stream of the fork", environment=None):
        made = Fork(self, {"log_stream": log_stream, "environment": environment or {}})
        self.forks.append(made)
        return made


class Fork(Process):
    """One instance made of a template. `first` is what it said: READY or INIT_ERROR."""

    def __init__(self, template, bind):
        self.socket, frames = socket.socketpair()
        self.socket.settimeout(PATIENCE)
        self.output = tempfile.TemporaryFile()
        handshake, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        handshake.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        handshake.settimeout(PATIENCE)
        self.talk()
        self.send(frame(BIND, 0, json.dumps(bind).encode()))
        with open(os.devnull) as nothing, handshake, other, frames:
            rules = make_rules()
            self.serial = template.ask([nothing.fileno(), self.output.fileno(), self.output.fileno(), frames.fileno(), other.fileno(), rules])
            os.close(rules)
            other.close()
            frames.close()
            _, ancillary, _, _ = handshake.recvmsg(1, socket.CMSG_SPACE(PID_OF_CREDENTIALS.size))
            self.pid = PID_OF_CREDENTIALS.unpack(ancillary[0][2])[0]
            self.descriptor = os.pidfd_open(self.pid)
            self.groups = os.pipe(), os.pipe()
            socket.send_fds(handshake, [b"+"], [group[1] for group in self.groups])
            handshake.recv(1)
            handshake.send(b"+")
            for group in self.groups:
                os.close(group[1])
                assert os.read(group[0], 2) == b"0"
                os.close(group[0])
            assert template.hear() == (FORKED, 0, self.serial)
            self.first = self.next_answer()

    def close(self):
        self.socket.close()
        self.output.close()
        try:
            signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(self.descriptor)

    def wait(self):
        return "unknown"  # its template knows


@unittest.skipUnless(interpreter("python"), "no Python at the places that runtimes/python/runtime.json names")
@unittest.skipUnless((RUNTIMES / "python/virga_runtime/_fork.abi3.so").exists(), "_fork was not built")
@unittest.skipUnless(can_be_alone(), "needs root and mount namespaces")
@unittest.skipUnless(has_rules(), "this kernel's Landlock does not scope signals")
class TemplateTest(unittest.TestCase):
    def start(self, source, files=None, **bind):
        folder = tempfile.TemporaryDirectory(dir="/var/tmp")
        self.addCleanup(folder.cleanup)
        for name, text in ({"app.py": source} | (files or {})).items():
            pathlib.Path(folder.name, name).write_text(textwrap.dedent(text))
        template = Template(folder.name, **bind)
        template.__enter__()
        self.addCleanup(template.__exit__, None, None, None)
        return template

    def template(self, source, files=None, **bind):
        template = self.start(source, files, **bind)
        self.assertEqual(template.bound.type, READY, template.bound)
        return template

    def fork(self, template, **bind):
        fork = template.fork(**bind)
        self.assertEqual(fork.first.type, READY, fork.first)
        return fork

    def refused(self, source):
        template = self.start(source)
        self.assertEqual(template.bound.type, INIT_ERROR, template.bound)
        self.assertEqual(template.bound.json["errorType"], "Runtime.CannotFork", template.bound)
        self.assertNotEqual(template.wait(), 0)
        return template.bound.json["errorMessage"]

    # ---- what is not forked

    def test_says_why_a_process_cannot_be_forked(self):
        table = [
            ("import threading, time; threading.Thread(target=time.sleep, args=[60], daemon=True).start()", "its code leaves a thread running"),
            ("import threading, time\nfor _ in 'ab': threading.Thread(target=time.sleep, args=[60], daemon=True).start()",
             "its code leaves 2 threads running"),
            ("import subprocess; child = subprocess.Popen(['sleep', '2'])", "its code leaves a process running"),
            ("import socket; kept = socket.socket()", "its code keeps open socket, and registers no virga.after_fork"),
            ("import asyncio; loop = asyncio.new_event_loop()",
             "its code keeps open anon_inode, socket, socket, and registers no virga.after_fork"),
            ("kept = [open('/etc/passwd') for _ in range(5)]",
             "its code keeps open /etc/passwd, /etc/passwd, /etc/passwd and 2 more, and registers no virga.after_fork"),
            ("open('/tmp/model', 'w').close()", "its code leaves /tmp/model while it loads, and registers no virga.after_fork"),
            ("import virga\n@virga.before_fork\ndef fail(): raise ValueError('not now')", "virga.before_fork failed: ValueError: not now"),
            ("import virga, threading, time\nvirga.after_fork(print)\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()",
             "its code leaves a thread running"),
        ]
        for source, why in table:
            with self.subTest(source):
                self.assertEqual(self.refused(source + "\ndef handler(e, c): pass\n"), why)

    def test_hooks_may_see_to_what_is_open(self):
        with_before = """
            import socket, virga
            kept = socket.socket()
            virga.before_fork(kept.close)
            def handler(e, c): return kept.fileno()
        """
        self.assertEqual(self.fork(self.template(with_before)).invoke().json, -1)
        with_after = """
            import os, virga
            kept = open('/etc/passwd')
            open('/tmp/mine', 'w').close()
            @virga.after_fork
            def again():
                global kept
                kept = os.getpid()
            def handler(e, c): return kept == os.getpid()
        """
        self.assertEqual(self.fork(self.template(with_after)).invoke().json, True)

    def test_a_load_that_fails_is_told_as_ever(self):
        template = self.start("raise KeyError('at load')")
        self.assertEqual((template.bound.type, template.bound.json["errorType"]), (INIT_ERROR, "KeyError"))

    # ---- forks

    def test_forks_are_instances_that_share_nothing_they_change(self):
        template = self.template("""
            import os
            count, heap = 0, bytearray(1 << 20)
            def handler(event, context):
                global count
                count += 1
                heap[0] += 1
                os.environ["COUNT"] = str(count)
                return {"count": count, "heap": heap[0], "name": event["name"], "pid": os.getpid()}
        """)
        one, two = self.fork(template), self.fork(template)
        for expected in (1, 2, 3):
            self.assertEqual(one.invoke({"name": "one"}).json, {"count": expected, "heap": expected, "name": "one", "pid": one.pid})
        self.assertEqual(two.invoke({"name": "two"}).json["count"], 1)
        self.assertEqual(self.fork(template).invoke({"name": "three"}).json["count"], 1)

    def test_a_fork_has_the_descriptors_of_an_instance_and_no_other(self):
        template = self.template("""
            import os
            def handler(event, context):
                os.write(1, b"to descriptor 1")
                return sorted(int(name) for name in os.listdir("/proc/self/fd"))
        """)
        for _ in range(2):
            fork = self.fork(template)
            self.assertEqual(fork.invoke().json, [0, 1, 2, 3, 4])  # 4: the folder that is read
            self.assertEqual(fork.printed(), "to descriptor 1")

    def test_each_fork_has_its_own_log_stream_and_output(self):
        template = self.template("""
            import os
            print("loading")
            def handler(event, context):
                print("running")
                return [context.log_stream_name, os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], os.environ["KEPT"], context.function_name]
        """, environment={"AWS_LAMBDA_LOG_STREAM_NAME": "of the template", "KEPT": "kept"})
        self.assertEqual(template.bound.logs, ["loading"])
        for name in ("a", "b"):
            answer = self.fork(template, log_stream=name, environment={"AWS_LAMBDA_LOG_STREAM_NAME": name}).invoke()
            self.assertEqual((answer.json, answer.logs), ([name, name, "kept", "hello"], ["running"]))

    def test_what_is_random_differs_between_forks(self):
        template = self.template("""
            import random, secrets, ssl, tempfile, uuid
            random.seed(1)
            secrets.token_hex(), uuid.uuid4(), uuid.uuid1(), ssl.RAND_bytes(8), next(tempfile._get_candidate_names())
            def handler(event, context):
                return [random.random(), secrets.token_hex(), str(uuid.uuid4()), str(uuid.uuid1()), ssl.RAND_bytes(8).hex(),
                        next(tempfile._get_candidate_names())]
        """)
        rows = [self.fork(template).invoke().json for _ in range(4)]
        for column in zip(*rows):
            self.assertEqual(len(set(column)), 4, column)

    def test_numpy_is_seeded_anew(self):
        template = self.template("""
            import random, sys, types
            state = random.Random(1)  # stands in for numpy's, with its own name and place
            module = types.ModuleType("numpy.random")
            module.seed = lambda: state.seed()
            sys.modules["numpy.random"] = module
            def handler(event, context): return state.random()
        """)
        self.assertEqual(len({self.fork(template).invoke().json for _ in range(3)}), 3)

    def test_hooks_run_once_before_and_in_every_fork(self):
        template = self.template("""
            import os, virga
            seen = []
            @virga.before_fork
            def close(): seen.append(["before", os.getpid()])
            virga.before_fork(lambda: seen.append(["made later, closed earlier", os.getpid()]))
            @virga.after_fork
            def reopen(): seen.append(["after", os.getpid()]); print("reopened")
            virga.after_fork(lambda: seen.append(["after, second", os.getpid()]))
            def handler(event, context): return seen
        """)
        for _ in range(2):
            fork = self.fork(template)
            self.assertEqual(fork.invoke().json, [
                ["made later, closed earlier", template.process.pid], ["before", template.process.pid],
                ["after", fork.pid], ["after, second", fork.pid]])

    def test_a_hook_that_fails_in_a_fork_ends_that_fork_alone(self):
        template = self.template("""
            import virga
            @virga.after_fork
            def fail(): raise OSError("no connection")
            def handler(e, c): pass
        """)
        for _ in range(2):
            fork = template.fork()
            self.assertEqual((fork.first.type, fork.first.json["errorType"], fork.first.json["errorMessage"]), (INIT_ERROR, "OSError", "no connection"))
            self.assertEqual(template.hear(), (ENDED, 1 << 8, fork.serial))

    def test_a_module_of_the_function_comes_before_virgas(self):
        template = self.template("import virga\ndef handler(e, c): return virga.MINE\n", {"virga.py": "MINE = 1\n"})
        self.assertEqual(self.fork(template).invoke().json, 1)

    def test_a_hook_must_be_callable(self):
        self.assertEqual(self.start("import virga\nvirga.after_fork(3)\n").bound.json["errorMessage"], "a hook must be callable, not int")

    # ---- from each other

    def test_forks_can_neither_signal_nor_trace_each_other(self):
        template = self.template("""
            import os, socket
            def attempt(action):
                try:
                    action()
                    return "allowed"
                except OSError as error:
                    return error.errno
            def handler(event, context):
                other = event["other"]
                kept = globals().setdefault("kept", socket.socket(socket.AF_UNIX))
                if event.get("listen"):
                    kept.bind("\\0fork-" + str(os.getpid()))
                    kept.listen()
                    return None
                return [attempt(lambda: os.kill(other, 9)), attempt(lambda: os.kill(os.getppid(), 9)), attempt(lambda: os.kill(os.getpid(), 0)),
                        attempt(lambda: open(f"/proc/{other}/mem", "rb")), attempt(lambda: os.readlink(f"/proc/{other}/fd/3")),
                        attempt(lambda: kept.connect("\\0fork-" + str(other)))]
        """)
        one, two = self.fork(template), self.fork(template)
        two.invoke({"other": 0, "listen": True})
        self.assertEqual(one.invoke({"other": two.pid}).json, [1, 1, "allowed", 13, 13, 1])
        self.assertEqual(two.invoke({"other": two.pid, "listen": True}).type, ERROR)  # it lives: only the name is taken

    # ---- ends

    def test_tells_how_each_fork_ended(self):
        template = self.template("""
            import os, sys
            def handler(event, context):
                os._exit(event) if event >= 0 else os.kill(os.getpid(), -event)
        """)
        for end, status in ((0, 0), (3, 3 << 8), (-9, 9)):
            fork = self.fork(template)
            fork.start(end)
            self.assertEqual(template.hear(), (ENDED, status, fork.serial))
        by_end = self.fork(template)
        by_end.send(frame(END))
        self.assertEqual(template.hear(), (ENDED, 0, by_end.serial))
        gone = self.fork(template)
        gone.socket.close()
        self.assertEqual(template.hear(), (ENDED, 0, gone.serial))

    def test_exit_in_a_fork_is_answered_as_ever(self):
        template = self.template("import sys\ndef handler(event, context): sys.exit(7)\n")
        fork = self.fork(template)
        answer = fork.invoke()
        self.assertEqual((answer.type, answer.json["errorType"], fork.said_last), (ERROR, "Runtime.ExitError", True))
        self.assertEqual(template.hear(), (ENDED, 7 << 8, fork.serial))

    def test_forks_go_on_when_their_template_ends(self):
        for end in (lambda template: template.send(frame(END)), lambda template: template.socket.close(), lambda template: template.helper.close(),
                    lambda template: template.process.kill()):
            template = self.template("def handler(event, context): return event\n")
            fork = self.fork(template)
            end(template)
            template.process.wait(PATIENCE)
            self.assertEqual(fork.invoke(5).json, 5)

    def test_nonsense_is_answered_and_forks_nothing(self):
        template = self.template("def handler(event, context): return event\n")
        with open(os.devnull) as nothing:
            serial = template.ask([nothing.fileno()])
        self.assertEqual(template.hear(), (FAILED, 74, serial))
        template.helper.send(MESSAGE.pack(99, 0, 5))
        self.assertEqual(template.hear(), (FAILED, 74, 5))
        self.assertEqual(self.fork(template).invoke(1).json, 1)

    def test_a_fork_nobody_answers_ends_at_once(self):
        template = self.template("def handler(event, context): return event\n")
        handshake, other = socket.socketpair()
        frames, outside = socket.socketpair()
        with open(os.devnull) as nothing, handshake, other, frames, outside:
            serial = template.ask([nothing.fileno()] * 3 + [frames.fileno(), other.fileno(), nothing.fileno()])
            other.close()
            handshake.close()
            answers = {template.hear(), template.hear()}
        self.assertIn((FORKED, 0, serial), answers)

    def test_many_forks_leave_nothing_behind(self):
        template = self.template("def handler(event, context): return event\n")
        self.fork(template)
        descriptors = len(os.listdir(f"/proc/{template.process.pid}/fd"))
        for number in range(50):
            fork = self.fork(template)
            self.assertEqual(fork.invoke(number).json, number)
            fork.send(frame(END))
            self.assertEqual(template.hear(), (ENDED, 0, fork.serial))
        self.assertEqual(len(os.listdir(f"/proc/{template.process.pid}/fd")), descriptors)
        with open(f"/proc/{template.process.pid}/task/{template.process.pid}/children") as file:
            self.assertEqual(len(file.read().split()), 1)


if __name__ == "__main__":
    unittest.main()
