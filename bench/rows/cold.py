"""The first call of a function that never ran on this daemon, by phase.

Each call goes to a function of its own, with a package of its own. The peer is the bare program,
outside any sandbox, from its start to its first byte: what no platform can be faster than unless
it prepared something. The pause between calls lets the daemon do what it does in the background.
"""

import time
from collections import Counter

from harness import functions, peers, virga
from harness.bench import require_tool
from harness.errors import BenchError
from harness.load import run_first, run_spawns
from harness.outcome import AllOf, Goal, Outcome, median, summary
from rows.row import Row

PAUSE_SECONDS = 0.2
WITHOUT_STEM_CALLS = 20
# A JVM that boots ahead takes 0.4 s of the one core there is here, and gives way to everything else.
JAVA_PAUSE_SECONDS = 1.0
JAVA_CALLS = 30
PEER_STARTS = 20
# What a start without a stem may take: so many times the bare interpreter's, and 2 ms.
ALLOWED_OVER_PEER = 1.15


def first_calls(bench, make_function, count=None, pause=PAUSE_SECONDS):
    """Responses of the first calls of `count` (else `bench.cold_starts`) new functions of a new daemon, `pause` s apart."""
    responses = []
    with virga.daemon(bench) as running:
        targets = []
        api = running.open_api()
        for number in range(count or bench.cold_starts):
            targets.append(running.deploy(f"cold-{number}", make_function(bench, f"{number}"), api))
        api.close()
        running.server.raise_priority()
        for target in targets:
            time.sleep(pause)
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


def _to_first_byte(command):
    """ms that the program takes from its start to the first byte it writes, several times."""

    def measure(bench):
        first_bytes, _ = run_spawns(bench, command(bench), min(bench.cold_starts, PEER_STARTS))
        return first_bytes

    return measure


def _measure(peer_name, peer_times, make_function, count=None, pause=PAUSE_SECONDS):
    """`peer_times`: function from `Bench` to the ms of several starts of the peer."""

    def measure(bench):
        outcome = Outcome(peer_name=peer_name, unit="ms p50")
        try:
            times = peer_times(bench)
            outcome.peer = median(times)
            outcome.details["peer"] = summary(times)
        except BenchError as error:
            outcome.problems["peer"] = str(error)
        try:
            responses, notes = first_calls(bench, make_function, count, pause)
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
    return [peers.python_interpreter(), "-c", "import json; print('hello')"]


def _java_first_answers(bench):
    """ms from the start of `java -jar` to the end of its first answer."""
    times = []
    for _ in range(min(bench.cold_starts, PEER_STARTS)):
        with peers.java(bench) as started:
            times.append(started.first_answer_ms)
    return times


def _measure_java(bench):
    outcome = _measure("java -jar, first answer", _java_first_answers, functions.java, JAVA_CALLS, JAVA_PAUSE_SECONDS)(bench)
    try:
        printed, _ = run_spawns(bench, peers.java_command(bench), min(bench.cold_starts, PEER_STARTS))
        outcome.details["java_prints"] = summary(printed)
        outcome.note(f"a java -jar that only prints takes {median(printed):.1f} ms to its first byte")
    except BenchError as error:
        outcome.note(f"a java -jar that only prints: {error}")
    return outcome


def _goal(p50, p99):
    return AllOf(Goal("virga", "<=", p50, "ms p50"), Goal("virga.p99", "<=", p99, "ms p99"))


WITHOUT_STEM_GOAL = Goal("over_peer_ms", "<=", 2, text="≤ 1.15 × peer + 2 ms")

NATIVE = Row(
    "cold_native",
    "first call of a native function",
    _goal(1, 4),
    _measure("bare static program", _to_first_byte(hello_command), functions.native),
)
NODE = Row("cold_node", "first call of a Node function", _goal(3, 12), _measure("bare node", _to_first_byte(node_command), functions.node))
PYTHON = Row(
    "cold_python", "first call of a Python function", _goal(2, 8), _measure("bare python3", _to_first_byte(python_command), functions.python)
)
NODE_WITHOUT_STEM = Row(
    "stemless_node",
    "first call without a stem, Node",
    WITHOUT_STEM_GOAL,
    _measure("bare node", _to_first_byte(node_command), functions.node_without_stem, WITHOUT_STEM_CALLS),
)
PYTHON_WITHOUT_STEM = Row(
    "stemless_python",
    "first call without a stem, Python",
    WITHOUT_STEM_GOAL,
    _measure("bare python3", _to_first_byte(python_command), functions.python_without_stem, WITHOUT_STEM_CALLS),
)
JAVA = Row("cold_java", "first call of a Java function", Goal("ratio", "<=", 0.1), _measure_java)
