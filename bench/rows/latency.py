"""What Virga adds to one request on one connection.

On an idle virtual machine such a request is mostly two wake-ups of a virtual CPU, so only the
difference to a bare server means anything.
"""

from harness import functions, peers, virga
from harness.load import run_latency
from harness.outcome import Goal, Outcome, median
from rows.row import Row, alternate

WARM_UP_SECONDS = 0.5
RUNTIME_GOAL = Goal("virga", "<=", 18, "µs added")
NATIVE_GOAL = Goal("virga", "<=", 12, "µs added")


def _measure(peer_name, start_peer, make_function):
    def measure(bench):
        def run(target, warm_up):
            seconds = WARM_UP_SECONDS if warm_up else bench.seconds
            return run_latency(bench, target.server, target.port, target.path, seconds=seconds)

        outcome = Outcome(peer_name=peer_name, unit="µs p50")
        sides = {"peer": lambda: start_peer(bench), "virga": lambda: virga.serving(bench, make_function)}
        rounds = alternate(bench, outcome, sides, run)
        outcome.rounds = rounds
        for side in ("peer", "virga"):
            taken = [figure[side] for figure in rounds if side in figure]
            if taken:
                outcome.details[side] = {name: median(one[name] for one in taken) for name in ("p50", "p99", "min")}
        outcome.peer = outcome.details.get("peer", {}).get("p50")
        pairs = [figure for figure in rounds if len(figure) == 2]
        if pairs:
            outcome.virga_unit = "µs added"
            outcome.virga = median(figure["virga"]["p50"] - figure["peer"]["p50"] for figure in pairs)
            outcome.ratio = median(figure["virga"]["p50"] / figure["peer"]["p50"] for figure in pairs)
        return outcome

    return measure


NODE = Row("latency_node", "added to Node, 1 connection", RUNTIME_GOAL, _measure("node:http", peers.node, functions.node))
PYTHON = Row("latency_python", "added to Python, 1 connection", RUNTIME_GOAL, _measure("http.server", peers.python, functions.python))
NATIVE = Row("latency_native", "added to native, 1 connection", NATIVE_GOAL, _measure("nginx return 200", peers.nginx, functions.native))
