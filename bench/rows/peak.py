"""The peak: calls at a fixed rate, whatever the answers do, with the load generator beside Virga on the same cores.

The showcase is a million calls in a minute with 99.99 % success and a mean below 60 ms. The figure is the highest rate that
holds both; the rate of the showcase is run by itself, for ten seconds or, with --full-peak, for its whole minute.
"""

from harness import functions, peers, virga
from harness.errors import BenchError
from harness.load import run_open_loop, run_search
from harness.outcome import AllOf, Goal, Outcome
from rows.row import Row

CALLS, MINUTE = 1_000_000, 60
RATE = CALLS / MINUTE
SHORT_SECONDS = 10
CONNECTIONS = 128
WORK_CONNECTIONS = 512
PRECISION_RUNS = 7


def _search(bench, target, lowest, highest, connections):
    """One search as details: what the best run measured, and what each run came to."""
    found = run_search(
        bench, target, lowest=lowest, highest=highest, runs=PRECISION_RUNS, seconds=bench.seconds, connections=connections
    )
    runs = [
        {
            "rate": run["rate"],
            "held": run["held"],
            "success_ratio": run["results"]["success_ratio"],
            "mean_ms": run["results"]["latency_ms"]["mean"],
        }
        for run in found["runs"]
    ]
    return found["best_rate"], {"best": found["best"], "runs": runs}


def _describe(side, best):
    latency, lag = best["latency_ms"], best["lag_ms"]
    return (
        f"{side} at its highest rate: mean {latency['mean']:.1f} ms, p99 {latency['p99']:.1f} ms, of which the generator's own "
        f"lag p99 {lag['p99']:.1f} ms; generator {best['cpu_us_per_request']:.1f} CPU µs a request"
    )


def _measure_hello(bench):
    bench = bench.on_all_cores()
    outcome = Outcome(unit="calls/s")
    seconds = MINUTE if bench.full_peak else SHORT_SECONDS
    try:
        with virga.serving(bench, functions.node) as target:
            showcase = run_open_loop(bench, target, rate=RATE, seconds=seconds, connections=CONNECTIONS)
            outcome.virga, outcome.details["virga"] = _search(bench, target, RATE / 2, RATE * 6, CONNECTIONS)
    except BenchError as error:
        outcome.problems["virga"] = str(error)
        return outcome
    outcome.note(*target.server.notes)
    outcome.details["showcase"] = showcase | {
        "success_percent": showcase["success_ratio"] * 100,
        "mean_ms": showcase["latency_ms"]["mean"],
    }
    outcome.note(
        f"{showcase['scheduled']:,} calls in {seconds} s: {showcase['success_ratio']:.4%} succeeded, mean "
        f"{showcase['latency_ms']['mean']:.2f} ms, p99 {showcase['latency_ms']['p99']:.1f} ms"
    )
    if outcome.virga:
        outcome.note(_describe("Virga", outcome.details["virga"]["best"]))
    return outcome


def _measure_work(bench):
    bench = bench.on_all_cores()
    outcome = Outcome(peer_name="node:http", unit="calls/s")
    sides = {"peer": lambda: peers.node_fan_out(bench, functions.backend_program(bench)), "virga": lambda: virga.serving(bench, functions.fan_out)}
    for side, start in sides.items():
        try:
            with start() as target:
                rate, outcome.details[side] = _search(bench, target, 250, 16_000, WORK_CONNECTIONS)
            setattr(outcome, side, rate)
            outcome.note(*target.server.notes)
            if rate:
                outcome.note(_describe(target.name, outcome.details[side]["best"]))
        except BenchError as error:
            outcome.problems[side] = str(error)
    if outcome.peer and outcome.virga:
        outcome.ratio = outcome.virga / outcome.peer
    return outcome


HELLO = Row(
    "peak_node",
    "peak: 16,667 Node calls/s; highest",
    AllOf(
        Goal("showcase.success_percent", ">=", 99.99, text="≥ 99.99 %"),
        Goal("showcase.mean_ms", "<=", 60, text="< 60 ms mean"),
    ),
    _measure_hello,
)
WORK = Row("peak_work", "peak: Node, three 20 ms back ends", Goal("ratio", ">=", 0.8), _measure_work)
