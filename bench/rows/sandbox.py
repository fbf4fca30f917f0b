"""A complete sandbox for a static program, against `runc run` of the same program."""

import json
import shutil
import time

from harness import functions, virga
from harness.bench import require_tool
from harness.errors import BenchError
from harness.load import run_spawns
from harness.outcome import Outcome, median, summary
from harness.processes import run_checked
from harness.sandbox_driver import SandboxDriver, find_program
from rows.cold import PAUSE_SECONDS, first_calls, hello_command, phase_medians
from rows.row import Row

STARTS = 20
WARM_UP = 2
BLANKS = 4
# What a start costs inside the sandbox's making; waiting for a place and the call itself are not part of it.
START_PHASES = ("start", "boot")


def _measure(bench):
    outcome = Outcome(peer_name="runc run", unit="ms p50")
    try:
        first_bytes, ends = _run_runc(bench)
        outcome.peer = median(first_bytes)
        outcome.details["peer"] = {"first_byte": summary(first_bytes), "end": summary(ends)}
    except BenchError as error:
        outcome.problems["peer"] = str(error)
    try:
        _measure_virga(bench, outcome)
    except BenchError as error:
        outcome.problems["virga"] = str(error)
    if outcome.peer and outcome.virga:
        outcome.ratio = outcome.virga / outcome.peer
    return outcome


def _run_runc(bench):
    """The bundle `runc spec` makes, with the program as the whole of a read-only root."""
    runc = require_tool("runc")
    bundle = bench.temporary("runc")
    root = bundle / "rootfs"
    root.mkdir(exist_ok=True)
    shutil.copy(hello_command(bench)[0], root / "hello")
    specification = bundle / "config.json"
    specification.unlink(missing_ok=True)
    run_checked([runc, "spec"], timeout=30, what="runc spec", cwd=bundle)
    settings = json.loads(specification.read_text())
    settings["process"] |= {"terminal": False, "args": ["/hello"]}
    settings["root"]["readonly"] = True
    specification.write_text(json.dumps(settings))
    command = [runc, "--root", bench.temporary("runc-state"), "run", f"virga-bench-{bench.work.name}"]
    run_spawns(bench, command, 2, directory=bundle)
    return run_spawns(bench, command, STARTS, directory=bundle)


def _measure_virga(bench, outcome):
    if program := find_program(bench):
        _measure_driver(bench, outcome, program)
    else:
        _measure_first_calls(bench, outcome)


def _measure_driver(bench, outcome, program):
    """The same program and the same two moments as with runc; nothing is made ahead."""
    times, phases = _run_driver(bench, program, "fresh", 0)
    outcome.virga = median(times)
    outcome.details |= {"virga": summary(times), "phases": phases}
    outcome.note("Virga: virga-sandbox-run, nothing made ahead")
    try:
        waiting, _ = _run_driver(bench, program, "waiting", BLANKS)
    except BenchError as error:
        outcome.note(f"with sandboxes made ahead: {error}")
        return
    outcome.details["virga_waiting"] = summary(waiting)
    outcome.note(f"with sandboxes made ahead: {median(waiting):.2f} ms p50")


def _run_driver(bench, program, name, blanks):
    folder = bench.temporary(f"sandbox-{name}")
    code = folder / "code"
    code.mkdir()
    shutil.copy(hello_command(bench)[0], code / "hello")
    times, phases = [], {}
    with SandboxDriver(program, folder, bench.server_cores, blanks) as driver:
        for number in range(WARM_UP + STARTS):
            time.sleep(PAUSE_SECONDS)
            milliseconds, found = driver.run(code, ["/var/task/hello"])
            if number >= WARM_UP:
                times.append(milliseconds)
                for phase, value in found.items():
                    phases.setdefault(phase, []).append(value)
    return times, {phase: summary(values) for phase, values in phases.items()}


def _measure_first_calls(bench, outcome):
    responses, notes = first_calls(bench, functions.native)
    outcome.note(*notes)
    phases = [virga.read_phases(response) for response in responses]
    starts = [sum(found.get(name, 0.0) for name in START_PHASES) for found in phases if START_PHASES[0] in found]
    if starts:
        outcome.note(
            "Virga: without virga-sandbox-run, the phases " + " and ".join(START_PHASES) + " of a native function's first call"
        )
    else:
        starts = [response.milliseconds for response in responses]
        outcome.note(
            "Virga: without virga-sandbox-run, the whole first call of a native function, as the daemon reports no phases"
        )
    outcome.virga = median(starts)
    outcome.details |= {"virga": summary(starts), "phases": phase_medians(responses)}


RUNC = Row("sandbox", "complete sandbox to first byte", None, _measure)
