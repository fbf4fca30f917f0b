"""The first call of a function that never ran on this daemon, by phase.

Each call goes to a function of its own, with a package of its own. The peer is the bare program,
outside any sandbox, from its start to its first byte: what no platform can be faster than unless
it prepared something. The pause between calls lets the daemon do what it does in the background.
"""

import time
from collections import Counter

from harness import functions, virga
from harness.bench import require_tool
from harness.errors import BenchError
from harness.load import run_first, run_spawns
from harness.outcome import AllOf, Goal, Outcome, median, summary
from harness.peers import python_interpreter
from rows.row import Row

PAUSE_SECONDS = 0.2
WITHOUT_STEM_CALLS = 20
PEER_STARTS = 20
# What a start without a stem may take: so many times the bare interpreter's, and 2 ms.
ALLOWED_OVER_PEER = 1.15


def first_calls(bench, make_function, count=None):
    """Responses of the first calls of `count` (else `bench.cold_starts`) new functions of a new daemon."""
    responses = []
    with virga.daemon(bench) as running:
        targets = []
        api = running.open_api()
        for number in range(count or bench.cold_starts):
            targets.append(running.deploy(f"cold-{number}", make_function(bench, f"{number}"), api))
        api.close()
        running.server.raise_priority()
        for target in targets:
            time.sleep(PAUSE_SECONDS)
            responses.append(run_first(bench, target.server, target.port, target.path))
    return responses, running.server.notes


def phase_medians(responses):
    samples = {}
    for response in responses:
        for name, milliseconds in virga.read_phases(response).items():
            samples.setdefault(name, []).append(milliseconds)
    return {name: summary(values) for name, values in samples.items()}


def start_kinds(responses):
    """How many instances were made from what, as the daemon tells it."""
    return dict(Counter(kind for response in responses if (kind := virga.read_start_kind(response))))


def _measure(peer_name, peer_command, make_function, count=None):
    def measure(bench):
        outcome = Outcome(peer_name=peer_name, unit="ms p50")
        try:
            first_bytes, _ = run_spawns(bench, peer_command(bench), min(bench.cold_starts, PEER_STARTS))
            outcome.peer = median(first_bytes)
            outcome.details["peer"] = summary(first_bytes)
        except BenchError as error:
            outcome.problems["peer"] = str(error)
        try:
            responses, notes = first_calls(bench, make_function, count)
        except BenchError as error:
            outcome.problems["virga"] = str(error)
            return outcome
        times = [response.milliseconds for response in responses]
        outcome.virga = median(times)
        outcome.details |= {"virga": summary(times), "phases": phase_medians(responses)}
        outcome.rounds = [{"virga": response.milliseconds, **virga.read_phases(response)} for response in responses]
        if outcome.peer:
            outcome.ratio = outcome.virga / outcome.peer
            outcome.details["over_peer_ms"] = outcome.virga - ALLOWED_OVER_PEER * outcome.peer
        if kinds := start_kinds(responses):
            outcome.details["kinds"] = kinds
            outcome.note("made from: " + ", ".join(f"{kind} {count}" for kind, count in kinds.items()))
        if "p99" in outcome.details["virga"]:
            outcome.note(f"p99 {outcome.details['virga']['p99']:.2f} ms of {len(times)}")
        outcome.note(*notes)
        if not outcome.details["phases"]:
            outcome.note("the daemon reports no phases")
        return outcome

    return measure


def hello_command(bench):
    return [bench.compile("hello", bench.source / "hello.c", "-static")]


def node_command(_):
    return [require_tool("node", "nodejs"), "-e", "process.stdout.write('hello')"]


def python_command(_):
    return [python_interpreter(), "-c", "import json; print('hello')"]


def _goal(p50, p99):
    return AllOf(Goal("virga", "<=", p50, "ms p50"), Goal("virga.p99", "<=", p99, "ms p99"))


WITHOUT_STEM_GOAL = Goal("over_peer_ms", "<=", 2, text="≤ 1.15 × peer + 2 ms")

NATIVE = Row(
    "cold_native",
    "first call of a native function",
    _goal(1, 4),
    _measure("bare static program", hello_command, functions.native),
)
NODE = Row("cold_node", "first call of a Node function", _goal(3, 12), _measure("bare node", node_command, functions.node))
PYTHON = Row(
    "cold_python", "first call of a Python function", _goal(2, 8), _measure("bare python3", python_command, functions.python)
)
NODE_WITHOUT_STEM = Row(
    "stemless_node",
    "first call without a stem, Node",
    WITHOUT_STEM_GOAL,
    _measure("bare node", node_command, functions.node_without_stem, WITHOUT_STEM_CALLS),
)
PYTHON_WITHOUT_STEM = Row(
    "stemless_python",
    "first call without a stem, Python",
    WITHOUT_STEM_GOAL,
    _measure("bare python3", python_command, functions.python_without_stem, WITHOUT_STEM_CALLS),
)
