"""Very many first calls at the same moment: to one function, and to as many functions that never ran.

Each call has a connection of its own, which stands before the burst begins. Memory is the most that all sandboxes took at
one moment, the kernel's share and cached files included.
"""

import time

from harness import functions, virga
from harness.cgroups import peak_memory
from harness.errors import BenchError
from harness.load import run_burst
from harness.outcome import AllOf, Goal, Outcome
from rows.row import Row


def _measure(function_count):
    def measure(bench):
        bench = bench.on_all_cores()
        outcome = Outcome(unit="ms p99")
        try:
            with virga.daemon(bench) as running:
                names = [f"burst-{number}" for number in range(function_count(bench))]
                targets = running.deploy_many(names, functions.node(bench))
                paths = [targets[number % len(targets)].path for number in range(bench.at_once)]
                begin = time.monotonic()
                found = run_burst(bench, targets[0], paths)
                seconds = time.monotonic() - begin
                memory = peak_memory(running.server)
            outcome.note(*running.server.notes)
        except BenchError as error:
            outcome.problems["virga"] = str(error)
            return outcome
        failed = found["scheduled"] - found["succeeded"]
        outcome.details["virga"] = found | {"failed": failed, "functions": len(names), "memory_mib": memory}
        # The time of those that were answered says nothing when others were not.
        outcome.virga = found["latency_ms"]["p99"] if failed == 0 else None
        latency = found["latency_ms"]
        outcome.note(
            f"{found['scheduled']} calls to {len(names)} function{'s' if len(names) > 1 else ''}: {failed} failed, p50 "
            f"{latency['p50']:.0f} ms, p99 {latency['p99']:.0f} ms, all within {seconds:.1f} s; "
            + (f"at most {memory:,.0f} MiB in sandboxes" if memory is not None else "memory is not counted here")
        )
        if failed:
            kinds = {name: found[name] for name in ("broken", "timed_out", "malformed", "unsent") if found[name]}
            outcome.note(f"failures: statuses {found['statuses']}, {kinds}")
        return outcome

    return measure


NO_ERROR = Goal("virga.failed", "<=", 0, text="no error")
ONE = Row(
    "burst_one",
    "1,000 first calls, one Node function",
    AllOf(NO_ERROR, Goal("virga.latency_ms.p99", "<=", 500, "ms p99")),
    _measure(lambda bench: 1),
)
MANY = Row("burst_many", "1,000 first calls, 1,000 functions", NO_ERROR, _measure(lambda bench: bench.at_once))
