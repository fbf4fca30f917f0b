"""Whether a call costs more when many functions are registered: the same function in two daemons that take turns."""

import contextlib

from harness import functions, virga
from harness.load import run_wrk
from harness.http import wait_until_ready
from harness.outcome import Goal, Outcome, median
from rows.row import Row, alternate

CONNECTIONS = 32
WARM_UP_SECONDS = 1


@contextlib.contextmanager
def _serving(bench, count):
    with virga.daemon(bench) as running:
        # Small, so that creating so many takes seconds. The one that is called is among them, not the first or the last.
        other = functions.node(bench)
        running.create_many([f"function-{number}" for number in range(count // 2)], other)
        target = running.deploy("called", functions.native(bench))
        running.create_many([f"function-{number}" for number in range(count // 2, count - 1)], other)
        wait_until_ready(running.server, running.port, target.path)
        yield target


def _measure(bench):
    def run(target, warm_up):
        seconds = WARM_UP_SECONDS if warm_up else bench.seconds
        return run_wrk(bench, target.server, target.url, connections=CONNECTIONS, seconds=seconds)

    outcome = Outcome(peer_name="1 registered", unit="CPU µs/call")
    sides = {"peer": lambda: _serving(bench, 1), "virga": lambda: _serving(bench, bench.registered)}
    rounds = alternate(bench, outcome, sides, run)
    for side in ("peer", "virga"):
        setattr(outcome, side, median(figure[side].cpu_us_per_request for figure in rounds if side in figure))
    pairs = [figure for figure in rounds if len(figure) == 2]
    outcome.ratio = median(figure["virga"].cpu_us_per_request / figure["peer"].cpu_us_per_request for figure in pairs)
    outcome.rounds = [{side: vars(figure) for side, figure in sides.items()} for sides in rounds]
    outcome.details["functions"] = bench.registered
    if bench.registered < 10_000:
        outcome.note(f"only {bench.registered} functions")
    return outcome


REGISTERED = Row("registered", "a call with 10,000 functions", Goal("ratio", "<=", 1.1), _measure)
