"""The first call of a function that never ran on this daemon, by phase.

Each call goes to a function of its own, with a package of its own. The peer is the bare program,
outside any sandbox, from its start to its first byte: what no platform can be faster than unless
it prepared something. The pause between calls lets the daemon do what it does in the background.
"""

import time

from harness import functions, virga
from harness.bench import require_tool
from harness.errors import BenchError
from harness.load import run_first, run_spawns
from harness.outcome import Goal, Outcome, median, summary
from harness.peers import python_interpreter
from rows.row import Row

PAUSE_SECONDS = 0.3


def first_calls(bench, make_function):
    """Responses of the first calls of `bench.cold_starts` new functions of a new daemon."""
    responses = []
    with virga.daemon(bench) as running:
        targets = []
        api = running.open_api()
        for number in range(bench.cold_starts):
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


def _measure(peer_name, peer_command, make_function):
    def measure(bench):
        outcome = Outcome(peer_name=peer_name, unit="ms p50")
        try:
            first_bytes, _ = run_spawns(bench, peer_command(bench), bench.cold_starts)
            outcome.peer = median(first_bytes)
            outcome.details["peer"] = summary(first_bytes)
        except BenchError as error:
            outcome.problems["peer"] = str(error)
        try:
            responses, notes = first_calls(bench, make_function)
        except BenchError as error:
            outcome.problems["virga"] = str(error)
            return outcome
        times = [response.milliseconds for response in responses]
        outcome.virga = median(times)
        outcome.details |= {"virga": summary(times), "phases": phase_medians(responses)}
        outcome.rounds = [{"virga": response.milliseconds, **virga.read_phases(response)} for response in responses]
        if outcome.peer:
            outcome.ratio = outcome.virga / outcome.peer
        outcome.note(*notes)
        if not outcome.details["phases"]:
            outcome.note("the daemon reports no phases")
        return outcome

    return measure


def hello_command(bench):
    return [bench.compile("hello", bench.source / "hello.c", "-static")]


NATIVE = Row(
    "cold_native",
    "first call of a native function",
    Goal("virga", "<=", 3, "ms"),
    _measure("bare static program", hello_command, functions.native),
)
NODE = Row(
    "cold_node",
    "first call of a Node function",
    None,
    _measure("bare node", lambda _: [require_tool("node", "nodejs"), "-e", "process.stdout.write('hello')"], functions.node),
)
PYTHON = Row(
    "cold_python",
    "first call of a Python function",
    None,
    _measure("bare python3", lambda _: [python_interpreter(), "-c", "import json; print('hello')"], functions.python),
)
