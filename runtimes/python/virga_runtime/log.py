"""The function's output as LOG frames: sys.stdout and sys.stderr line by line, and logging in the forms of AWS Lambda's runtime.

A line is sent at once, not with the answer: it is what explains a crash or an endless loop that follows it.
"""

import _thread
import io
import os
import sys

from .channel import LOG

_MAX_PIECE = 1024 * 1024  # bytes; a longer text is sent in pieces


class Log:
    """Who is running, and the way its output takes. Output after an invocation's end still carries its number."""

    def __init__(self, channel):
        self.number = 0  # 0 while loading
        self.request_id = ""
        self.tenant_id = None
        self._channel = channel
        self.dirty = []  # streams with the beginning of a line

    def send(self, text):
        data = text.encode("utf-8", "backslashreplace")
        for at in range(0, len(data) or 1, _MAX_PIECE):
            self._channel.write(LOG, self.number, data[at:at + _MAX_PIECE] if len(data) > _MAX_PIECE else data)
        self._channel.flush()

    def finish_lines(self):
        """Sends lines that were begun and not ended. Called before an answer."""
        while self.dirty:
            self.dirty[0].end_line()

    def install(self):
        """Takes over the output of the process; called once, when the function's environment is known."""
        sys.stdout = Stream(self, 1)
        sys.stderr = Stream(self, 2)
        if "logging" in sys.modules:
            _set_up_logging(self)
        else:
            sys.meta_path.insert(0, _LoggingFinder(self))


class Stream(io.TextIOBase):
    """A text stream that sends each line when it ends."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, log, descriptor):
        self._log = log
        self._descriptor = descriptor
        self._line = ""
        self._lock = _thread.allocate_lock()
        self._buffer = None

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:
            begin, newline, rest = text.rpartition("\n")
            if newline:
                whole = self._line + begin
                self._set_line(rest)
            else:
                self._set_line(self._line + text)
        if newline:
            self._log.send(whole)
        return len(text)

    def _set_line(self, text):
        if bool(self._line) != bool(text):
            (self._log.dirty.append if text else self._log.dirty.remove)(self)
        self._line = text

    def end_line(self):
        with self._lock:
            text = self._line
            self._set_line("")
        if text:
            self._log.send(text)

    @property
    def buffer(self):
        if self._buffer is None:
            self._buffer = io.BufferedWriter(_Bytes(self))
        return self._buffer

    def flush(self):
        if self._buffer is not None:
            self._buffer.flush()

    def fileno(self):
        return self._descriptor

    def isatty(self):
        return False

    def writable(self):
        return True


class _Bytes(io.RawIOBase):
    """What lies under `sys.stdout.buffer`."""

    def __init__(self, stream):
        self._stream = stream

    def writable(self):
        return True

    def write(self, data):
        self._stream.write(bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)


# ---- logging


class _LoggingFinder:
    """Sets up `logging` when the function first imports it: a function that does not, does not pay for it."""

    def __init__(self, log):
        self._log = log

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                _set_up_logging(self._log)

            spec.loader.exec_module = exec_module
        return spec


_TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"


def _set_up_logging(log):
    import logging
    import time

    class Handler(logging.Handler):
        def emit(self, record):
            try:
                log.send(self.format(record))
            except Exception:
                self.handleError(record)

        def filter(self, record):
            record.aws_request_id = log.request_id
            record.tenant_id = log.tenant_id
            return super().filter(record)

    logging.Formatter.converter = time.gmtime
    handler = Handler()
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
        from .log_json import JsonFormatter

        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter(_TEXT_FORMAT, "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper().replace("TRACE", "DEBUG").replace("FATAL", "CRITICAL")
    if level in ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)
