"""Scale-out by fork: a Python function whose loaded process is forked into further instances.

Calls that are held keep every instance busy, and then more come: each of these needs an instance, and gets one of the forks that
wait, or one that is made for it. The peer is an instance that loads the function itself.
"""

import threading
import time

from harness import functions, virga
from harness.cgroups import idle_memory
from harness.errors import BenchError
from harness.http import request, wait_until_ready
from harness.outcome import Goal, Outcome, median, summary
from rows.row import Row

# 100 MB of them.
ENTRIES = 230_000
STEPS = 12
# Two of them find a fork that waits.
MORE_AT_ONCE = 3
HOLD_SECONDS = 0.6
# Until held calls have their instances.
ALL_HELD_SECONDS = 0.3
REST_SECONDS = 0.7
IDLE_FORKS = 10
SETTLE_SECONDS = 3
PATIENCE_SECONDS = 30


def _call_at_once(target, holds):
    """Responses of as many calls at the same time as there are holds."""
    responses, failures = [], []

    def call(hold):
        try:
            responses.append(request("127.0.0.1", target.port, "GET", f"{target.path}?hold={hold}"))
        except BenchError as error:
            failures.append(error)

    threads = [threading.Thread(target=call, args=[hold]) for hold in holds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    if bad := [response.status for response in responses if response.status != 200]:
        raise BenchError(f"a call was answered {bad[0]}")
    return responses


def _make_hot(running, entries, bench):
    """The target, with two instances that loaded the function and a fork that waits; and the responses of those two."""
    target = running.deploy("forked", functions.forked(bench, entries))
    first = _call_at_once(target, [HOLD_SECONDS] * 2)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _figure(target, "virga_forks_waiting") < 1:
        if time.monotonic() > deadline:
            starts = {virga.read_start(response) for response in _call_at_once(target, [HOLD_SECONDS] * 3)}
            raise BenchError(f"the function is not forked: {', '.join(sorted(starts))}")
        time.sleep(0.05)
    return target, first


def _figure(target, name):
    text = request("127.0.0.1", target.port, "GET", "/metrics").body.decode()
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in text.splitlines() if line.startswith(name + " "))


def _start_milliseconds(response):
    phases = virga.read_phases(response)
    return sum(phases.get(name, 0) for name in ("start", "attach", "boot", "init"))


def _added_milliseconds(response):
    return response.milliseconds - virga.read_phases(response).get("run", 0)


def _forks(running, bench):
    """Responses of calls that found a fork, those of calls for which one was made, and of the first instances."""
    target, first = _make_hot(running, ENTRIES, bench)
    running.server.raise_priority()
    ready, made, instances = [], [], 2
    for _ in range(STEPS):
        held = threading.Thread(target=_call_at_once, args=[target, [HOLD_SECONDS] * instances])
        held.start()
        time.sleep(ALL_HELD_SECONDS)
        for response in _call_at_once(target, [0.2] * MORE_AT_ONCE):
            start = virga.read_start(response)
            if start.startswith("fork"):
                (ready if start == "fork" else made).append(response)
                instances += 1
        held.join()
        time.sleep(REST_SECONDS)
    return first, ready, made


def _scale_out(bench):
    outcome = Outcome(peer_name="an instance that loads it", unit="ms p50")
    try:
        with virga.daemon(bench) as running:
            first, ready, made = _forks(running, bench)
        outcome.note(*running.server.notes)
        if not made:
            raise BenchError(f"no fork was made on demand; {len(ready)} waited")
    except BenchError as error:
        outcome.problems["virga"] = str(error)
        return outcome
    outcome.peer = median(_start_milliseconds(response) for response in first)
    outcome.virga = median(_start_milliseconds(response) for response in made)
    outcome.ratio = outcome.virga / outcome.peer
    outcome.details["virga"] = {
        "on_demand": summary([_start_milliseconds(response) for response in made]),
        "on_demand_added": summary([_added_milliseconds(response) for response in made]),
        "ready": summary([_start_milliseconds(response) for response in ready]),
        "ready_added": summary([_added_milliseconds(response) for response in ready]),
    }
    details = outcome.details["virga"]
    outcome.note(f"made on demand: {len(made)}, a call that gets one takes {details['on_demand_added']['p50']:.1f} ms beside its run")
    if ready:
        outcome.note(f"ready: {len(ready)}, {details['ready']['p50']:.3f} ms, likewise {details['ready_added']['p50']:.1f} ms")
    return outcome


def _idle(bench):
    outcome = Outcome(unit="MiB each")
    try:
        with virga.daemon(bench) as running:
            target, _ = _make_hot(running, 0, bench)
            before_count, before = _grow(running, target, 4)
            after_count, after = _grow(running, target, before_count + IDLE_FORKS)
        outcome.note(*running.server.notes)
    except BenchError as error:
        outcome.problems["virga"] = str(error)
        return outcome
    count = after_count - before_count
    anonymous, files, kernel = ((late - early) / count for early, late in zip(before, after))
    outcome.virga = anonymous + files + kernel
    outcome.details["virga"] = {"instances": count, "anonymous_mib": anonymous, "files_mib": files, "kernel_mib": kernel}
    outcome.note(f"its own {anonymous:.2f}, of files {files:.2f}, kernel {kernel:.2f} MiB")
    if kernel == 0:
        outcome.note("the kernel's memory is not counted here")
    return outcome


def _grow(running, target, count):
    """At least so many instances, idle for a while: their number and their memory."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    at_once = count
    while _figure(target, "virga_instances_idle") < count:
        if time.monotonic() > deadline:
            raise BenchError(f"there were never {count} instances")
        _call_at_once(target, [HOLD_SECONDS] * at_once)
        at_once += 1
    wait_until_ready(running.server, target.port, target.path)
    time.sleep(SETTLE_SECONDS)
    running.server.require_alive()
    return _figure(target, "virga_instances_idle"), idle_memory(running.server)


SCALE_OUT = Row("fork_python", "scale-out by fork, Python, 100 MB heap", Goal("virga", "<=", 4, "ms p50"), _scale_out)
IDLE = Row("instance_fork", "idle instance, Python fork", Goal("virga", "<=", 2, "MiB"), _idle)
