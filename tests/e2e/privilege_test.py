"""Started by root, the daemon serves without any privilege; its helper keeps what sandboxes need."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from virga import PROGRAM, SOURCE, Virga, main, request, wait_until

HELLO = "exports.handler = async (event) => { console.log('seen'); return { hello: event.name ?? 'world' }; };"
SETS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]
OTHER = "nobody"  # a user that every machine has


def status_of(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def helper_of(daemon):
    """The process that makes sandboxes; its parent, the keeper, only starts it."""
    (keeper,) = children(daemon)
    return next(iter(children(keeper)), None)


def invoke(virga, name, event):
    api = virga.client("lambda", retries={"max_attempts": 0})
    return json.load(api.invoke(FunctionName=name, Payload=json.dumps(event).encode())["Payload"])


@unittest.skipUnless(os.geteuid() == 0, "only root has privileges to give up")
class Privilege(unittest.TestCase):
    def check_powerless(self, pid, user):
        # Every thread: capabilities and filters belong to threads.
        for task in Path(f"/proc/{pid}/task").iterdir():
            status = status_of(f"{pid}/task/{task.name}")
            for name in SETS:
                self.assertEqual(int(status[name], 16), 0, f"{name} of thread {task.name}")
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Seccomp"], "2")
            self.assertEqual(status["Uid"].split(), [str(user)] * 4)
            self.assertEqual(status["Groups"], "")
        # Not dumpable: what belongs to it in /proc is root's, so nobody else may read its memory.
        self.assertEqual(os.stat(f"/proc/{pid}/mem").st_uid, 0)

    def check_confined(self, pid, data):
        """Only the data folder can be written, as the daemon's mounts have it. The control: the host's mounts."""
        options = {}
        for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
            fields = line.split()
            options[fields[4]] = fields[5].split(",")  # a later mount at a place covers the earlier one
        writable = [place for place, set_ in options.items() if "rw" in set_ and not place.startswith(str(data))]
        self.assertEqual(writable, [])
        self.assertIn("rw", options[str(data)])
        # Tried as the same user with what the daemon sees, beside the data folder and in it.
        user = status_of(pid)["Uid"].split()[0]
        with tempfile.TemporaryDirectory(prefix="virga-e2e-") as beside:
            os.chown(beside, int(user), -1)
            for mounts, folder, expected in [(pid, beside, False), (pid, data, True), (os.getpid(), beside, True)]:
                command = ["nsenter", "--mount", "--target", str(pid if mounts == pid else os.getpid()), "setpriv", "--reuid",
                           user, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "touch", f"{folder}/probe"]
                done = subprocess.run(command, capture_output=True, text=True, timeout=20)
                self.assertEqual(done.returncode == 0, expected, f"{folder}: {done.stderr}")
            os.unlink(data / "probe")
        control = {line.split()[4]: line.split()[5] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
        self.assertIn("rw", control["/"].split(","))

    def exercise(self, virga):
        virga.create_node("hello", HELLO)
        self.assertEqual(invoke(virga, "hello", {"name": "Ada"}), {"hello": "Ada"})
        logs = subprocess.run([PROGRAM, "logs", "hello", "--json"], capture_output=True, text=True, timeout=20,
                              env=virga.client_environment(), check=True)
        self.assertIn("seen", logs.stdout)
        self.assertEqual(request(virga.url + "/readyz").status, 200)
        self.assertIn("process_open_fds", request(virga.url + "/metrics").text)

    def test_a_daemon_that_stays_user_0_holds_no_capability_and_writes_its_folder_only(self):
        with Virga() as virga:
            pid = virga.process.pid
            self.check_powerless(pid, 0)
            self.check_confined(pid, virga.data.resolve())
            self.exercise(virga)
            # The control: the helper has what the daemon gave up.
            helper = status_of(helper_of(pid))
            self.assertNotEqual(int(helper["CapEff"], 16), 0)

    def test_a_daemon_of_another_user_owns_its_folder(self):
        with tempfile.TemporaryDirectory(prefix="virga-e2e-") as folder:
            os.chmod(folder, 0o755)
            data = Path(folder) / "data"
            data.mkdir()
            user = pwd.getpwnam(OTHER)
            with Virga("--user", OTHER, data=data) as virga:
                self.check_powerless(virga.process.pid, user.pw_uid)
                self.check_confined(virga.process.pid, data)
                self.assertIn("data folder handed over", virga.log_text())
                self.exercise(virga)
                for path in data.rglob("*"):
                    self.assertEqual(path.lstat().st_uid, user.pw_uid, path)
                # Again on the same folder, with what is there.
                virga.stop()
                virga.start()
                self.assertEqual(invoke(virga, "hello", {}), {"hello": "world"})
                self.assertEqual(virga.log_text().count("data folder handed over"), 1)

    def test_a_new_folder_and_one_with_traces_of_root_are_served(self):
        user = pwd.getpwnam(OTHER)
        with tempfile.TemporaryDirectory(prefix="virga-e2e-") as folder:
            os.chmod(folder, 0o755)
            data = Path(folder) / "data"
            command = [str(PROGRAM), "serve", "--port", "0", "--data", str(data), "--json", "--user", OTHER]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual(json.loads(process.stdout.readline() or "{}").get("user"), OTHER)
            process.terminate()
            process.communicate(timeout=20)
            self.assertEqual({path.lstat().st_uid for path in [data, *data.rglob("*")]}, {user.pw_uid})
            # As a version that served as root left it: the folder is the user's, what is in it is root's.
            for path in data.rglob("*"):
                os.lchown(path, 0, 0)
            with Virga("--user", OTHER, data=data) as virga:
                self.exercise(virga)

    def test_a_folder_that_root_used_is_handed_over_without_following_symlinks(self):
        with tempfile.TemporaryDirectory(prefix="virga-e2e-") as folder:
            os.chmod(folder, 0o755)
            data = Path(folder) / "data"
            data.mkdir()
            outside = Path(folder) / "outside"
            outside.write_text("root's")
            with Virga(data=data) as virga:
                virga.create_node("hello", HELLO)
            (data / "link").symlink_to(outside)
            with Virga("--user", OTHER, data=data) as virga:
                self.assertEqual(invoke(virga, "hello", {}), {"hello": "world"})
            self.assertEqual(outside.stat().st_uid, 0)
            # The folder's owner is who serves from then on, and `repair` works as that user.
            with Virga(data=data) as virga:
                self.check_powerless(virga.process.pid, pwd.getpwnam(OTHER).pw_uid)
            subprocess.run([PROGRAM, "repair", "--data", data], check=True, capture_output=True, timeout=20)
            with Virga(data=data) as virga:
                self.assertEqual(invoke(virga, "hello", {}), {"hello": "world"})

    def test_the_death_of_the_helper_is_survived_without_privilege(self):
        for arguments in ([], ["--user", OTHER]):
            with self.subTest(arguments=arguments), Virga(*arguments) as virga:
                virga.create_node("hello", HELLO)
                self.assertEqual(invoke(virga, "hello", {}), {"hello": "world"})
                before = helper_of(virga.process.pid)
                os.kill(before, signal.SIGKILL)
                wait_until(lambda: helper_of(virga.process.pid) not in (None, before), 10, "a new helper")

                def answers():
                    with contextlib.suppress(Exception):  # refused while the new helper starts
                        return invoke(virga, "hello", {}) == {"hello": "world"}
                    return False

                wait_until(answers, 15, "an answer with the new helper")
                virga.create_node("more", HELLO)
                self.assertEqual(invoke(virga, "more", {"name": "Bo"}), {"hello": "Bo"})

    def test_without_the_keeper_it_says_that_it_is_no_longer_ready(self):
        with Virga() as virga:
            (keeper,) = children(virga.process.pid)
            helper = helper_of(virga.process.pid)
            os.kill(keeper, signal.SIGKILL)
            os.kill(helper, signal.SIGKILL)
            wait_until(lambda: request(virga.url + "/readyz").status == 503, 10, "not ready")
            self.assertIn("until Virga is started again", virga.log_text())
            # The next daemon on the folder removes the groups that nobody was left to remove.
            virga.stop()
            virga.start()

    def test_nothing_is_left_when_it_ends(self):
        with Virga() as virga:
            (keeper,) = children(virga.process.pid)
            processes = [keeper, helper_of(virga.process.pid)]
            virga.stop()
            for pid in processes:
                self.assertFalse(Path(f"/proc/{pid}").exists())
            # And when it is killed.
            virga.start()
            (keeper,) = children(virga.process.pid)
            processes = [keeper, helper_of(virga.process.pid)]
            virga.stop(signal.SIGKILL)
            wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), 10, "the helper's end")

    def test_a_port_below_1024_is_bound_before_privilege_is_gone(self):
        # A network of its own, where the port is free.
        script = "ip link set lo up && exec \"$@\""
        with tempfile.TemporaryDirectory(prefix="virga-e2e-") as data:
            command = ["unshare", "--net", "sh", "-c", script, "-", PROGRAM, "serve", "--port", "80", "--data", data, "--json",
                       "--user", OTHER]
            process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       stdin=subprocess.DEVNULL, text=True)
            try:
                ready = json.loads(process.stdout.readline() or "{}")
                self.assertEqual(ready.get("port"), 80)
                self.assertEqual(ready["user"], OTHER)
                self.check_powerless(ready["pid"], pwd.getpwnam(OTHER).pw_uid)
            finally:
                process.terminate()
                process.communicate(timeout=20)

    def test_a_user_that_cannot_be_is_refused_in_one_line(self):
        for user, data, expected in [("no-such-user-here", "/tmp/any", "no such user"),
                                     (OTHER, "/root/virga-e2e-none", "--data")]:
            done = subprocess.run([PROGRAM, "serve", "--port", "0", "--data", data, "--user", user], capture_output=True,
                                  text=True, timeout=20)
            said = (done.stdout + done.stderr).strip()
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(len(said.splitlines()), 1, said)
            self.assertIn(expected, said)
            self.assertFalse(Path(data).exists())

    def test_the_development_server_works_in_a_folder_of_roots_alone(self):
        with tempfile.TemporaryDirectory(prefix="virga-e2e-", dir="/root") as folder:
            os.chmod(folder, 0o700)
            shutil.copytree(SOURCE / "examples" / "hello" / "node", Path(folder) / "hello")
            process = subprocess.Popen([PROGRAM, "dev", "hello", "--port", "0", "--json"], cwd=folder, text=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
            try:
                ready = json.loads(process.stdout.readline() or "{}")
                self.assertEqual([function.get("error") for function in ready.get("functions", [{"error": ready}])], [None])
                self.check_powerless(process.pid, 0)
                self.check_confined(process.pid, Path(folder) / ".virga")
            finally:
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=20)
            self.assertEqual(process.returncode, 0, out + err)


if __name__ == "__main__":
    main()
