"""Runs what an example's README.md says, command for command, on a copy of the example.

    with Example("thumbnails") as example, Virga() as virga:
        example.prepare()
        example.use(virga)
        output = example.run()

All its blocks of `sh` are one script, as if somebody pasted them one after the other. The first one installs what the
example needs from a registry: prepare() runs it, and if it fails the test is skipped and says so.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from e2e.virga import PROGRAM, SOURCE, skip

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALL_SECONDS = 240
PROGRAMS = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"  # the test clients' first


class Example:
    """A checkout that holds one example, the program and the documents, in a folder that goes with this."""

    def __init__(self, name):
        self._folder = tempfile.TemporaryDirectory(prefix="virga-example-")
        self.root = Path(self._folder.name)
        self.folder = self.root / "examples" / name
        kept = shutil.ignore_patterns("node_modules", "package-lock.json", "__pycache__", "mails")
        shutil.copytree(SOURCE / "examples" / name, self.folder, ignore=kept)
        shutil.copytree(SOURCE / "docs", self.root / "docs")
        (self.root / "build").mkdir()
        (self.root / "build" / "virga").symlink_to(PROGRAM)
        self.environment = {**os.environ, "PATH": PROGRAMS, "npm_config_update_notifier": "false"}
        self._install, *self._steps = BLOCK.findall((self.folder / "README.md").read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def prepare(self):
        done = self._bash(self._install, INSTALL_SECONDS)
        if done.returncode != 0:
            last = (done.stdout.strip().splitlines() or ["no word why"])[-1]
            skip(f"what {self.folder.name} needs could not be installed: {last}")

    def use(self, virga):
        self.environment = {**self.environment, **virga.client_environment(), "PATH": PROGRAMS}

    def run(self, seconds=120):
        """What the commands wrote. Fails the test that calls this if one of them fails."""
        done = self._bash("\n".join(self._steps), seconds)
        if done.returncode != 0:
            raise AssertionError(f"the README's commands failed with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def _bash(self, script, seconds):
        return subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=self.root, env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=seconds, check=False)


def need(*programs):
    """Skips the test where one of these is not there."""
    for program in programs:
        if not shutil.which(program, path=PROGRAMS):
            skip(f"there is no {program}")
