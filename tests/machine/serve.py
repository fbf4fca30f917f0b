#!/usr/bin/env python3
"""The whole program on control groups of version 2: serve, deploy, invoke, limits, what REPORT and doctor say."""

import json
import re
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from virga import PROGRAM, Virga

FUNCTION = """
def handler(event, context):
    block = bytearray(event["megabytes"] << 20)
    return len(block) >> 20

def write(event, context):
    block = bytes(1 << 20)
    with open("/tmp/file", "wb", buffering=0) as file:
        return sum(file.write(block) for _ in range(event["megabytes"])) >> 20
"""
TOP = Path("/sys/fs/cgroup")


def virga(*arguments, expected=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != expected:
        raise AssertionError(f"virga {arguments}: {done.returncode} {done.stdout} {done.stderr}")
    return done


def doctor():
    done = subprocess.run([PROGRAM, "doctor", "--port", "0", "--json"], capture_output=True, text=True, timeout=60, check=False)
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


class OnVersionTwo(unittest.TestCase):
    def test_doctor_knows_this_machine(self):
        checks = doctor()
        self.assertEqual((checks["cgroups"]["state"], checks["cgroups"]["detail"]), ("ok", "v2"))
        self.assertEqual(checks["landlock"]["state"], "limited")  # this kernel's does less, and doctor says so
        self.assertRegex(checks["landlock"]["detail"], "^ABI [1-5]")
        self.assertEqual(checks["start as root"]["state"], "ok")
        self.assertEqual(checks["/tmp"]["state"], "ok", checks["/tmp"])

    def test_functions_run_within_their_limits(self):
        with Virga() as daemon, tempfile.TemporaryDirectory() as code:
            Path(code, "app.py").write_text(FUNCTION)
            reach = ["--endpoint", daemon.url, "--data", daemon.data]
            virga("deploy", code, "--name", "memory", "--runtime", "python3.11", "--handler", "app.handler", "--memory", 128,
                  "--timeout", 60, *reach)
            small = virga("invoke", "memory", "--payload", '{"megabytes": 1}', "--log", *reach)
            self.assertEqual(small.stdout.strip(), "1")
            report = re.search(r"Memory Size: 128 MB\s+Max Memory Used: (\d+) MB", small.stderr)
            self.assertTrue(report, small.stderr)
            self.assertTrue(4 <= int(report[1]) <= 60, report[1])
            self.assertIn("START RequestId", small.stderr)
            self.assertIn("END RequestId", small.stderr)

            more = virga("invoke", "memory", "--payload", '{"megabytes": 32}', "--log", *reach)
            used = int(re.search(r"Max Memory Used: (\d+) MB", more.stderr)[1])
            self.assertTrue(32 <= used <= 128, used)

            ended = virga("invoke", "memory", "--payload", '{"megabytes": 400}', *reach, expected=1)
            self.assertIn("Runtime.OutOfMemory", ended.stdout + ended.stderr)
            after = virga("invoke", "memory", "--payload", '{"megabytes": 2}', *reach)
            self.assertEqual(after.stdout.strip(), "2")

            # More than half of its memory, which would be all of a tmpfs.
            virga("deploy", code, "--name", "disk", "--runtime", "python3.11", "--handler", "app.write", "--memory", 128,
                  "--timeout", 60, *reach)
            written = virga("invoke", "disk", "--payload", '{"megabytes": 100}', "--log", *reach)
            self.assertEqual(written.stdout.strip(), "100")
            used = int(re.search(r"Max Memory Used: (\d+) MB", written.stderr)[1])
            self.assertTrue(8 <= used <= 128, used)
            self.assertNotIn("/tmp", daemon.log_text())
            groups = [path for path in TOP.iterdir() if path.name.startswith("virga-")]
            self.assertEqual(len(groups), 1, groups)
        deadline = time.monotonic() + 5
        while groups[0].exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertFalse(groups[0].exists(), "the daemon's group is left")


if __name__ == "__main__":
    unittest.main(verbosity=2)
