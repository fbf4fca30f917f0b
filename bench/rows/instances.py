"""What one more idle instance takes: its processes, and the kernel's memory for them.

A daemon runs one function, then several more, each once. The difference in memory, by function, is what an instance costs;
what is there anyway (the daemon, blanks, stems) falls out. PSS shares what processes have in common, as the interpreter's code.
"""

import time

from harness import functions, virga
from harness.cgroups import idle_memory
from harness.errors import BenchError
from harness.http import wait_until_ready
from harness.outcome import Goal, Outcome
from rows.row import Row

INSTANCES = 10
SETTLE_SECONDS = 3


def _measure(make_function):
    def measure(bench):
        outcome = Outcome(unit="MiB each")
        try:
            with virga.daemon(bench) as running:
                _call_once(running, "first", make_function(bench, "first"))
                time.sleep(SETTLE_SECONDS)
                before = idle_memory(running.server)
                for number in range(INSTANCES):
                    _call_once(running, f"idle-{number}", make_function(bench, f"{number}"))
                time.sleep(SETTLE_SECONDS)
                running.server.require_alive()
                after = idle_memory(running.server)
            outcome.note(*running.server.notes)
        except BenchError as error:
            outcome.problems["virga"] = str(error)
            return outcome
        pss, kernel = ((late - early) / INSTANCES for early, late in zip(before, after))
        outcome.virga = pss + kernel
        outcome.details["virga"] = {"instances": INSTANCES, "pss_mib": pss, "kernel_mib": kernel}
        outcome.note(f"PSS {pss:.2f} and kernel {kernel:.2f} MiB")
        if kernel == 0:
            outcome.note("the kernel's memory is not counted here")
        return outcome

    return measure


def _call_once(running, name, function):
    target = running.deploy(name, function)
    wait_until_ready(running.server, running.port, target.path)


NATIVE = Row("instance_native", "idle instance, static native", Goal("virga", "<=", 0.35, "MiB"), _measure(functions.native))
PYTHON = Row("instance_python", "idle instance, Python", Goal("virga", "<=", 2, "MiB"), _measure(functions.python))
NODE = Row("instance_node", "idle instance, Node", Goal("virga", "<=", 9, "MiB"), _measure(functions.node))
