#!/usr/bin/env python3
"""The sandbox on a fresh Debian: its kernel, control groups of version 2 only, an older landlock. In a virtual machine.

    cgroup_v2_test.py --runner virga-sandbox-run --attempts attempts --unit virga_sandbox_test --virga virga --work FOLDER
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from machine import Machine, Unavailable

SKIPPED = 77
SECONDS = 600  # for all of it; about 130 where qemu computes every instruction and nothing else runs
SOURCE = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"


def steps(options):
    tools = ["--runner", options.runner, "--attempts", options.attempts]
    environment = {"VIRGA": options.virga, "VIRGA_SOURCE": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1",
                   "VIRGA_PATIENCE": "5",
                   "PYTHONPATH": f"{SOURCE / 'tests' / 'abuse'}:{SOURCE / 'tests' / 'e2e'}"}

    def step(name, command, seconds, refuse=()):
        return {"name": name, "command": command, "seconds": seconds, "environment": environment, "refuse": list(refuse)}

    return [
        # Nothing may be skipped for want of a controller.
        step("unit tests of the groups and the helper", [options.unit, "--gtest_filter=Cgroup*:HelperTest.*"], 90,
             ["SKIPPED"]),
        step("groups: session, delegated unit, delegated to a user", [PYTHON, HERE / "groups.py", *tools], 90),
        step("serve, deploy, invoke, memory limit, doctor", [PYTHON, HERE / "serve.py"], 90),
        step("abuse list", [PYTHON, SOURCE / "tests" / "abuse" / "run.py", *tools, "--stems", "attempts"], 300,
             ["rootless: skipped"]),
        step("nothing is left", [PYTHON, SOURCE / "tests" / "abuse" / "leaks.py", *tools, "--count", "16"], 120),
    ]


def main():
    parser = argparse.ArgumentParser()
    for name in ("runner", "attempts", "unit", "virga", "work"):
        parser.add_argument("--" + name, required=True, type=os.path.abspath)
    options = parser.parse_args()
    if not os.access(options.virga, os.X_OK):
        print(f"skipped: {options.virga} is not built")
        return SKIPPED
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    failures, done = [], False
    try:
        machine = Machine(work, keep=[SOURCE])
        listed = work / "steps.json"
        listed.write_text(json.dumps(steps(options), default=str))
        print(f"kernel {machine.kernel.release}, {machine.accelerator}", flush=True)
        for line in machine.run([PYTHON, str(HERE / "guest.py"), str(listed)], SECONDS):
            print(f"{time.monotonic() - begin:6.1f} {line}", flush=True)
            if line.startswith("machine: FAIL"):
                failures.append(line)
            done = done or line == "machine: done"
    except Unavailable as reason:
        print(f"skipped: no virtual machine here: {reason}")
        return SKIPPED
    if not done:
        print(f"FAILED: the machine did not come to its end in {SECONDS} s")
    return 0 if done and not failures else 1


if __name__ == "__main__":
    sys.exit(main())
