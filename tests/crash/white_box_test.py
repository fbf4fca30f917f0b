#!/usr/bin/env python3
"""The daemon ends with SIGKILL right before or after each of its writes, syncs, renames, links, unlinks and answers.

    white_box_test.py [--seconds 60] [--points N|all] [--seed N] [--only NUMBER before|after]

A run without an end counts them (disk_watch/). Then for each of them, or for some by the seed, the scenario begins in a new
folder, with a daemon that is killed there; a second daemon is killed at a random one of the first calls of its own start, or
does what it would do; a third one serves, and everything that clients had heard of must hold (scenario.py).
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from scenario import Scenario
from simulated_disk import read_journal
from virga import Virga
from watched import require_watch, watched

SIDES = ("before", "after")
CALLS_OF_A_START = 40  # a restart makes fewer


def count_calls(folder):
    virga = watched(folder, journal=folder / "journal")
    virga.start()
    scenario = Scenario()
    try:
        scenario.run(virga)
    finally:
        virga.stop(signal.SIGKILL)
    if not scenario.is_done:
        raise AssertionError(f"the scenario did not come to its end: {scenario.failures()}")
    return max(entry.number for entry in read_journal(folder / "journal"))


def start_if_it_lives(virga):
    try:
        virga.start()
        return True
    except (AssertionError, OSError):  # killed while it started
        return False


def one(folder, number, side, chance):
    """Whether the end came before the scenario's own."""
    scenario = Scenario()
    virga = watched(folder, at=number, do=side)
    if start_if_it_lives(virga):
        scenario.run(virga)
    came = virga.process is None or virga.process.poll() is not None
    virga.stop(signal.SIGKILL)
    virga = watched(folder, at=chance.randint(1, CALLS_OF_A_START), do=chance.choice(SIDES))
    start_if_it_lives(virga)
    virga.stop(signal.SIGKILL)
    virga = Virga(data=folder / "data")
    try:
        virga.start()
        scenario.check(virga, scenario.answered)
    finally:
        virga.stop(signal.SIGKILL)
    return came


def run(options, folder):
    first = folder / "first"
    first.mkdir()
    count = count_calls(first)
    print(f"{count} calls", flush=True)
    points = [(number, side) for number in range(1, count + 1) for side in SIDES]
    if options.only:
        points = [(int(options.only[0]), options.only[1])]
    elif options.points != "all":
        random.Random(options.seed).shuffle(points)
        points = points[:int(options.points)]
    deadline = time.monotonic() + options.seconds
    done, ends, lost = 0, 0, []
    for number, side in points:
        if done > 0 and options.points != "all" and time.monotonic() > deadline:
            break
        done += 1
        with tempfile.TemporaryDirectory(prefix="virga-box-", dir=folder) as place:
            try:
                ends += one(Path(place), number, side, random.Random(f"{options.seed} {number} {side}"))
            except AssertionError as error:
                lost.append((number, side))
                print(f"LOST {side} call {number}: {error}", flush=True)
    print(f"seed {options.seed}: {done} runs, {ends} ended by it, {len(lost)} with a loss")
    return ends > 0 and not lost


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=45, help="begin no more runs after so long")
    parser.add_argument("--points", default="1000", help="so many runs at most, or `all`, however long it takes")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--only", nargs=2, metavar=("NUMBER", "SIDE"), help="this one")
    options = parser.parse_args()
    require_watch()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="virga-box-") as folder:
        return 0 if run(options, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
