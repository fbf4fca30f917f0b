"""The two load generators: wrk for throughput, latency.c for one connection."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BenchError
from harness.http import Response
from harness.processes import cpu_used, run_checked

# Above this rate wrk on one core is the limit, and CPU time per request says more than the rate.
WRK_LIMIT_RPS = 140_000
EXTRA_SECONDS = 30


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
