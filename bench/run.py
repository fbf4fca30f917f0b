#!/usr/bin/env python3
"""Measures Virga against its peers, prints a table and writes JSON. See README.md beside this file."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import report  # noqa: E402
from harness.bench import Bench, describe_machine  # noqa: E402
from harness.errors import BenchError  # noqa: E402
from harness.outcome import Outcome  # noqa: E402
from rows import ROWS  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="", help="comma-separated names or beginnings of names; all without it")
    parser.add_argument("--list", action="store_true", help="print the names of the rows and end")
    parser.add_argument("--rounds", type=_at_least_one, default=3, help="alternations of peer and Virga (default 3)")
    parser.add_argument("--seconds", type=_at_least_one, default=3, help="length of one measurement (default 3)")
    parser.add_argument("--cold", type=_at_least_one, default=100, help="first calls of each runtime (default 100)")
    parser.add_argument("--functions", type=_at_least_one, default=1000, help="functions of the row ready (default 1000)")
    parser.add_argument("--idle", type=_at_least_one, default=10, help="seconds of idleness before memory is read (default 10)")
    parser.add_argument("--registered", type=_at_least_one, default=10000, help="functions of the row registered (default 10000)")
    parser.add_argument("--at-once", type=_at_least_one, default=1000, help="first calls of a burst (default 1000)")
    parser.add_argument("--queued", type=_at_least_one, default=1_000_000, help="events of the row queued_million (default 1000000)")
    parser.add_argument("--full-peak", action="store_true", help="a million calls in a minute instead of ten seconds of that rate")
    parser.add_argument("--virga", type=Path, default=REPOSITORY / "build/virga", help="the binary under test")
    parser.add_argument("--json", type=Path, default=REPOSITORY / "build/bench.json", help="where the figures go")
    return parser.parse_args()


def _at_least_one(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def choose_rows(names):
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if not any(row.name.startswith(name) for row in ROWS):
            sys.exit(f"bench: no row is called {name!r}; there are {', '.join(row.name for row in ROWS)}")
    exact = {row.name for row in ROWS}
    return [
        row
        for row in ROWS
        if not wanted or any(row.name == name or (name not in exact and row.name.startswith(name)) for name in wanted)
    ]


def measure(row, bench):
    """A row that cannot be measured is a row with a reason; the others go on."""
    try:
        return row.measure(bench)
    except BenchError as error:
        return Outcome(problems={"row": str(error)})
    except Exception as error:  # noqa: BLE001 - a mistake in one row must not cost the others
        traceback.print_exc()
        return Outcome(problems={"row": f"the harness failed: {error!r}"})


def main():
    arguments = parse_arguments()
    rows = choose_rows(arguments.rows)
    if arguments.list:
        print("\n".join(f"{row.name:16} {row.title}" for row in ROWS))
        return
    # SIGTERM unwinds as an interrupt does, so that every server is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    work = Path(tempfile.mkdtemp(prefix="virga-bench-"))
    bench = Bench(
        repository=REPOSITORY,
        virga=arguments.virga.absolute(),
        work=work,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        cold_starts=arguments.cold,
        functions=arguments.functions,
        idle_seconds=arguments.idle,
        registered=arguments.registered,
        at_once=arguments.at_once,
        full_peak=arguments.full_peak,
        queued=arguments.queued,
    )
    machine = describe_machine(bench)
    options = {name: getattr(bench, name) for name in ("rounds", "seconds", "functions", "registered", "at_once", "full_peak", "queued")}
    options["cold"] = bench.cold_starts
    print(report.machine_line(machine))
    if bench.server_cores == bench.load_cores:
        print("only one core: the load generator takes time from the server")
    # The harness itself keeps off the server's core.
    os.sched_setaffinity(0, bench.load_cores)
    results, interrupted = [], False
    try:
        for row in rows:
            begin = time.monotonic()
            print(f"{row.name} ...", end=" ", flush=True, file=sys.stderr)
            results.append((row, measure(row, bench)))
            print(f"{time.monotonic() - begin:.0f} s", file=sys.stderr)
    except KeyboardInterrupt:
        interrupted = True
        print("interrupted: the rows so far", file=sys.stderr)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report.print_table(results)
    try:
        report.write_json(arguments.json, report.as_json(machine, options, results))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
    if interrupted:
        sys.exit(130)


if __name__ == "__main__":
    main()
