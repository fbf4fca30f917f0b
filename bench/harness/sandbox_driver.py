"""Speaks with virga-sandbox-run, which starts sandboxes without a daemon around them.

One JSON request a line goes in, one JSON event a line comes out (tests/abuse/sandbox_run.cc).
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time

from harness.errors import BenchError
from harness.processes import LOG_TAIL_BYTES, in_own_session, lift_autogroup, process_tree

EVENT_SECONDS = 10.0
READ_SIZE = 65536


def find_program(bench):
    """None when it is not built."""
    build = bench.repository / "build"
    for folder in (bench.virga.parent, bench.virga.resolve().parent, build, build / "release/tests/abuse"):
        if os.access(folder / "virga-sandbox-run", os.X_OK):
            return folder / "virga-sandbox-run"
    return None


class SandboxDriver:
    """Starts one static program after the other, each in a new sandbox, and times its first byte.

    The program's output is a FIFO, so that its first byte is seen when it is written.
    """

    def __init__(self, program, folder, cores, blanks):
        self._output_path = folder / "output"
        os.mkfifo(self._output_path)
        # Open for writing too: a FIFO whose last writer went is readable for good.
        self._output = os.open(self._output_path, os.O_RDWR | os.O_NONBLOCK)
        self._error_path = folder / "errors"
        with self._error_path.open("wb") as errors:
            self._process = subprocess.Popen(
                [program, "--state", folder / "state", "--blanks", str(blanks)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=in_own_session(cores),
            )
        self._events = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._next = 1

    def __enter__(self):
        self._event("ready")
        for stat in process_tree(self._process.pid):
            lift_autogroup(stat.pid)
        return self

    def __exit__(self, *_):
        """The end of its input ends it, and every sandbox with it."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(EVENT_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process.stdout.close()
        self._selector.close()
        os.close(self._output)

    def run(self, code_folder, arguments):
        """Returns (ms to the first byte, phases in ms) of one program in a sandbox of its own."""
        number, self._next = self._next, self._next + 1
        request = {"do": "start", "id": number, "arguments": arguments, "environment": [], "code": str(code_folder)}
        line = json.dumps(request | {"log": str(self._output_path)}).encode() + b"\n"
        start = time.perf_counter_ns()
        self._process.stdin.write(line)
        self._process.stdin.flush()
        first_byte = self._wait_for_output()
        started = self._event("started")
        ended = self._event("ended")
        if ended.get("reason") != "exited" or ended.get("status") != 0:
            raise BenchError(f"the program in the sandbox failed: {ended}")
        times = {name: value for name, value in started.items() if name not in ("event", "id", "listener")}
        return (first_byte - start) / 1e6, {name: value / 1e3 for name, value in times.items()}

    def _wait_for_output(self):
        deadline = time.monotonic() + EVENT_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                # A refusal is an event, and then no byte comes.
                selector.select(0.5)
                moment = time.perf_counter_ns()
                with contextlib.suppress(BlockingIOError):
                    if os.read(self._output, READ_SIZE):
                        return moment
                self._refuse_bad_news()
        raise BenchError(f"the program in the sandbox wrote nothing: {self._last_words()}")

    def _refuse_bad_news(self):
        self._read_events(0)
        for line in bytes(self._events).split(b"\n")[:-1]:
            _check(json.loads(line))

    def _event(self, wanted):
        deadline = time.monotonic() + EVENT_SECONDS
        while time.monotonic() < deadline:
            line, separator, rest = bytes(self._events).partition(b"\n")
            if not separator:
                self._read_events(0.5)
                continue
            self._events = bytearray(rest)
            event = json.loads(line)
            if _check(event).get("event") == wanted:
                return event
        raise BenchError(f"virga-sandbox-run reported no {wanted!r}: {self._last_words()}")

    def _read_events(self, seconds):
        if self._selector.select(seconds):
            piece = os.read(self._process.stdout.fileno(), READ_SIZE)
            if not piece:
                raise BenchError(f"virga-sandbox-run ended: {self._last_words()}")
            self._events += piece

    def _last_words(self):
        return self._error_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip() or "no message"


def _check(event):
    if event.get("event") in ("no_helper", "helper_gone", "refused", "start_failed"):
        raise BenchError(f"virga-sandbox-run: {event['event']}: {event.get('message', '')}")
    return event
