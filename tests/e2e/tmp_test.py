"""/tmp of a function: as large as it was asked for, its own, gone afterwards, and smaller where the machine has no disks."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from virga import ROLE, Virga, main, skip, wait_until, zip_of

MIB = 1 << 20
FUNCTION = """
import errno, os

def handler(event, context):
    os.chdir("/tmp")
    found = sorted(os.listdir("."))
    block, written, refused = bytes(1 << 20), 0, None
    try:
        with open(event["file"], "wb", buffering=0) as file:
            for _ in range(event["megabytes"]):
                written += file.write(block)
    except OSError as error:
        refused = errno.errorcode[error.errno]
    if event.get("sync"):
        try:
            os.sync()
            with open(event["file"], "rb") as file:
                os.fsync(file.fileno())
        except OSError as error:
            refused = refused or errno.errorcode[error.errno]
    return {"found": found, "written": written >> 20, "refused": refused, "size": os.stat(event["file"]).st_size >> 20}
"""


def loops_of(folder):
    """Loop devices whose file lies, or lay, in this folder."""
    found = []
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            if path.read_text().startswith(str(folder)):
                found.append(path.parts[3])
        except OSError:
            pass  # let go of at this moment
    return found


def create(daemon, name="writer", **options):
    api = daemon.client("lambda", read_timeout=100)
    api.create_function(FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Timeout=90,
                        Code={"ZipFile": zip_of({"app.py": FUNCTION})}, **{"MemorySize": 128, **options})
    return lambda **event: json.loads(api.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read())


def helpers_of(daemon):
    """The processes of virga-spawn that are no sandbox's: the keeper and the helper."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = dict(line.split(":\t", 1) for line in (entry / "status").read_text().splitlines() if ":\t" in line)
                names[int(entry.name)] = (fields["Uid"].split()[0], (entry / "cmdline").read_bytes())
            except OSError:
                continue
            parents[int(entry.name)] = int(fields["PPid"])
    below, todo = [], [daemon.process.pid]
    while todo:
        above = todo.pop()
        children = [pid for pid, parent in parents.items() if parent == above]
        below += children
        todo += children
    return [pid for pid in below if names[pid][0] == "0" and names[pid][1].startswith(b"virga-spawn")]


class OwnDisk(unittest.TestCase):
    def test_all_of_it_can_be_written_and_no_more(self):
        with Virga() as daemon:
            write = create(daemon)
            first = write(file="a", megabytes=400)
            self.assertEqual(first, {"found": [], "written": 400, "refused": None, "size": 400})
            more = write(file="b", megabytes=400)
            self.assertEqual((more["found"], more["refused"]), (["a"], "ENOSPC"))
            self.assertTrue(110 <= more["written"] < 130, more)
            # The pages of these files are the kernel's to take back, so nobody ran out of memory.
            self.assertEqual(write(file="c", megabytes=0)["found"], ["a", "b"])
            # Another function's is its own, of another size, and begins empty.
            other = create(daemon, "other", EphemeralStorage={"Size": 600})
            self.assertEqual(other(file="a", megabytes=550), {"found": [], "written": 550, "refused": None, "size": 550})
            self.assertNotIn("/tmp", daemon.log_text())
            data = daemon.data
        wait_until(lambda: not loops_of(data), 10, "the loop devices are let go of")

    def test_nothing_is_left_after_a_sudden_end(self):
        for order in ("daemon first", "helper first"):
            with self.subTest(order), tempfile.TemporaryDirectory(prefix="virga-tmp-") as folder:
                daemon = Virga(data=folder)
                daemon.start()
                try:
                    write = create(daemon)
                    self.assertEqual(write(file="a", megabytes=64)["written"], 64)
                    self.assertTrue(loops_of(folder))
                    # The files have no names, not even while they are in use.
                    self.assertFalse([path for path in Path(folder).rglob("*") if path.is_file() and
                                      path.stat().st_size > 100 * MIB])
                    helpers = helpers_of(daemon)
                    self.assertTrue(helpers)
                    if order == "helper first":
                        for pid in helpers:
                            os.kill(pid, signal.SIGKILL)
                    daemon.stop(signal.SIGKILL)
                    if order == "daemon first":
                        for pid in helpers:
                            try:
                                os.kill(pid, signal.SIGKILL)
                            except ProcessLookupError:
                                pass  # it saw the daemon's end already
                    wait_until(lambda: not loops_of(folder), 15, "the loop devices are let go of")
                    mounts = Path("/proc/self/mounts").read_text()
                    self.assertNotIn(folder, mounts)
                    # The next daemon on the folder removes the groups that nobody was left to remove.
                    daemon.start()
                finally:
                    daemon.stop()


