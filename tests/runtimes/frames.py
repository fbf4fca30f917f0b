"""Starts a program that speaks frames (docs/frames.md) without a sandbox and talks to it as Virga does."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
RUNTIMES = REPOSITORY / "runtimes"

BIND, INVOKE, END, REHEARSE, FORM = 1, 2, 3, 4, 5
READY, INIT_ERROR, RESULT, ERROR, LOG, BOOTED = 16, 17, 18, 19, 20, 21

HEADER = struct.Struct("<IBBHQ")
INVOKE_HEAD = struct.Struct("<QHHHHII")
FORM_HEAD = struct.Struct("<QII")
ASCII, WITH_FORM = 1, 2  # flags of INVOKE

ARN = "arn:aws:lambda:eu-central-1:000000000000:function:hello"
PATIENCE = 10.0  # seconds until a test gives up waiting for a frame


def frame(kind, number=0, body=b"", flags=0):
    return HEADER.pack(len(body), kind, flags, 0, number) + body


def invoke_frame(number, payload, *, deadline_ms=None, request_id=None, arn=ARN, trace="", tenant="", client_context="", identity="", form=None):
    """`form`: its number, and the event's time in ms and as text; `payload` is then the text of the body."""
    if not isinstance(payload, bytes):
        payload = json.dumps(payload).encode()
    if deadline_ms is None:
        deadline_ms = int(time.time() * 1000) + 30_000
    texts = [text.encode() for text in (request_id or request_id_of(number), arn, trace, tenant, client_context, identity)]
    flags = ASCII if (b"".join(texts) + payload).isascii() else 0
    if form is not None:
        place, time_ms, time_text = form
        payload = FORM_HEAD.pack(time_ms, place, len(time_text)) + time_text.encode() + payload
        flags |= WITH_FORM
    return frame(INVOKE, number, INVOKE_HEAD.pack(deadline_ms, *map(len, texts)) + b"".join(texts) + payload, flags=flags)


def request_id_of(number):
    return f"00000000-0000-4000-8000-{number:012d}"


def bind_frame(task_root, handler, **changes):
    fields = {
        "handler": handler,
        "task_root": str(task_root),
        "environment": {},
        "function_name": "hello",
        "function_version": "$LATEST",
        "memory_mb": 128,
        "log_group": "/aws/lambda/hello",
        "log_stream": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
        "runtime": "test",
        "timeout_ms": 3000,
    }
    return frame(BIND, 0, json.dumps(fields | changes).encode())


class Answer:
    """What one invocation led to: `type` RESULT or ERROR, its `body` as bytes, and the LOG texts that came before it."""

    def __init__(self, kind, number, body, logs):
        self.type, self.number, self.body, self.logs = kind, number, body, logs

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"Answer(type={self.type}, number={self.number}, body={self.body[:400]!r}, logs={self.logs})"


def manifest(name):
    return json.loads((RUNTIMES / name / "runtime.json").read_text())


def interpreter(name):
    """The first installed interpreter that the runtime's manifest names; None if there is none."""
    return next((path for path in manifest(name)["interpreters"] if os.access(path, os.X_OK)), None)


def arguments(name):
    """The manifest's command line, with the bootstrap's folder where it lies in the repository instead of in the sandbox."""
    inside = "/var/runtime/"
    outside = f"{RUNTIMES / name}/"
    return [argument.replace("${interpreter}", interpreter(name) or "").replace(inside, outside) for argument in manifest(name)["arguments"]]


