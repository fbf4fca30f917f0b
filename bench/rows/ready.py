"""From the start of the process to the first 200 of /readyz, with a data folder of many functions."""

import contextlib
import time

from harness import functions, virga
from harness.errors import BenchError
from harness.http import free_port, wait_until_ready
from harness.outcome import Goal, Outcome, median, summary
from rows.row import Row

STARTS = 5
POLL_SECONDS = 0.001


def _measure(bench):
    outcome = Outcome(unit="ms")
    try:
        data = bench.temporary("ready")
        _create_functions(bench, data)
        times = [_start_once(bench, data, outcome) for _ in range(STARTS)]
    except BenchError as error:
        outcome.problems["virga"] = str(error)
        return outcome
    outcome.virga = median(times)
    outcome.rounds = [{"virga": milliseconds} for milliseconds in times]
    outcome.details = {"functions": bench.functions, "virga": summary(times)}
    if bench.functions < 1000:
        outcome.note(f"only {bench.functions} functions")
    return outcome


def _create_functions(bench, data):
    function = functions.node(bench)
    with virga.daemon(bench, data) as running, contextlib.closing(running.open_api()) as api:
        for number in range(bench.functions):
            api.call("POST", "/2015-03-31/functions", function.creation(f"function-{number}"))


def _start_once(bench, data, outcome):
    port = free_port()
    start = time.perf_counter()
    running = virga.start(bench, data, port)
    try:
        end = wait_until_ready(running.server, port, "/readyz", virga.READY_SECONDS, POLL_SECONDS)
    finally:
        running.server.stop()
    outcome.note(*running.server.notes)
    return (end - start) * 1e3


READY = Row("ready", "start to ready, 1,000 functions", Goal("virga", "<=", 150, "ms"), _measure)
