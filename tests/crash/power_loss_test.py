#!/usr/bin/env python3
"""The power goes at any moment of a short life; what was acknowledged must be there when the daemon starts again.

    power_loss_test.py [--seconds 60] [--points N|all] [--seed N] [--only NUMBER LOSS]

One run is recorded: every change and every sync of the data folder, and every answer (disk_watch/). For moments of it the
folder is made as power loss would leave it there (simulated_disk.py, in four ways, from nothing lost to everything that no
sync vouches for), a daemon starts on it, and everything that had been answered must hold (scenario.py). Moments and the
bytes that are lost come from the seed; --only repeats one of them.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from scenario import Lost, Scenario
from simulated_disk import Disk, Kind, Loss, answered_requests, read_journal
from virga import Virga
from watched import require_watch, watched


def record(folder):
    """Runs the scenario once; returns it with the entries of its journal."""
    journal = folder / "journal"
    virga = watched(folder, journal=journal)
    virga.start()
    scenario = Scenario()
    try:
        scenario.run(virga)
    finally:
        virga.stop(signal.SIGKILL)
    if not scenario.is_done:
        raise AssertionError(f"the scenario did not come to its end: {scenario.failures()}")
    return scenario, list(read_journal(journal)), str(virga.data.resolve())


def check(scenario, disk, answered, place, loss, chance):
    disk.leave(place / "data", loss, chance)
    virga = Virga(data=place / "data")
    try:
        virga.start()
        scenario.check(virga, answered)
    finally:
        virga.stop(signal.SIGKILL)


def check_the_check(scenario, entries, data, folder):
    """On a disk that keeps nothing of what it was told to sync, a loss must be found."""
    disk = Disk(data, keeps_syncs=False)
    answered = set()
    for entry in entries:
        disk.apply(entry)
        answered.update(answered_requests(entry))
    try:
        check(scenario, disk, answered, folder, Loss.STRICT, random.Random(0))
    except AssertionError:
        return
    raise AssertionError("a disk that keeps nothing was not noticed: this test proves nothing")


def choose(options, count):
    """Moments (the number of entries that happened) with what is lost; all of them, or some by the seed."""
    if options.only:
        return [(int(options.only[0]), Loss(options.only[1]))]
    points = [(at, loss) for at in range(1, count + 1) for loss in Loss]
    if options.points == "all":
        return points
    random.Random(options.seed).shuffle(points)
    return points[:int(options.points)]


def run(options, folder):
    scenario, entries, data = record(folder)
    (folder / "control").mkdir()
    check_the_check(scenario, entries, data, folder / "control")
    points = choose(options, len(entries))
    print(f"{len(entries)} moments, {sum(1 for one in entries if one.kind == Kind.SEND)} answers", flush=True)
    deadline = time.monotonic() + options.seconds
    lost, done = [], 0
    # In the order of the run, so that the disk goes forward only; when time is short, some of all of it.
    disk, answered, at = Disk(data), set(), 0
    step = 1
    points.sort(key=lambda point: point[0])
    for index, (moment, loss) in enumerate(points):
        left = deadline - time.monotonic()
        if options.points != "all" and not options.only and done > 5:
            # As many as there is time for, spread over the rest.
            each = (options.seconds - left) / done
            step = max(1, (len(points) - index) * each / max(left, each))
            if random.Random(f"{options.seed} {index}").random() > 1 / step:
                continue
        while at < moment:
            disk.apply(entries[at])
            answered.update(answered_requests(entries[at]))
            at += 1
        done += 1
        chance = random.Random(f"{options.seed} {moment} {loss.value}")
        with tempfile.TemporaryDirectory(prefix="virga-power-", dir=folder) as place:
            try:
                check(scenario, disk, answered, Path(place), loss, chance)
            except AssertionError as error:
                lost.append((moment, loss))
                print(f"LOST at {moment} ({entries[moment - 1].kind.name} {entries[moment - 1].path}), "
                      f"{loss.value}: {error}", flush=True)
                if options.keep:
                    os.rename(Path(place) / "data", Path(options.keep) / f"{moment}-{loss.value}")
                    (Path(place) / "data").mkdir()
    print(f"seed {options.seed}: {done} power losses, {len(lost)} with a loss")
    return done > 0 and not lost


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=45, help="make no more power losses after so long")
    parser.add_argument("--points", default="1000", help="so many of the moments at most, or `all`, however long it takes")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--only", nargs=2, metavar=("MOMENT", "LOSS"), help="this one")
    parser.add_argument("--keep", help="a folder for the data folders on which something was lost")
    options = parser.parse_args()
    require_watch()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="virga-power-") as folder:
        return 0 if run(options, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
