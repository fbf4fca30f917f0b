"""What happens when things break: sudden ends, a full disk, a busy port, a missing interpreter, damaged files."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from virga import PROGRAM, ROLE, SOURCE, Virga, main, wait_until, zip_of

HELLO = "exports.handler = async (event) => ({ hello: event.name ?? 'world' });"
KILLS = int(os.environ.get("VIRGA_KILLS", "100"))


def run_serve(*arguments):
    """Runs a daemon that is expected to refuse its start; returns its exit code and what it said."""
    command = [str(part) for part in (PROGRAM, "serve", *arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    return done.returncode, (done.stdout + done.stderr).strip()


def children(pid):
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(entry.name))
    return found


class Deployer(threading.Thread):
    """Creates and changes functions until the daemon goes away; remembers what was acknowledged."""

    def __init__(self, virga, acknowledged, seed):
        super().__init__()
        self.api = virga.client("lambda", retries={"max_attempts": 0}, read_timeout=10)
        self.acknowledged = acknowledged  # name: the timeouts that a reader may find
        self.random = random.Random(seed)
        self.error = None

    def run(self):
        from botocore.exceptions import ClientError

        try:
            while True:
                self.step()
        except ClientError as error:
            self.error = error
        except Exception:  # noqa: BLE001  the daemon was killed, in whatever way the client saw it
            pass

    def step(self):
        timeout = self.random.randint(1, 900)
        if not self.acknowledged or self.random.random() < 0.3:
            name = f"f{self.random.getrandbits(48):x}"
            self.api.create_function(
                FunctionName=name,
                Runtime="nodejs20.x",
                Handler="index.handler",
                Role=ROLE,
                Timeout=timeout,
                Code={"ZipFile": zip_of({"index.js": HELLO + f"// {self.random.randint(0, 9)}"})},
            )
            self.acknowledged[name] = {timeout}
            return
        name = self.random.choice(list(self.acknowledged))
        before = self.acknowledged[name]
        self.acknowledged[name] = before | {timeout}  # under way: either is right
        self.api.update_function_configuration(FunctionName=name, Timeout=timeout)
        self.acknowledged[name] = {timeout}
        if self.random.random() < 0.3:
            self.api.publish_version(FunctionName=name)


class SuddenEnds(unittest.TestCase):
    def test_a_killed_daemon_keeps_what_it_acknowledged(self):
        acknowledged = {}
        seed = int(os.environ.get("VIRGA_SEED", random.getrandbits(32)))
        print(f"seed {seed}, {KILLS} kills", flush=True)
        chance = random.Random(seed)
        with Virga() as virga:
            for kill in range(KILLS):
                deployer = Deployer(virga, acknowledged, chance.getrandbits(32))
                deployer.start()
                time.sleep(chance.uniform(0.005, 0.25))  # the moment of the kill is what varies
                virga.stop(signal.SIGKILL)
                deployer.join(15)
                self.assertFalse(deployer.is_alive())
                self.assertIsNone(deployer.error, f"seed {seed}, kill {kill}")
                virga.start()
                self.check(virga, acknowledged, f"seed {seed}, kill {kill}")
            self.assertGreater(len(acknowledged), 0)
            name = next(iter(acknowledged))
            answer = virga.client("lambda").invoke(FunctionName=name, Payload=b'{"name":"again"}')
            self.assertEqual(json.load(answer["Payload"]), {"hello": "again"})

    def check(self, virga, acknowledged, where):
        found = {}
        for page in virga.client("lambda").get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                found[function["FunctionName"]] = function
        for name, timeouts in acknowledged.items():
            self.assertIn(name, found, where)
            self.assertIn(found[name]["Timeout"], timeouts, where)
            acknowledged[name] = {found[name]["Timeout"]}
        # What was not acknowledged may be there, but then whole.
        for name, function in found.items():
            self.assertEqual(function["State"], "Active", where)
            acknowledged.setdefault(name, {function["Timeout"]})

    def test_the_death_of_the_helper_is_survived(self):
        with Virga() as virga:
            virga.create_node("hello", HELLO)
            api = virga.client("lambda", retries={"max_attempts": 0})
            self.assertEqual(json.load(api.invoke(FunctionName="hello")["Payload"]), {"hello": "world"})
            (keeper,) = children(virga.process.pid)
            (helper,) = children(keeper)
            os.kill(helper, signal.SIGKILL)
            wait_until(lambda: [p for p in children(keeper) if p != helper], 10, "a new helper")

            def answers():
                try:
                    return json.load(api.invoke(FunctionName="hello")["Payload"]) == {"hello": "world"}
                except Exception:  # noqa: BLE001  refused while the new helper starts
                    return False

            wait_until(answers, 15, "an answer with the new helper")
            self.assertIn("sandbox helper started anew", virga.log_text())


class RefusedStarts(unittest.TestCase):
    def test_a_second_daemon_on_the_same_folder(self):
        with Virga() as virga:
            code, said = run_serve("--port", 0, "--data", virga.data)
            self.assertNotEqual(code, 0)
            self.assertEqual(len(said.splitlines()), 1, said)
            self.assertIn(str(virga.data), said)
            self.assertIn(str(virga.process.pid), said)
            self.assertTrue(said.endswith("[VIRGA0003]"), said)

    def test_a_port_in_use(self):
        with tempfile.TemporaryDirectory() as data, socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            code, said = run_serve("--port", port, "--data", data)
            self.assertNotEqual(code, 0)
            self.assertEqual(len(said.splitlines()), 1, said)
            self.assertIn(str(port), said)
            self.assertIn("--port", said)
            self.assertTrue(said.endswith("[VIRGA0001]"), said)

    def test_an_address_of_another_machine(self):
        with tempfile.TemporaryDirectory() as data:
            code, said = run_serve("--port", 0, "--listen", "192.0.2.1", "--data", data)
            self.assertNotEqual(code, 0)
            self.assertIn("192.0.2.1", said)
            self.assertTrue(said.endswith("[VIRGA0002]"), said)

    def test_a_data_folder_that_cannot_be_made(self):
        with tempfile.NamedTemporaryFile() as file:
            code, said = run_serve("--port", 0, "--data", f"{file.name}/data")
            self.assertNotEqual(code, 0)
            self.assertEqual(len(said.splitlines()), 1, said)
            self.assertIn(f"{file.name}/data", said)
            self.assertTrue(said.endswith("[VIRGA0004]"), said)

    def test_a_damaged_data_folder(self):
        with Virga() as virga:
            virga.create_node("hello", HELLO)
            virga.stop()
            for path in (virga.data / "store").glob("MANIFEST-*"):
                path.write_bytes(path.read_bytes()[:20])
            code, said = run_serve("--port", 0, "--data", virga.data)
            self.assertNotEqual(code, 0)
            self.assertEqual(len(said.splitlines()), 1, said)
            self.assertIn(str(virga.data), said)
            self.assertTrue(said.endswith("[VIRGA0005]"), said)

    def test_no_runtimes(self):
        with tempfile.TemporaryDirectory() as data:
            code, said = run_serve("--port", 0, "--data", data, "--runtimes", data)
            self.assertNotEqual(code, 0)
            self.assertEqual(len(said.splitlines()), 1, said)
            self.assertIn("--runtimes", said)
            self.assertTrue(said.endswith("[VIRGA0012]"), said)


class Repair(unittest.TestCase):
    def test_there_is_nothing_to_repair_in_a_whole_folder(self):
        with Virga() as virga:
            virga.create_node("hello", HELLO)
            command = [PROGRAM, "repair", "--data", virga.data, "--json"]
            busy = subprocess.run(command, capture_output=True, text=True, timeout=20)
            self.assertNotEqual(busy.returncode, 0)
            self.assertIn(str(virga.process.pid), busy.stdout + busy.stderr)
            virga.stop()
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
            self.assertEqual(json.loads(done.stdout)["set_aside"], [])
            virga.start()
            self.assertEqual(len(virga.client("lambda").list_functions()["Functions"]), 1)


class MissingParts(unittest.TestCase):
    def test_a_missing_interpreter_is_named_with_its_fix(self):
        with tempfile.TemporaryDirectory() as folder:
            runtimes = Path(folder) / "runtimes"
            shutil.copytree(SOURCE / "runtimes", runtimes)
            manifest = runtimes / "node" / "runtime.json"
            changed = json.loads(manifest.read_text())
            changed["interpreters"] = ["/usr/bin/no-such-node"]
            manifest.write_text(json.dumps(changed))
            os.chmod(folder, 0o755)
            with Virga("--runtimes", str(runtimes)) as virga:
                virga.create_node("hello", HELLO)
                api = virga.client("lambda", retries={"max_attempts": 0})
                with self.assertRaises(api.exceptions.ClientError) as caught:
                    api.invoke(FunctionName="hello")
                message = str(caught.exception)
                self.assertIn("/usr/bin/no-such-node", message)
                self.assertIn("apt-get install", message)
                self.assertIn("[VIRGA0014]", message)

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a small disk")
    def test_a_full_disk_refuses_deploys_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            disk = Path(folder) / "disk"
            disk.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], check=True)
            try:
                self.fill_and_check(disk)
            finally:
                subprocess.run(["umount", disk], check=True)

    def fill_and_check(self, disk):
        with Virga(data=disk) as virga:
            virga.create_node("hello", HELLO)
            api = virga.client("lambda", retries={"max_attempts": 0})
            filler = disk / "filler"
            with open(filler, "wb") as file, self.assertRaises(OSError):
                while True:
                    file.write(b"x" * 65536)
                    file.flush()
            with self.assertRaises(api.exceptions.ClientError) as caught:
                virga.create_node("more", HELLO + "// " + random.Random(1).randbytes(300_000).hex())
            self.assertIn("the disk is full", str(caught.exception))
            self.assertIn("[VIRGA0009]", str(caught.exception))
            self.assertEqual(json.load(api.invoke(FunctionName="hello")["Payload"]), {"hello": "world"})
            filler.unlink()
            virga.create_node("more", HELLO)
            self.assertEqual(json.load(api.invoke(FunctionName="more")["Payload"]), {"hello": "world"})


if __name__ == "__main__":
    main()