class Process:
    """One instance. Use as a context manager: it ends the process and shows its own output when a test fails to hear from it."""

    def __init__(self, argv, environment=None, inherited=None):
        """`inherited`: further descriptors of the program, number -> one of ours."""
        self.socket, inside = socket.socketpair()
        self.socket.settimeout(PATIENCE)
        self.output = tempfile.TemporaryFile()
        base = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "VIRGA_FRAMES_FD": "3"}

        # The program's descriptor 3 is the socket, as in the sandbox. (Popen alone can only pass a descriptor under its own number,
        # and bash none whose number it is about to use.)
        with inside, contextlib.ExitStack() as copies:
            launch, passed = "", []
            for number, fd in ({3: inside.fileno()} | (inherited or {})).items():
                passed.append(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10))
                copies.callback(os.close, passed[-1])
                launch += f"exec {number}<&{passed[-1]} {passed[-1]}<&-; "
            self.process = subprocess.Popen(["bash", "-c", launch + 'exec "$@"', "bash", *argv], env=base | (environment or {}),
                                            pass_fds=passed, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)
        self.talk()

    def talk(self):
        self.number = 0
        self.has_booted = False
        self.bytes = bytearray()
        self.said_last = False
        self.takes_forms = False
        self.logs = {}  # invocation number -> LOG texts not yet handed out

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.output.close()

    def send(self, data):
        self.socket.sendall(data)

    def bind(self, task_root, handler, **changes):
        """Sends BIND; returns the answer to it: READY or INIT_ERROR."""
        self.send(bind_frame(task_root, handler, **changes))
        return self.next_answer()

    def rehearse(self):
        """Makes it a stem: it prepares itself and waits for BIND."""
        self.send(frame(REHEARSE))
        got = self.next_frame()
        if got is None or got[0] != BOOTED:
            raise AssertionError(f"expected BOOTED, got {got}; the process printed:\n{self.printed()}")

    def start(self, payload, **fields):
        """Sends an INVOKE without waiting; returns its number."""
        self.number += 1
        self.send(invoke_frame(self.number, payload, **fields))
        return self.number

    def invoke(self, payload=None, **fields):
        number = self.start(payload, **fields)
        answer = self.next_answer()
        if answer.number != number:
            raise AssertionError(f"asked for invocation {number}, heard of {answer}")
        return answer

    def next_frame(self):
        """(type, number, body), or None when the process has closed the socket."""
        while True:
            if len(self.bytes) >= HEADER.size:
                size, kind, flags, reserved, number = HEADER.unpack_from(self.bytes)
                self.said_last = self.said_last or (flags == 1 and kind != READY)  # an answer with which the process ends
                self.takes_forms = self.takes_forms or (flags == 1 and kind == READY)
                if flags not in ((0, 1) if kind in (RESULT, ERROR, READY) else (0,)) or reserved:
                    raise AssertionError(f"frame of type {kind} with flags {flags} and reserved {reserved}")
                if len(self.bytes) >= HEADER.size + size:
                    body = bytes(self.bytes[HEADER.size:HEADER.size + size])
                    del self.bytes[:HEADER.size + size]
                    return kind, number, body
            try:
                data = self.socket.recv(1 << 20)
            except TimeoutError:
                raise AssertionError(f"no frame within {PATIENCE} s; the process printed:\n{self.printed()}") from None
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.bytes += data

    def next_answer(self):
        while True:
            got = self.next_frame()
            if got is None:
                raise AssertionError(f"the process closed the socket (exit status {self.wait()}); it printed:\n{self.printed()}")
            kind, number, body = got
            if kind == BOOTED:
                self.has_booted = True
                continue
            if kind != LOG:
                return Answer(kind, number, body, self.logs.pop(number, []))
            self.logs.setdefault(number, []).append(body.decode())

    def wait_log(self, number):
        """The next LOG text of an invocation."""
        while not self.logs.get(number):
            got = self.next_frame()
            if got is None or got[0] != LOG:
                raise AssertionError(f"expected a LOG frame, got {got}; the process printed:\n{self.printed()}")
            self.logs.setdefault(got[1], []).append(got[2].decode())
        return self.logs[number].pop(0)

    def wait(self):
        """The exit status, once the process has ended."""
        return self.process.wait(PATIENCE)

    def printed(self):
        """What the process wrote to its descriptors 1 and 2."""
        self.output.seek(0)
        return self.output.read().decode(errors="replace")


class Folder:
    """A function's package: files by name."""

    def __init__(self, files):
        self._folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self._folder.name)
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        self._folder.cleanup()


ISO_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