class WithoutDisks(unittest.TestCase):
    """What a machine lacks is hidden from the daemon in a mount namespace of its own."""

    def daemon_without(self, hide):
        script = f'{hide} && exec "$0" "$@"'
        folder = tempfile.TemporaryDirectory(prefix="virga-tmp-")
        self.addCleanup(folder.cleanup)
        daemon = Virga(data=folder.name)
        program = Path(folder.name, "virga-here")
        program.write_text(f"#!/bin/sh\nexec unshare --mount --propagation private /bin/sh -c '{script}' "
                           f"{os.environ.get('VIRGA')} \"$@\"\n")
        program.chmod(0o755)
        daemon.program = program
        return daemon

    def check(self, hide, reason):
        import virga

        daemon = self.daemon_without(hide)
        kept, virga.PROGRAM = virga.PROGRAM, daemon.program
        try:
            with daemon:
                write = create(daemon)
                answer = write(file="a", megabytes=400)
                self.assertEqual(answer["refused"], "ENOSPC")
                self.assertTrue(60 <= answer["written"] <= 72, answer)
                log = daemon.log_text()
                self.assertIn("functions get less /tmp than they asked for", log)
                self.assertIn(reason, log)
        finally:
            virga.PROGRAM = kept

    def test_without_mkfs(self):
        self.check("mount --bind /dev/null /usr/sbin/mkfs.ext4", "mkfs.ext4 is missing (install the package e2fsprogs)")

    def test_without_loop_devices(self):
        self.check("mount --bind /dev/null /dev/loop-control", "find a free loop device")


class HostDisk(unittest.TestCase):
    def on_small_disk(self, megabytes):
        disk = tempfile.mkdtemp(prefix="virga-tmp-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", disk], check=True)

        def remove():
            subprocess.run(["umount", "-l", disk], check=True)
            os.rmdir(disk)

        self.addCleanup(remove)
        return disk

    def test_too_small_for_it(self):
        with Virga(data=self.on_small_disk(300)) as daemon:
            write = create(daemon)
            self.assertTrue(60 <= write(file="a", megabytes=400)["written"] <= 72)
            self.assertIn("MB free, and 512 MB were asked for", daemon.log_text())

    def test_that_fills_up_meanwhile_hangs_nobody(self):
        disk = self.on_small_disk(700)
        with Virga(data=disk) as daemon:
            write = create(daemon)
            self.assertEqual(write(file="a", megabytes=1)["written"], 1)
            with open(Path(disk, "filler"), "wb") as filler:
                try:
                    while True:
                        filler.write(bytes(MIB))
                        filler.flush()
                except OSError:
                    pass
            answers = []
            call = threading.Thread(target=lambda: answers.append(write(file="b", megabytes=300, sync=True)))
            call.start()
            call.join(60)
            self.assertTrue(answers, "the function hangs")
            self.assertIsNotNone(answers[0]["refused"], answers)
            Path(disk, "filler").unlink()
            begin = time.monotonic()
        self.assertLess(time.monotonic() - begin, 15, "the daemon hangs at its end")
        wait_until(lambda: not loops_of(disk), 10, "the loop devices are let go of")


if __name__ == "__main__":
    if os.geteuid() != 0:
        skip("disks for /tmp need root")
    if not os.path.exists("/dev/loop-control") or not shutil.which("mkfs.ext4", path="/usr/sbin:/sbin"):
        skip("this machine has no loop devices or no mkfs.ext4")
    main()
