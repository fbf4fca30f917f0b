"""Events of functions: how many are accepted a second, each synced before its acknowledgement, and how soon one starts.

What is measured first is accepting alone: the function's reserved concurrency is 0, so that its events wait. No peer: none that a
registry has makes an event of a function durable before it says so.
"""

import contextlib
import json
import time

from harness import functions, virga
from harness.clients import body_file, run_clients, signed
from harness.errors import BenchError
from harness.outcome import AllOf, Goal, Outcome, median, summary
from rows.row import Row

CLIENTS = 64
PIPELINE = 64
PATH = "/2015-03-31/functions/{}/invocations"
STARTS = 200
PAUSE_SECONDS = 0.02
WAIT_SECONDS = 10


def event_arguments(bench, daemon, name, size=100):
    body = body_file(bench, "event", 0)
    body.write_text(json.dumps({"data": "x" * size}))
    return [
        *("repeat", daemon.url.rstrip("/") + PATH.format(name), "--method", "POST", "--body", body),
        *("--header", "x-amz-invocation-type: Event"),
    ]


def hold(daemon, name):
    """Its events wait from now on."""
    daemon.call_api("PUT", f"/2017-10-31/functions/{name}/concurrency", {"ReservedConcurrentExecutions": 0})


def release(daemon, name):
    daemon.call_api("DELETE", f"/2017-10-31/functions/{name}/concurrency")


@contextlib.contextmanager
def _accepting(bench):
    with virga.daemon(bench) as daemon:
        daemon.deploy("held", functions.native(bench))
        hold(daemon, "held")
        daemon.deploy("running", functions.native(bench))
        yield daemon


def _measure_accepts(bench):
    outcome = Outcome(unit="accepts/s")
    try:
        with _accepting(bench) as daemon:
            found = {"clients": [], "pipelined": [], "running": []}

            def run(function, more=(), connections=CLIENTS, seconds=bench.seconds):
                arguments = [*event_arguments(bench, daemon, function), *more]
                credentials = signed(daemon, "lambda")
                return run_clients(bench, daemon.server, arguments, credentials, connections=connections, seconds=seconds)

            pipelined = ("--pipeline", PIPELINE)
            run("running", seconds=0.5)
            for _ in range(bench.rounds):
                found["clients"].append(run("held"))
                found["pipelined"].append(run("held", pipelined, connections=1))
                found["running"].append(run("running"))
    except BenchError as error:
        outcome.problems["virga"] = str(error)
        return outcome
    outcome.virga = median(one.done_per_second for one in found["clients"])
    outcome.details["virga"] = {
        "cpu_us": median(one.cpu_us for one in found["clients"]),
        "p50_ms": median(one.p50_ms for one in found["clients"]),
        "p99_ms": median(one.p99_ms for one in found["clients"]),
        "pipelined": median(one.done_per_second for one in found["pipelined"]),
        "while_they_run": median(one.done_per_second for one in found["running"]),
    }
    outcome.rounds = [{name: vars(runs[number]) for name, runs in found.items()} for number in range(bench.rounds)]
    details = outcome.details["virga"]
    outcome.note(
        f"one connection with {PIPELINE} requests under way: {details['pipelined']:,.0f} accepts/s; {CLIENTS} clients while the "
        f"function runs on the same core: {details['while_they_run']:,.0f}; {details['cpu_us']:.0f} CPU µs an accept"
    )
    return outcome


def _start_once(daemon):
    """Milliseconds from the request's first byte to the handler's first line, by the one wall clock of both."""
    sent = time.time_ns()
    answer = daemon.ask("lambda", "POST", PATH.format("clock"), b"{}", {"x-amz-invocation-type": "Event"})
    if answer.status != 202:
        raise BenchError(f"an event was answered {answer.status}: {answer.body[:200]!r}")
    call = answer.headers["x-virga-invocation"]
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        time.sleep(PAUSE_SECONDS)
        told = daemon.ask("virga", "GET", f"/virga/v1/invocations/{call}")
        status = json.loads(told.body)
        if status.get("state") == "succeeded":
            return (int(status["result"]) - sent) / 1e6
        if told.status != 200 or time.monotonic() > deadline:
            raise BenchError(f"the event's call is not through: {told.status} {told.body[:300]!r}")


def _measure_start(bench):
    outcome = Outcome(unit="ms")
    times = []
    try:
        with virga.daemon(bench.on_all_cores()) as daemon:
            daemon.deploy("clock", functions.clock(bench))
            daemon.server.raise_priority()
            for number in range(STARTS + 5):
                taken = _start_once(daemon)
                if number >= 5:
                    times.append(taken)
    except BenchError as error:
        outcome.problems["virga"] = str(error)
        return outcome
    outcome.virga = median(times)
    outcome.details["virga"] = summary(times)
    outcome.note(
        f"from the request's first byte to the handler's first line, the sync between them: p99 {summary(times)['p99']:.2f} ms of {STARTS}"
    )
    return outcome


ACCEPT = Row(
    "async_accept",
    "durable events accepted, 64 clients",
    AllOf(
        Goal("virga", ">=", 20_000, "accepts/s"),
        Goal("virga.pipelined", ">=", 5_000, "accepts/s on one connection"),
    ),
    _measure_accepts,
)
START = Row("accept_to_start", "event sent to its handler's start, idle", Goal("virga", "<=", 3, "ms p50"), _measure_start)
