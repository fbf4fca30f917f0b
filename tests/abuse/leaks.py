#!/usr/bin/env python3
"""After many instances of each bad kind nothing is left: no process, group, mount, disk, namespace, descriptor or host id.

    leaks.py --runner virga-sandbox-run --attempts attempts [--count 1000] [--at-once 16]

A tenth as many are forks, each of a template of its own.
"""

import argparse
import collections
import os
import shutil
import sys
import tempfile
import time

import harness

SKIPPED = 77
MIB = 1 << 20

# Where the kernel ends a whole group at once, nobody may be left to say that the program did begin.
EARLY = "resource exhausted: it ran out of memory as it started: give it more than 8 MiB"

# Kind: arguments, options, milliseconds it may run before it is ended (None: it ends by itself), how it must end.
KINDS = {
    "hang": (["/var/task/attempts", "sleep"], {}, 5, {"killed"}),
    "crash": (["/var/task/attempts", "segv"], {"tmp": 512 * MIB}, None, {"signalled"}),
    "out of memory": (["/var/task/attempts", "hog"], {"memory": 8 * MIB, "tmp": MIB}, None, {"out_of_memory", EARLY}),
    "fork bomb": (["/var/task/attempts", "fork-bomb"], {"processes": 32, "init_cpus": 0.1}, 20, {"killed"}),
    "log flood": (["/var/task/attempts", "flood", "100000000"], {"init_cpus": 0.1}, 10, {"killed"}),
    "exit in a call": (["/var/task/attempts", "exit", "3"], {"listener": True, "tmp": 512 * MIB}, None, {"exited"}),
}


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return {line.split()[4] for line in file if "virga" in line}


def network_namespaces():
    """How many the kernel holds, those without a process included; 0 if it does not say."""
    try:
        with open("/proc/slabinfo", encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("net_namespace"))
    except OSError:
        return 0


def helper_state(pid):
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
        return {"descriptors": len(os.listdir(f"/proc/{pid}/fd")), "mounts": len(file.readlines())}


def settle(condition, seconds=10):
    """The kernel takes some things back a moment after a process ended."""
    deadline = time.monotonic() + seconds * harness.PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def steady_state(helper, children):
    """What the helper holds once everything that is made ahead of need is there."""
    state, since, deadline = None, 0, time.monotonic() + 15 * harness.PATIENCE
    while time.monotonic() < deadline:
        now = (helper_state(helper), len(harness.children_of(helper)))
        if now != state:
            state, since = now, time.monotonic()
        if time.monotonic() - since > 0.5 and now[1] == children:
            break
        time.sleep(0.05)
    return state[0]


def run_kind(runner, code, kind, count, at_once):
    arguments, options, patience, expected = KINDS[kind]
    ends = collections.Counter()
    running = collections.deque()
    started = 0
    while started < count or running:
        while started < count and len(running) < at_once:
            running.append(runner.start(arguments, code=code, log="/dev/null", **options))
            started += 1
        # One batch at a time: all of it runs together and is ended together.
        batch, running = list(running), collections.deque()
        alive = []
        for sandbox in batch:
            event = runner.wait(sandbox, "started", 60)
            if event["event"] == "started":
                alive.append(sandbox)
            else:
                ends[f"{event['code']}: {event['message']}"] += 1
        if patience is not None:
            time.sleep(patience / 1000)
            for sandbox in alive:
                runner.send(do="kill", id=sandbox)
        for sandbox in alive:
            ends[runner.wait(sandbox, "ended", 60)["reason"]] += 1
            runner.forget(sandbox)
    return ends, set(ends) <= expected


def judge(options, count, check, as_forks=False):
    folder = tempfile.mkdtemp(prefix="virga-leaks-")
    os.chmod(folder, 0o755)
    code = os.path.join(folder, "code")
    os.mkdir(code)
    shutil.copy(options.attempts, os.path.join(code, "attempts"))
    shutil.copy(os.path.join(os.path.dirname(options.attempts), "template"), code)
    state = os.path.join(folder, "state")
    blanks = 8
    primed = blanks // 2  # with a second process each, and a disk
    runner = harness.Runner(options.runner, state, blanks=blanks, as_forks=as_forks)
    helper = runner.hello["pid"]
    try:
        # The first primed blank that gets a task makes the helper open what it keeps for all of them.
        steady_state(helper, blanks + primed)
        ends, _ = run_kind(runner, code, "exit in a call", 1, 1)
        if as_forks and any(end.startswith("unimplemented: ") for end in ends):
            print(f"note forks: skipped, {dict(ends)}")
            shutil.rmtree(folder, ignore_errors=True)
            return
        has_disks = settle(lambda: len(harness.loops_of(state)) == blanks + primed)
        first = steady_state(helper, blanks + primed)
        networks = network_namespaces()
        for kind in KINDS:
            begin = time.monotonic()
            ends, good = run_kind(runner, code, kind, count, options.at_once)
            check(f"{count} x {kind}", good, f"{dict(ends)} {time.monotonic() - begin:.1f} s")
            # What may be left is what waits for the next start: one process and one set of groups for each blank.
            below = settle(lambda: len(harness.children_of(helper)) == blanks + primed)
            check(f"{kind}: no process is left", below, f"{len(harness.children_of(helper))} of blanks")
            # The helper tells the end first and tidies up after it, so it gets a moment here as well.

            def groups():
                return [path for path in harness.cgroups_of(state) if os.path.basename(path).startswith("i")]

            def kinds_of_groups():
                return {os.path.dirname(path) for path in groups()}

            good = settle(lambda: len(groups()) == blanks * len(kinds_of_groups()))
            check(f"{kind}: no group is left", good, f"{len(groups())} in {len(kinds_of_groups())}")
            if has_disks:
                good = settle(lambda: len(harness.loops_of(state)) == blanks + primed)
                check(f"{kind}: no disk is left", good, f"{len(harness.loops_of(state))} ahead of need")
            good = settle(lambda: helper_state(helper) == first)
            check(f"{kind}: no descriptor and no mount is left in the helper", good, f"{first} {helper_state(helper)}")
        # Others on this machine make some as well, and the kernel takes them back in batches.
        slack = 32 + len(KINDS) * count // 50
        settle(lambda: network_namespaces() <= networks + slack, 20)
        check("no network namespace is left", network_namespaces() <= networks + slack,
              f"{networks} before, {network_namespaces()} after")
    finally:
        runner.close()
    # Other work on this machine comes and goes, so what is counted is what is ours.
    check("no process is left at the end", not harness.children_of(helper) and helper not in harness.host_pids())
    check("no group is left at the end", not harness.cgroups_of(state), str(harness.cgroups_of(state)[:3]))
    check("no disk is left at the end", settle(lambda: not harness.loops_of(state)), str(harness.loops_of(state)))
    check("no mount is left at the end", not [path for path in mounts() if path.startswith(folder)])
    check("no file is left in the state folder", os.listdir(state) == [], str(os.listdir(state)))
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--attempts", required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=16)
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: sandboxes with root's help need root")
        return SKIPPED
    failures = []

    def check(name, good, detail=""):
        print(f"{'ok  ' if good else 'FAIL'} {name} {detail}", flush=True)
        if not good:
            failures.append(name)

    judge(options, options.count, check)
    judge(options, max(1, options.count // 10), lambda name, *more: check(f"forks: {name}", *more), as_forks=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
