"""The load generators: wrk for throughput, latency.c for one connection, virga-load for rates that answers cannot slow down."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BenchError
from harness.http import Response
from harness.processes import cpu_used, run_checked

# Above this rate wrk on one core is the limit, and CPU time per request says more than the rate.
WRK_LIMIT_RPS = 140_000
EXTRA_SECONDS = 30
# Until virga-load gives a request up, and the wait after an overloaded run with it.
LOST_SECONDS = 10
BURST_SECONDS = 60


@dataclass
class Throughput:
    requests_per_second: float
    cpu_us_per_request: float  # utime + stime of all server processes
    server_busy: float  # cores the server used


def run_wrk(bench, server, url, *, connections, seconds):
    """One run of wrk on the load core; refuses runs with errors, as their rate means nothing."""
    server.require_alive()
    server.raise_priority()
    before = server.cpu_seconds()
    output = run_checked(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", url],
        timeout=seconds + EXTRA_SECONDS,
        what="wrk",
        cores=bench.load_cores,
    )
    cpu = cpu_used(before, server.cpu_seconds())
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    total = re.search(r"(\d+) requests in ([\d.]+)s", output)
    if not rate or not total or int(total[1]) == 0:
        raise BenchError(f"wrk served no request: {output.strip()[-300:]}")
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)", output):
        raise BenchError(f"{bad[1]} of {total[1]} responses were not 2xx")
    if errors := re.search(r"Socket errors: (connect \d+, read \d+, write \d+, timeout \d+)", output):
        raise BenchError(f"socket errors: {errors[1]}")
    return Throughput(float(rate[1]), cpu / int(total[1]) * 1e6, cpu / float(total[2]))


def run_latency(bench, server, port, path, *, seconds):
    """Microseconds per request on one connection: {"n", "p50", "p99", "min", "mean"}."""
    server.require_alive()
    server.raise_priority()
    output = run_checked(
        [bench.compile("latency", bench.source / "latency.c"), "127.0.0.1", port, path, seconds],
        timeout=seconds + EXTRA_SECONDS,
        what="the latency client",
        cores=bench.load_cores,
    )
    return json.loads(output)


def run_first(bench, server, port, path):
    """One request on a new connection, as a `Response`; the time starts when the connection stands."""
    server.require_alive()
    output = run_checked(
        [bench.compile("latency", bench.source / "latency.c"), "127.0.0.1", port, path, "first"],
        timeout=EXTRA_SECONDS,
        what="the first call",
        cores=bench.load_cores,
    )
    microseconds, status_line, *lines = output.splitlines()
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Response(int(status_line.split()[1]), headers, b"", float(microseconds) / 1e3)


def run_spawns(bench, command, count, directory=None):
    """Starts the command `count` times, one after the other; returns ms to its first byte and to its end."""
    output = run_checked(
        [bench.compile("spawn", bench.source / "spawn.c"), count, *command],
        timeout=EXTRA_SECONDS + count,
        what=f"running {Path(str(command[0])).name}",
        cores=bench.server_cores,
        cwd=directory,
    )
    pairs = [tuple(float(part) / 1e3 for part in line.split()) for line in output.splitlines()]
    return [first for first, _ in pairs], [end for _, end in pairs]


def built_program(bench, name, folder):
    """A program of this tree that `make bench` builds beside the binary under test."""
    for build in (bench.virga.resolve().parent, bench.repository / "build/release"):
        if os.access(build / folder / name, os.X_OK):
            return build / folder / name
    raise BenchError(f"{name} is not built (tools/build release {name})")


def open_loop_program(bench):
    return built_program(bench, "virga-load", "bench/load")


def run_json(command, **options):
    """Runs a load generator on the load cores; returns the JSON that it prints."""
    return json.loads(run_checked(command, **options))


def _virga_load(bench, server, arguments, timeout):
    server.require_alive()
    server.raise_priority()
    command = [open_loop_program(bench), *arguments, "--json"]
    return run_json(command, timeout=timeout, what="virga-load", cores=bench.load_cores)


def run_open_loop(bench, target, *, rate, seconds, connections, ramp=1):
    """One run at a fixed rate; the JSON object of bench/load/README.md."""
    arguments = ["run", target.url, "--rate", rate, "--seconds", seconds, "--connections", connections, "--ramp", ramp]
    return _virga_load(bench, target.server, arguments, seconds + ramp + EXTRA_SECONDS)


def run_search(bench, target, *, lowest, highest, runs, seconds, connections, ramp=1):
    """The highest rate with a success ratio of 99.99 % and a mean below 60 ms: {"best_rate", "best", "runs"}."""
    arguments = ["search", target.url, "--from", lowest, "--to", highest, "--runs", runs, "--seconds", seconds]
    arguments += ["--connections", connections, "--ramp", ramp, "--success", 0.9999, "--mean", 60]
    return _virga_load(bench, target.server, arguments, runs * (seconds + ramp + LOST_SECONDS) + EXTRA_SECONDS)


def run_burst(bench, target, paths):
    """Every path once, all at the same moment, each on a connection of its own."""
    file = bench.temporary("burst") / "paths"
    file.write_text("".join(f"{path}\n" for path in paths))
    arguments = ["burst", target.url, "--paths", file, "--timeout", BURST_SECONDS]
    return _virga_load(bench, target.server, arguments, BURST_SECONDS + EXTRA_SECONDS)
