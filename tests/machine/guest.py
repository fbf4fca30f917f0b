#!/usr/bin/python3
"""The first program in the guest: runs the steps of a test one after the other, says how each went, and switches off.

    guest.py STEPS.json        [{"name": ..., "command": [...], "seconds": ..., "environment": {...}, "refuse": [...]}]

A step is good if its command exits with 0 in time and prints none of the texts in `refuse`. Of a good step its last line is told,
of a bad one all that it printed.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time

POWER_OFF = 0x4321FEDC  # reboot(2), LINUX_REBOOT_CMD_POWER_OFF


def run(step):
    """Returns why it is no good (None: it is), and what it printed."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", **step.get("environment", {})}
    process = subprocess.Popen(step["command"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace", env=environment, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=step["seconds"])
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return f"took longer than {step['seconds']} s", output
    if process.returncode:
        return f"exit status {process.returncode}", output
    for text in step.get("refuse", []):
        if text in output:
            return f"printed {text!r}", output
    return None, output


def steps(file):
    with open(file, encoding="utf-8") as text:
        todo = json.load(text)
    for step in todo:
        begin = time.monotonic()
        why, output = run(step)
        print(f"machine: {'FAIL' if why else 'ok'} {step['name']} ({time.monotonic() - begin:.1f} s)"
              + (f": {why}" if why else ""), flush=True)
        lines = output.splitlines()
        for line in lines[-120:] if why else lines[-1:]:
            print("    " + line, flush=True)
    print("machine: done", flush=True)


def main():
    # Process 1 reaps what others leave, so the steps have a process of their own.
    worker = os.fork()
    if worker == 0:
        steps(sys.argv[1])
        os._exit(0)
    while True:
        try:
            ended, _ = os.wait()
        except ChildProcessError:
            break
        if ended == worker:
            break
    sys.stdout.flush()
    os.sync()
    ctypes.CDLL(None).reboot(POWER_OFF)


if __name__ == "__main__":
    main()
