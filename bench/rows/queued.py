"""A million events that wait: what they cost in memory, whether each costs the same however many wait, and whether their drain
leaves those who wait for an answer in peace.

The events wait since their function's reserved concurrency is 0; the drain begins when that is taken back. What is asked
meanwhile is another function, on one connection, with the server and the client free to use all cores as they are in use.
"""

import contextlib
import time

from harness import functions, virga
from harness.clients import run_clients, signed
from harness.errors import BenchError
from harness.http import wait_until_ready
from harness.load import run_latency
from harness.outcome import AllOf, Goal, Outcome, median
from harness.processes import read_memory, run_time
from rows.accepts import event_arguments, hold, release
from rows.row import Row

CLIENTS = 64
# Of so many events the cost is taken, several times at each size of the queue: a flush of the store, or somebody else on this
# machine, falls into one of them.
SAMPLE, SAMPLES = 1_000, 5
SIZES = (1_000, 10_000, 100_000, 1_000_000)
LATENCY_SECONDS = 5
DRAIN_SECONDS = 900
# The drain is surely under way when so many have ended.
BEGUN = 500


def _rss_mib(daemon):
    memory = read_memory(daemon.server.pid)
    if memory is None:
        raise BenchError("the daemon is gone")
    return memory[0] / 1024


def _fill(bench, daemon, details):
    """Queues up events, and takes the cost of some at each size."""
    arguments = event_arguments(bench, daemon, "held")
    credentials = signed(daemon, "lambda")

    def accept(count):
        """Daemon's CPU µs for each."""
        begin = run_time(daemon.server.pid)
        done = run_clients(bench, daemon.server, arguments, credentials, connections=CLIENTS, requests=count)
        return (run_time(daemon.server.pid) - begin) / 1e3 / done.requests

    accept(SIZES[0])
    before, queued, costs = _rss_mib(daemon), SIZES[0], {}
    for size in [size for size in SIZES if size < bench.queued] + [bench.queued]:
        if size - SAMPLE * SAMPLES > queued:
            accept(size - SAMPLE * SAMPLES - queued)
            queued = size - SAMPLE * SAMPLES
        costs[size] = median(accept(SAMPLE) for _ in range(SAMPLES))
        queued += SAMPLE * SAMPLES
    details["queued"] = queued
    details["cpu_us_by_size"] = costs
    details["flatness"] = max(costs.values()) / min(costs.values())
    details["growth_mib"] = _rss_mib(daemon) - before


def _latency(bench, daemon, target):
    return run_latency(bench, daemon.server, daemon.port, target.path, seconds=LATENCY_SECONDS)


def _drain(bench, daemon, target, details):
    waiting = daemon.figure("virga_async_waiting")
    release(daemon, "held")
    started = time.monotonic()
    while waiting - daemon.figure("virga_async_waiting") < min(BEGUN, waiting / 2):
        if time.monotonic() - started > DRAIN_SECONDS:
            raise BenchError("the drain does not begin")
        time.sleep(0.05)
    details["begins_after_s"] = time.monotonic() - started
    left = daemon.figure("virga_async_waiting")
    details["beside"] = _latency(bench, daemon, target)
    still = daemon.figure("virga_async_waiting")
    if still <= 0:
        raise BenchError(f"the drain of {waiting:,.0f} events ended while the other function was asked: queue more")
    details["drained_beside_per_s"] = (left - still) / LATENCY_SECONDS
    alone = time.monotonic()
    while daemon.figure("virga_async_waiting") + daemon.figure("virga_async_running") > 0:
        if time.monotonic() - alone > DRAIN_SECONDS:
            raise BenchError(f"{daemon.figure('virga_async_waiting'):,.0f} events still wait after {DRAIN_SECONDS} s")
        time.sleep(0.25)
    details["drained_alone_per_s"] = still / (time.monotonic() - alone)


def _measure(bench):
    outcome = Outcome(unit="MiB growth")
    details = outcome.details
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(virga.daemon(bench.on_all_cores()))
        daemon.deploy("held", functions.native(bench))
        hold(daemon, "held")
        other = daemon.deploy("other", functions.native(bench))
        wait_until_ready(daemon.server, daemon.port, other.path)
        _latency(bench, daemon, other)
        details["idle"] = _latency(bench, daemon, other)
        _fill(bench, daemon, details)
        outcome.virga = details["growth_mib"]
        _drain(bench, daemon, other, details)
        details["p99_ratio"] = details["beside"]["p99"] / details["idle"]["p99"]
        outcome.note(*daemon.server.notes)
    if bench.queued < SIZES[-1]:
        outcome.note(f"only {bench.queued:,} events")
    costs = ", ".join(f"{size:,}: {cost:.1f}" for size, cost in details["cpu_us_by_size"].items())
    outcome.note(f"CPU µs an accept by events that wait: {costs} (× {details['flatness']:.2f})")
    outcome.note(
        f"another function's p99 {details['idle']['p99']:.0f} µs idle, {details['beside']['p99']:.0f} µs beside the drain "
        f"(× {details['p99_ratio']:.2f}), which does {details['drained_beside_per_s']:,.0f} events/s then and "
        f"{details['drained_alone_per_s']:,.0f} alone"
    )
    return outcome


MILLION = Row(
    "queued_million",
    "a million events that wait",
    AllOf(
        Goal("virga", "<=", 300, "MiB"),
        Goal("flatness", "<=", 1.3, text="cost × ≤ 1.3"),
        Goal("p99_ratio", "<=", 2, text="p99 beside × ≤ 2"),
    ),
    _measure,
)
