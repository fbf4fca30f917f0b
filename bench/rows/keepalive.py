"""Which idle instances are kept when memory is short: the dispatcher's own policy against LRU and a time limit.

In virtual time, over made-up days of 1,500 functions and two million calls (keepalive/README.md): the same on every machine.
"""

import json
import os

from harness.errors import BenchError
from harness.outcome import Goal, Outcome, median
from harness.processes import run_checked
from rows.row import Row

SEEDS = (1, 2, 3, 4, 5)
# Of the memory that holds every instance ever started.
MEMORY_SHARE = 1 / 3
RUN_SECONDS = 120
# As virga-keepalive names them; the last is what the dispatcher does.
LIMIT, RECENT, OURS = "TTL 10 min", "LRU", "greedy-dual, idle <= 60 min"


def _program(bench):
    for folder in (bench.virga.resolve().parent, bench.repository / "build/release"):
        if os.access(folder / "bench/keepalive/virga-keepalive", os.X_OK):
            return folder / "bench/keepalive/virga-keepalive"
    raise BenchError("virga-keepalive is not built (tools/build release virga-keepalive)")


def _waiting(bench, program, seed):
    """Seconds that all calls of a day waited for starts and for room, by policy."""
    file = bench.temporary("keepalive") / f"{seed}.json"
    command = [program, "--seed", seed, "--memory", MEMORY_SHARE, "--json", file]
    run_checked(command, timeout=RUN_SECONDS, what="virga-keepalive")
    return {row["policy"]: row["start_waiting"] + row["room_waiting"] for row in json.loads(file.read_text())}


def _measure(bench):
    outcome = Outcome(peer_name="LRU", unit="s a day")
    try:
        program = _program(bench)
        outcome.rounds = [{"seed": seed, **_waiting(bench, program, seed)} for seed in SEEDS]
    except BenchError as error:
        outcome.problems["row"] = str(error)
        return outcome
    outcome.peer = median(day[RECENT] for day in outcome.rounds)
    outcome.virga = median(day[OURS] for day in outcome.rounds)
    against = {peer: [day[OURS] / day[peer] for day in outcome.rounds] for peer in (RECENT, LIMIT)}
    outcome.ratio = median(against[RECENT])
    # Both peers, and every day: the goal is held against the worst.
    outcome.details["worst"] = max(max(ratios) for ratios in against.values())
    for peer, ratios in against.items():
        outcome.note(f"less waiting than {peer}: {100 * (1 - max(ratios)):.0f} to {100 * (1 - min(ratios)):.0f} % on {len(ratios)} days")
    return outcome


KEEPALIVE = Row(
    "keepalive",
    "waiting for starts at a third of the memory",
    Goal("worst", "<=", 0.65, text="≥ 35 % less than LRU and TTL"),
    _measure,
)
