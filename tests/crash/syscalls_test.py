#!/usr/bin/env python3
"""The disk refuses: one call, or every call from some moment on, fails; nothing is acknowledged that is not there.

    syscalls_test.py [--seconds 60] [--points 1000] [--seed N] [--only CALL ACTION NUMBER once|always]

The scenario runs on a daemon one of whose calls fails (disk_watch/): with EIO, with a full disk, with too many open files, or it
writes half of what it was given. The daemon must live on (or refuse to start, in one clear line) and answer for its health. What
was acknowledged must then be there (scenario.py), after a start on the folder as it lies there, or on what power loss would leave
of it: after a failed sync nothing vouches for the bytes it was for, so an acknowledgement that relies on a later sync of the
same bytes is found. A short write must not be felt at all.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from scenario import Lost, Scenario, require
from simulated_disk import Disk, Loss, read_journal
from virga import Virga, request
from watched import require_watch, watched

ACTIONS = {
    "write": ["eio", "enospc", "short"], "fsync": ["eio", "enospc"], "open": ["eio", "enospc", "emfile"],
    "rename": ["eio", "enospc"], "link": ["eio", "enospc"], "unlink": ["eio"], "mkdir": ["eio", "enospc"],
    "truncate": ["eio"], "allocate": ["eio", "enospc"],
}
# Each scenario makes at least so many of them; the later ones come now and then.
COUNTS = {"write": 150, "fsync": 90, "open": 45, "rename": 30, "link": 1, "unlink": 20, "mkdir": 265, "truncate": 10,
          "allocate": 8}

# Always tried: a full disk at which the database's own log file ended the daemon once.
KNOWN = [("write", "enospc", 54, True)]


def require_refused_start(virga, error):
    """A start that did not come about ended by itself and said why."""
    said = virga.log_text() + str(error)
    require('"error"' in said or '"level":"error"' in said, "the daemon ended without a word:", said[-500:])
    require("signal" not in said, said[-500:])


def one(folder, call, action, number, always, chance):
    """What happened: `refused` to start, `failed` (some request was refused), or `unfelt`."""
    journal = folder / "journal"
    virga = watched(folder, journal=journal, at=number, do=action, calls=call, always="1" if always else None)
    scenario = Scenario()
    try:
        virga.start()
    except AssertionError as error:
        if "not ready" not in str(error):
            raise
        require_refused_start(virga, error)
        outcome = "refused"
    else:
        try:
            scenario.run(virga, patience=3)
        except Lost:
            pass  # who waits for something that cannot be written waits in vain
        require(virga.process.poll() is None, "the daemon ended:", virga.log_text()[-500:])
        require(request(virga.url + "/healthz").status == 200, "the daemon is not well")
        outcome = "unfelt" if scenario.is_done else "failed"
        require(action != "short" or scenario.is_done, "a short write was felt:", scenario.failures())
    virga.stop(signal.SIGKILL)
    data = folder / "data"
    if chance.random() < 0.5:
        disk = Disk(data.resolve())
        for entry in read_journal(journal):
            disk.apply(entry)
        data = folder / "left"
        disk.leave(data, Loss.STRICT)
    virga = Virga(data=data)
    try:
        virga.start()
        scenario.check(virga, scenario.answered)
    finally:
        virga.stop(signal.SIGKILL)
    return outcome


def choose(options):
    if options.only:
        call, action, number, how = options.only
        return [(call, action, int(number), how == "always")]
    chance = random.Random(options.seed)
    points = list(KNOWN)
    for _ in range(options.points - len(KNOWN)):
        call = chance.choice([*ACTIONS, "write", "fsync", "fsync", "write"])
        action = chance.choice(ACTIONS[call])
        points.append((call, action, chance.randint(1, COUNTS[call]), action != "short" and chance.random() < 0.5))
    return points


def run(options, folder):
    deadline = time.monotonic() + options.seconds
    outcomes, wrong = Counter(), 0
    for point in choose(options):
        if time.monotonic() > deadline:
            break
        call, action, number, always = point
        with tempfile.TemporaryDirectory(prefix="virga-call-", dir=folder) as place:
            try:
                outcomes[one(Path(place), *point, random.Random(f"{options.seed} {point}"))] += 1
            except AssertionError as error:
                wrong += 1
                print(f"WRONG with --only {call} {action} {number} {'always' if always else 'once'}: {error}", flush=True)
    print(f"seed {options.seed}: {sum(outcomes.values()) + wrong} runs ("
          + ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())) + f"), {wrong} wrong")
    return sum(outcomes.values()) > 0 and not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=45, help="begin no more runs after so long")
    parser.add_argument("--points", type=int, default=1000, help="so many runs at most")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--only", nargs=4, metavar=("CALL", "ACTION", "NUMBER", "HOW"), help="this one")
    options = parser.parse_args()
    require_watch()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="virga-calls-") as folder:
        return 0 if run(options, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
