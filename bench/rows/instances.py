"""What one more idle instance takes: its processes, and the kernel's memory for them.

A daemon runs one function, then several more, each once. The difference in memory, by function, is what an instance costs;
what is there anyway (the daemon, blanks, stems) falls out, once there are as many of them again. PSS shares what processes have in
common, as the interpreter's code. What is left of files is in the page cache, of which the kernel takes back what it needs: the
function's own program or library, of which each of these functions brings a copy.
"""

import time

from harness import functions, virga
from harness.cgroups import idle_memory
from harness.errors import BenchError
from harness.http import wait_until_ready
from harness.outcome import Goal, Outcome
from rows.row import Row

INSTANCES = 10
# Longer than an instance is idle before it is frozen.
SETTLE_SECONDS = 4
# More stems are kept while many are taken, and go within half a minute.
STEM_SECONDS = 90


def _measure(make_function):
    def measure(bench):
        outcome = Outcome(unit="MiB each")
        try:
            with virga.daemon(bench) as running:
                _call_once(running, "first", make_function(bench, "first"))
                time.sleep(SETTLE_SECONDS)
                stems = _stems(running)
                before = idle_memory(running.server)
                for number in range(INSTANCES):
                    _call_once(running, f"idle-{number}", make_function(bench, f"{number}"))
                time.sleep(SETTLE_SECONDS)
                _wait_for_stems(running, stems)
                running.server.require_alive()
                after = idle_memory(running.server)
            outcome.note(*running.server.notes)
        except BenchError as error:
            outcome.problems["virga"] = str(error)
            return outcome
        anonymous, files, kernel = ((late - early) / INSTANCES for early, late in zip(before, after))
        outcome.virga = anonymous + files + kernel
        outcome.details["virga"] = {"instances": INSTANCES, "anonymous_mib": anonymous, "files_mib": files, "kernel_mib": kernel}
        outcome.note(f"its own {anonymous:.2f}, of files {files:.2f}, kernel {kernel:.2f} MiB")
        if kernel == 0:
            outcome.note("the kernel's memory is not counted here")
        return outcome

    return measure


def _stems(running):
    """How many wait, and how many of these have booted."""
    return running.figure("virga_stems_waiting"), running.figure("virga_stems_booted")


def _wait_for_stems(running, wanted):
    deadline = time.monotonic() + STEM_SECONDS
    while (found := _stems(running)) != wanted:
        if time.monotonic() > deadline:
            raise BenchError(f"(waiting, booted) stems were {wanted} at first and are {found}")
        time.sleep(0.2)


def _call_once(running, name, function):
    target = running.deploy(name, function)
    wait_until_ready(running.server, running.port, target.path)


NATIVE = Row("instance_native", "idle instance, static native", Goal("virga", "<=", 0.35, "MiB"), _measure(functions.native))
PYTHON = Row("instance_python", "idle instance, Python", Goal("virga", "<=", 2, "MiB"), _measure(functions.python))
NODE = Row("instance_node", "idle instance, Node", Goal("virga", "<=", 9, "MiB"), _measure(functions.node))
