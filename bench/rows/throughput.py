"""Requests per second on one core at 32 connections: the same answer from a peer and from Virga."""

from harness import functions, peers, virga
from harness.load import WRK_LIMIT_RPS, run_wrk
from harness.outcome import AllOf, Goal, Outcome, median
from rows.row import Row, alternate

CONNECTIONS = 32
WARM_UP_SECONDS = 1


def _measure(peer_name, start_peer, make_function):
    def measure(bench):
        def run(target, warm_up):
            seconds = WARM_UP_SECONDS if warm_up else bench.seconds
            return run_wrk(bench, target.server, target.url, connections=CONNECTIONS, seconds=seconds)

        outcome = Outcome(peer_name=peer_name, unit="requests/s")
        sides = {"peer": lambda: start_peer(bench), "virga": lambda: virga.serving(bench, make_function)}
        return _compare(outcome, alternate(bench, outcome, sides, run))

    return measure


def _compare(outcome, rounds):
    def figures(side, name):
        return [getattr(figure[side], name) for figure in rounds if side in figure]

    fastest = max([median(figures(side, "requests_per_second")) or 0 for side in ("peer", "virga")])
    by_cpu = fastest > WRK_LIMIT_RPS
    measure = "cpu_us_per_request" if by_cpu else "requests_per_second"
    ratios = []
    for figure in rounds:
        if len(figure) == 2:
            peer, ours = getattr(figure["peer"], measure), getattr(figure["virga"], measure)
            # Either way a ratio above 1 says that Virga is the better one.
            numerator, denominator = (peer, ours) if by_cpu else (ours, peer)
            ratios.append(numerator / denominator if denominator else None)
    outcome.ratio = median(ratio for ratio in ratios if ratio is not None)
    outcome.peer = median(figures("peer", measure))
    outcome.virga = median(figures("virga", measure))
    if by_cpu:
        outcome.unit = "CPU µs/request"
        outcome.note(f"above {WRK_LIMIT_RPS} requests/s the load generator is the limit: CPU time is compared")
    outcome.rounds = [{side: vars(figure) for side, figure in sides.items()} for sides in rounds]
    outcome.details = {
        side: {name: median(figures(side, name)) for name in ("requests_per_second", "cpu_us_per_request", "server_busy")}
        for side in ("peer", "virga")
        if figures(side, measure)
    }
    return outcome


WARM_NODE = Row(
    "warm_node",
    "warm Node, 32 connections, one core",
    Goal("ratio", ">=", 1.25),
    _measure("node:http", peers.node, functions.node),
)
WARM_PYTHON = Row(
    "warm_python",
    "warm Python, 32 connections, one core",
    Goal("ratio", ">=", 2.5),
    _measure("http.server", peers.python, functions.python),
)
WARM_NATIVE = Row(
    "warm_native",
    "warm native, 32 connections, one core",
    AllOf(Goal("ratio", ">=", 0.85), Goal("virga.cpu_us_per_request", "<=", 9, "CPU µs/request")),
    _measure("nginx return 200", peers.nginx, functions.native),
)
NGINX_NODE = Row(
    "nginx_node",
    "warm Node against a proxy and Node",
    Goal("ratio", ">=", 3.0),
    _measure("nginx to Node", peers.nginx_to_node, functions.node),
)
WORKERD = Row(
    "workerd",
    "warm Node against workerd",
    Goal("ratio", ">=", 4.0),
    _measure("workerd", peers.workerd, functions.node),
)
