"""Memory of a daemon that has nothing to do: no function, ready, and left alone for some seconds."""

import os
import time

from harness import virga
from harness.errors import BenchError
from harness.outcome import Goal, Outcome
from harness.processes import read_memory
from rows.row import Row

KIB_PER_MIB = 1024


def _namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def _measure(bench):
    """The figure is the sum of RSS over the daemon and its helpers; prepared sandboxes are told apart.

    RSS counts a page two processes share twice: the sum errs against Virga, PSS stands beside it.
    """
    outcome = Outcome(unit="MiB RSS")
    try:
        with virga.daemon(bench) as running:
            time.sleep(bench.idle_seconds)
            running.server.require_alive()
            processes = [_describe(stat.pid, running.server.pid) for stat in running.server.tree()]
    except BenchError as error:
        outcome.problems["virga"] = str(error)
        return outcome
    outcome.note(*running.server.notes)
    processes = [process for process in processes if process]
    outcome.details["processes"] = processes
    for kind in ("daemon", "sandboxed"):
        chosen = [process for process in processes if process["kind"] == kind]
        outcome.details[kind] = {
            "processes": len(chosen),
            "rss_mib": sum(process["rss_mib"] for process in chosen),
            "pss_mib": sum(process["pss_mib"] for process in chosen),
        }
    outcome.virga = outcome.details["daemon"]["rss_mib"]
    outcome.note(f"PSS {outcome.details['daemon']['pss_mib']:.1f} MiB in {outcome.details['daemon']['processes']} processes")
    if outcome.details["sandboxed"]["processes"]:
        waiting = outcome.details["sandboxed"]
        outcome.note(f"not counted: {waiting['processes']} sandboxed processes, PSS {waiting['pss_mib']:.1f} MiB")
    return outcome


def _describe(pid, daemon_pid):
    memory = read_memory(pid)
    namespace = _namespace(pid)
    if memory is None or namespace is None:
        return None
    try:
        with open(f"/proc/{pid}/comm") as file:
            name = file.read().strip()
    except OSError:
        return None
    kind = "daemon" if namespace == _namespace(daemon_pid) else "sandboxed"
    return {"name": name, "kind": kind, "rss_mib": memory[0] / KIB_PER_MIB, "pss_mib": memory[1] / KIB_PER_MIB}


IDLE = Row("idle_memory", "idle daemon, no functions", Goal("virga", "<=", 30, "MiB"), _measure)
