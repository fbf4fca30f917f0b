"""The command line: every verb against a real daemon, what it prints, and its exit codes."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

from virga import PROGRAM, SOURCE, Virga, descendants, main

OK, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3
HELLO = SOURCE / "examples" / "hello"
PYTHON = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("no \\x1b[31mgood")
    print("seen", event.get("name"))
    return {"hello": event.get("name", "world")}
"""


def clean_environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "VIRGA_")) and k != "NO_COLOR"}
    return {**kept, **more}


def virga(*arguments, stdin="", environment=None, directory=None):
    return subprocess.run(
        [PROGRAM, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=40,
        cwd=directory,
        env=environment or clean_environment(),
    )


def cgroups_of(pids):
    """The control groups of these processes as folders, without the one that this test is in."""
    mine = Path("/proc/self/cgroup").read_text().splitlines()
    folders = set()
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line in mine:
                continue
            _, controllers, path = line.split(":", 2)
            folders.add(Path("/sys/fs/cgroup") / controllers / path.lstrip("/"))
    return {folder for folder in folders if folder.exists() and folder != Path("/sys/fs/cgroup")}


class Usage(unittest.TestCase):
    def refuse(self, expected, *arguments):
        done = virga(*arguments)
        self.assertEqual(done.returncode, USAGE, done.stderr)
        self.assertIn(expected, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertNotIn("\x1b", done.stderr)

    def test_wrong_command_lines_are_refused_with_what_to_do(self):
        with tempfile.TemporaryDirectory() as folder:
            self.refuse("there is no verb 'inovke'. Did you mean `virga invoke`?", "inovke")
            self.refuse("there is no verb 'frobnicate'. `virga --help` lists them", "frobnicate")
            self.refuse("--nonsense", "list", "--nonsense")
            self.refuse("name is required", "invoke")
            self.refuse("--payload", "invoke", "f", "--payload", "{}", "--file", "x")
            self.refuse("the payload is no JSON", "invoke", "f", "--payload", "{")
            self.refuse("--payload", "invoke", "f", "{}", "--payload", "{}")
            self.refuse("the payload is no JSON", "invoke", "f", "{")
            self.refuse("nowhere.json", "invoke", "f", "--file", "nowhere.json")
            self.refuse("asks for TLS", "list", "--endpoint", "https://localhost")
            self.refuse("'localhost:4600' does not begin with http://", "list", "--endpoint", "localhost:4600")
            self.refuse("there is no file or folder 'nowhere'", "deploy", "nowhere")
            self.refuse("how to run it cannot be found out", "deploy", folder, "--name", "f")
            self.refuse("--memory", "deploy", folder, "--memory", "1")
            self.refuse("--yes", "rm", "f")
            self.refuse("there is no folder 'nowhere'", "dev", "nowhere")
            Path(folder, "virga.json").write_text('{"functions": {"a": {"timout": 3}}}')
            self.refuse("virga.json: functions.a.timout: there is no such member here", "deploy", folder)

    def test_help_and_version(self):
        self.assertRegex(virga("--version").stdout, r"^virga \d+\.\d+\.\d+\n$")
        whole = virga("--help")
        self.assertEqual(whole.returncode, OK)
        for verb in ["serve", "dev", "deploy", "invoke", "list", "logs", "rm", "doctor"]:
            self.assertRegex(whole.stdout, rf"(?m)^  {verb} ")
            one = virga(verb, "--help")
            self.assertEqual(one.returncode, OK, one.stderr)
            self.assertIn("Examples:", one.stdout)
            self.assertIn("--json", one.stdout)

    def test_a_virga_that_is_not_there(self):
        done = virga("list", "--endpoint", "http://127.0.0.1:1")
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertEqual(
            done.stderr,
            "virga list: cannot reach Virga at http://127.0.0.1:1: connection refused. Start it with: virga dev "
            "[VIRGA0034]\n",
        )
        done = virga("list", "--json", "--endpoint", "http://127.0.0.1:1")
        self.assertEqual(json.loads(done.stderr)["error"]["exit_code"], UNREACHABLE)

    def test_doctor(self):
        done = virga("doctor", "--port", "0", "--json")
        self.assertIn(done.returncode, (OK, FAILED), done.stderr)
        checks = json.loads(done.stdout)["checks"]
        names = {check["name"] for check in checks}
        self.assertLessEqual({"data folder", "port", "runtime python"}, names)
        missing = any(check["state"] == "missing" for check in checks)
        self.assertEqual(done.returncode, FAILED if missing else OK)


class Verbs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.code = Path(cls.folder.name) / "greet"
        cls.code.mkdir()
        (cls.code / "app.py").write_text(PYTHON)
        cls.daemon = Virga()
        cls.daemon.start()
        cls.environment = clean_environment(VIRGA_ENDPOINT=cls.daemon.url, VIRGA_DATA=str(cls.daemon.data))

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()
        cls.folder.cleanup()

    def run_verb(self, *arguments, code=OK, stdin=""):
        done = virga(*arguments, stdin=stdin, environment=self.environment)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_a_manifest_says_whether_a_function_is_forked(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "app.py").write_text("def handler(event, context): pass\n")
            api = self.daemon.client("lambda")
            # Created without, and then changed both ways; where it is not said, it is on.
            for templates, change, tags in ((False, "created", {"virga:templates": "off"}), (False, "unchanged", {"virga:templates": "off"}),
                                            (True, "updated", {}), (False, "updated", {"virga:templates": "off"}), (None, "updated", {})):
                settings = {} if templates is None else {"templates": templates}
                Path(folder, "virga.json").write_text(json.dumps({"functions": {"forked": settings}}))
                deployed = json.loads(self.run_verb("deploy", folder, "--json").stdout)["functions"][0]
                self.assertEqual(deployed["change"], change, settings)
                self.assertEqual(api.get_function(FunctionName="forked").get("Tags", {}), tags)

    def test_the_life_of_a_function(self):
        done = self.run_verb("deploy", self.code, "--url", "public", "-e", "WIDTH=640", "--memory", "256", "--json")
        deployed = json.loads(done.stdout)["functions"][0]
        self.assertEqual((deployed["name"], deployed["change"], deployed["version"]), ("greet", "created", "$LATEST"))
        with urllib.request.urlopen(deployed["url"], timeout=20) as response:
            self.assertEqual(json.load(response), {"hello": "world"})
        again = json.loads(self.run_verb("deploy", self.code, "--json").stdout)["functions"][0]
        self.assertEqual((again["change"], again["url"]), ("unchanged", deployed["url"]))
        published = json.loads(self.run_verb("deploy", self.code, "--memory", "512", "--publish", "--json").stdout)
        self.assertEqual(published["functions"][0]["change"], "updated")
        self.assertEqual(published["functions"][0]["version"], "1")

        self.assertEqual(self.run_verb("invoke", "greet", '{"name":"Ada"}').stdout, '{"hello": "Ada"}\n')
        piped = self.run_verb("invoke", "greet", "--file", "-", "--qualifier", "1", stdin='{"name":"Bob"}')
        self.assertEqual(json.loads(piped.stdout), {"hello": "Bob"})
        logged = self.run_verb("invoke", "greet", "--log", "--explain", "--payload", '{"name":"Eve"}')
        self.assertIn("seen Eve", logged.stderr)
        self.assertIn("START RequestId", logged.stderr)
        self.assertRegex(logged.stderr, r"(?m)^  run +\d")
        accepted = self.run_verb("invoke", "greet", "--async").stdout
        self.assertRegex(accepted, r"^accepted as [0-9a-f-]{36}$")
        self.assertIn("succeeded  greet", self.run_verb("status", accepted.split()[-1], "--wait", "20").stdout)

        failed = self.run_verb("invoke", "greet", "--payload", '{"fail":true}', code=FAILED)
        self.assertIn("greet failed: ValueError: no good", failed.stderr)
        self.assertNotIn("\x1b", failed.stderr)
        wide = json.loads(self.run_verb("invoke", "greet", "--payload", '{"fail":true}', "--json", code=FAILED).stdout)
        self.assertEqual(wide["function_error"], "Unhandled")
        self.assertEqual(wide["payload"]["errorType"], "ValueError")

        table = self.run_verb("list").stdout
        self.assertRegex(table, r"(?m)^greet +python3\.\d+ +512 MB +3 s +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d +http://")
        logs = self.run_verb("logs", "greet").stdout
        self.assertIn("seen Ada", logs)
        self.assertRegex(logs, r"(?m)ok [\d.]+ ms")
        lines = [json.loads(line) for line in self.run_verb("logs", "greet", "--json").stdout.splitlines()]
        self.assertIn("seen Bob\n", [line["text"] for line in lines])

        self.assertEqual(self.run_verb("rm", "greet", "--yes").stdout, "deleted greet\n")
        gone = self.run_verb("invoke", "greet", code=FAILED)
        self.assertRegex(gone.stderr, r"^virga invoke: ResourceNotFoundException: Function not found: ")
        self.assertIn("There is no function 'greet'", self.run_verb("logs", "greet", code=FAILED).stderr)

    def test_following_logs_shows_calls_as_they_come(self):
        self.run_verb("deploy", self.code, "--name", "followed")
        command = [PROGRAM, "logs", "-f", "followed"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=self.environment, text=True) as reader:
            try:
                self.run_verb("invoke", "followed", "--payload", '{"name":"live"}')
                readable, _, _ = select.select([reader.stdout], [], [], 20)
                self.assertTrue(readable)
                self.assertIn("seen live", reader.stdout.readline())
            finally:
                reader.send_signal(signal.SIGINT)
            self.assertEqual(reader.wait(10), -signal.SIGINT)

    def test_a_zip_and_a_folder_of_functions(self):
        deployed = json.loads(self.run_verb("deploy", HELLO, "--json").stdout)["functions"]
        self.assertEqual([one["name"] for one in deployed], ["hello-node", "hello-python", "hello-native"])
        refused = self.run_verb("deploy", HELLO, "--memory", "256", code=USAGE)
        self.assertIn("say with --name which one", refused.stderr)
        archive = Path(self.folder.name) / "zipped.zip"
        subprocess.run(["python3", "-m", "zipfile", "-c", archive, self.code / "app.py"], check=True)
        self.run_verb("deploy", archive)
        self.assertEqual(json.loads(self.run_verb("invoke", "zipped").stdout), {"hello": "world"})

    def test_no_call_sees_new_settings_with_old_code(self):
        api = self.daemon.client("lambda")
        with tempfile.TemporaryDirectory() as folder:
            def deploy(number):
                Path(folder, "app.py").write_text(
                    f"import os\n\ndef handler(event, context):\n    return [{number}, int(os.environ['NUMBER'])]\n")
                done = virga("deploy", folder, "--name", "both", "-e", f"NUMBER={number}", environment=self.environment)
                self.assertEqual(done.returncode, OK, done.stderr)

            deploy(0)
            ended = threading.Event()
            answers = []

            def call():
                while not ended.is_set():
                    answers.append(json.load(api.invoke(FunctionName="both")["Payload"]))

            caller = threading.Thread(target=call)
            caller.start()
            try:
                for number in range(1, 9):
                    deploy(number)
            finally:
                ended.set()
                caller.join(30)
            self.assertEqual(json.load(api.invoke(FunctionName="both")["Payload"]), [8, 8])
            self.assertEqual([pair for pair in answers if pair[0] != pair[1]], [])
            self.assertGreater(len({pair[0] for pair in answers}), 1)

    def test_keys(self):
        unknown = clean_environment(
            VIRGA_ENDPOINT=self.daemon.url, VIRGA_ACCESS_KEY_ID="nobody", VIRGA_SECRET_ACCESS_KEY="x"
        )
        done = virga("list", environment=unknown)
        self.assertEqual(done.returncode, FAILED)
        self.assertRegex(done.stderr, r"takes no key of VIRGA_ACCESS_KEY_ID: \w+Exception: .* \[VIRGA0037\]\n$")
        # A shell's key for AWS itself gives way to the daemon's own.
        foreign = {**self.environment, "AWS_ACCESS_KEY_ID": "AKIAFOREIGN", "AWS_SECRET_ACCESS_KEY": "x"}
        self.assertEqual(virga("list", environment=foreign).returncode, OK)


class Dev(unittest.TestCase):
    def test_ctrl_c_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            command = [PROGRAM, "dev", HELLO, "--port", "0", "--json"]
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env=clean_environment(),
            )
            try:
                readable, _, _ = select.select([process.stdout], [], [], 40)
                self.assertTrue(readable, "no ready line")
                ready = json.loads(process.stdout.readline())
                self.assertEqual(ready["event"], "ready")
                self.assertEqual([one.get("failure") for one in ready["functions"]], [None] * 3)
                with urllib.request.urlopen(ready["functions"][0]["url"] + "?name=Ada", timeout=20) as response:
                    self.assertEqual(json.load(response)["message"], "Hello, Ada!")
                self.assertTrue(Path(folder, ".virga").is_dir())
                below = descendants(process.pid)
                cgroups = cgroups_of(below)
                self.assertTrue(below)
                lines = [json.loads(process.stdout.readline()) for _ in range(4)]
                self.assertTrue(any(line["text"].endswith("greeting Ada\n") for line in lines), lines)
                # As a terminal does it: to every process of the group.
                os.killpg(process.pid, signal.SIGINT)
                rest = process.communicate(timeout=20)[0]
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            self.assertEqual(process.returncode, OK)
            self.assertEqual(json.loads(rest.splitlines()[-1]), {"event": "stopped"})
            self.assertEqual([pid for pid in below if Path(f"/proc/{pid}").exists()], [])
            self.assertEqual([str(path) for path in cgroups if path.exists()], [])
            self.assertNotIn(folder, Path("/proc/self/mountinfo").read_text())

    def test_the_banner_tells_a_person_how_to_go_on(self):
        with tempfile.TemporaryDirectory() as folder:
            parent, child = pty.openpty()
            process = subprocess.Popen(
                [PROGRAM, "dev", HELLO, "--port", "0"],
                cwd=folder,
                stdin=child,
                stdout=child,
                stderr=child,
                start_new_session=True,
                env=clean_environment(TERM="xterm"),
            )
            os.close(child)
            text = ""
            deadline = time.monotonic() + 40
            try:
                while "Ctrl-C stops" not in text and time.monotonic() < deadline:
                    if select.select([parent], [], [], 0.2)[0]:
                        text += os.read(parent, 65536).decode()
                    self.assertIsNone(process.poll(), text)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(20)
                os.close(parent)
            self.assertIn("\x1b[", text)
            plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
            self.assertRegex(plain, r"virga \d+\.\d+\.\d+ ready in \d+ ms")
            self.assertRegex(plain, r"hello-python +python3\.11 +[\d.]+ m?s +http://127\.0\.0\.1:\d+/fn/hello-python/")
            self.assertRegex(plain, r"curl http://127\.0\.0\.1:\d+/fn/hello-node/")
            self.assertRegex(plain, r"export AWS_ENDPOINT_URL=http://127\.0\.0\.1:\d+")
            self.assertEqual(process.returncode, OK)

    def test_a_port_in_use_is_said(self):
        with Virga() as first, tempfile.TemporaryDirectory() as folder:
            port = first.url.rsplit(":", 1)[1]
            done = virga("dev", "--port", port, directory=folder)
            self.assertEqual(done.returncode, FAILED)
            self.assertIn(port, done.stderr)


if __name__ == "__main__":
    main()
