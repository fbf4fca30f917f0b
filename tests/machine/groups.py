#!/usr/bin/env python3
"""Where a daemon's groups go on a machine whose tree belongs to a manager, as systemd's does. Runs in a machine of its own.

    groups.py --runner virga-sandbox-run --attempts attempts
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

import harness

TOP = "/sys/fs/cgroup"
USER = 54321
MIB = 1 << 20
failures = []


def check(name, good, detail=""):
    print(f"{'ok  ' if good else 'FAIL'} {name} {detail}", flush=True)
    if not good:
        failures.append(name)


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def make_group(path, controllers):
    """A group that hands these controllers down."""
    os.mkdir(f"{TOP}/{path}")
    if controllers:
        write(f"{TOP}/{path}/cgroup.subtree_control", controllers)


def inside(group, *more):
    """A prefix that runs a command in a group."""
    return ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', f"{TOP}/{group}", *more]


class Place:
    """A folder with the programs that a user without privileges can run as well."""

    def __init__(self, options):
        self.folder = tempfile.mkdtemp(prefix="virga-groups-")
        os.chmod(self.folder, 0o755)
        self.code = os.path.join(self.folder, "code")
        os.mkdir(self.code)
        shutil.copy(options.attempts, os.path.join(self.code, "attempts"))
        self.program = shutil.copy(options.runner, os.path.join(self.folder, "runner"))

    def state(self, name):
        path = os.path.join(self.folder, name)
        os.mkdir(path, 0o700)
        return path


def holds(runner, place, label):
    """The limits of v2, each seen to hold: memory, processes, CPU, freezing, killing."""
    code = place.code
    number = runner.start(["/var/task/attempts", "hog"], code=code, memory=32 * MIB)
    runner.wait(number, "started")
    ended = runner.wait(number, "ended")
    check(f"{label}: memory.max ends the program", ended.get("reason") == "out_of_memory" and ended["oom_kills"] > 0 and
          24 * MIB < ended["peak_memory"] <= 40 * MIB, str(ended))

    log = os.path.join(place.folder, f"log-{len(os.listdir(place.folder))}")
    write(log, "")
    os.chmod(log, 0o666)
    number = runner.start(["/var/task/attempts", "forks"], code=code, processes=40, log=log)
    runner.wait(number, "started")
    runner.wait(number, "ended")
    made = int(read(log).split()[1])
    check(f"{label}: pids.max stops a fork bomb", 36 <= made <= 40, f"{made} forks")

    number = runner.start(["/var/task/attempts", "spin"], code=code, init_cpus=0.1)
    runner.wait(number, "started")
    begin = time.monotonic()
    first = used(runner, number)
    time.sleep(1)
    share = (used(runner, number) - first) / 1e6 / (time.monotonic() - begin)
    check(f"{label}: cpu.max holds", 0.02 < share < 0.16, f"{share:.3f} of a core")
    runner.send(do="freeze", id=number)
    time.sleep(0.2)
    first = used(runner, number)
    time.sleep(0.3)
    check(f"{label}: cgroup.freeze stops it", used(runner, number) - first < 2000)
    runner.send(do="kill", id=number)
    check(f"{label}: cgroup.kill ends it while frozen", runner.wait(number, "ended")["reason"] == "killed")


def used(runner, number):
    runner.send(do="query", id=number)
    return runner.wait(number, "usage")["cpu_us"]


def session(options, place):
    """Root at a terminal: the session's group has no cpu controller and other processes in it."""
    make_group("user.slice", "+memory +pids")
    make_group("user.slice/session.scope", "")
    bystander = subprocess.Popen(inside("user.slice/session.scope", "/bin/sleep", "600"))
    state = place.state("session")
    runner = harness.Runner(options.runner, state, prefix=inside("user.slice/session.scope"), blanks=1)
    check("session: it has limits", runner.hello["cgroups"])
    groups = harness.cgroups_of(state)
    check("session: the groups lie at the top, beside the manager's", groups[:1] == [f"{TOP}/{harness.cgroup_name(state)}"],
          str(groups[:1]))
    holds(runner, place, "session")
    where = read(f"/proc/{bystander.pid}/cgroup").strip()
    check("session: whoever else is in it stays", where == "0::/user.slice/session.scope", where)
    runner.close()
    check("session: nothing is left", not harness.cgroups_of(state))
    bystander.kill()
    bystander.wait()
    os.rmdir(f"{TOP}/user.slice/session.scope")
    os.rmdir(f"{TOP}/user.slice")


def unit(options, place):
    """A unit with Delegate=yes: the groups go into it, and the daemon makes room for them."""
    make_group("system.slice", "+memory +pids +cpu")
    make_group("system.slice/virga.service", "")
    os.setxattr(f"{TOP}/system.slice/virga.service", "trusted.delegate", b"1")
    state = place.state("unit")
    for turn in ("first", "second"):
        inner = "system.slice/virga.service" + ("" if turn == "first" else "/virga-daemon")
        runner = harness.Runner(options.runner, state, prefix=inside(inner), blanks=1)
        groups = harness.cgroups_of(state)
        check(f"unit, {turn} start: the groups lie in the unit",
              groups[:1] == [f"{TOP}/system.slice/virga.service/{harness.cgroup_name(state)}"], str(groups[:1]))
        where = read(f"/proc/{runner.process.pid}/cgroup").strip()
        check(f"unit, {turn} start: the daemon is in a leaf", where == "0::/system.slice/virga.service/virga-daemon", where)
        runner.close()
        check(f"unit, {turn} start: no group is left", not harness.cgroups_of(state))
    for path in ("system.slice/virga.service/virga-daemon", "system.slice/virga.service", "system.slice"):
        os.rmdir(f"{TOP}/{path}")


def delegated(options, place):
    """A subtree that was given to a user: without root, with limits."""
    group = f"user-{USER}"
    make_group(group, "")
    for file in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
        os.chown(f"{TOP}/{group}/{file}", USER, USER)
    state = place.state("delegated")
    os.chown(state, USER, USER)
    as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    runner = harness.Runner(place.program, state, prefix=inside(group, *as_user), blanks=1)
    check("delegated: rootless, and it has limits", runner.hello["cgroups"] and not runner.hello["root"], str(runner.hello))
    holds(runner, place, "delegated")
    runner.close()
    check("delegated: nothing is left", not harness.cgroups_of(state))

    plain = place.state("plain")
    os.chown(plain, USER, USER)
    runner = harness.Runner(place.program, plain, prefix=as_user, blanks=1)
    check("not delegated: rootless works without limits", not runner.hello["cgroups"], str(runner.hello))
    runner.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--attempts", required=True)
    options = parser.parse_args()
    # As systemd does for its units.
    write(f"{TOP}/cgroup.subtree_control", "+memory +pids +cpu")
    place = Place(options)
    for part in (session, unit, delegated):
        part(options, place)
    shutil.rmtree(place.folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
