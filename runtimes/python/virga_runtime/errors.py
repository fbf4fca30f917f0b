"""Errors as AWS Lambda's Python runtime names and shapes them (its runtime interface client, bootstrap.py)."""

import os
import sys

_FOLDER = os.path.dirname(__file__)
_NO_BREAK_SPACE = "\u00a0"


class Fault(Exception):
    """A refusal by the bootstrap itself, under one of the runtime's own names."""

    def __init__(self, error_type, message, trace=None):
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = trace


def report(error, request_id):
    """What the caller of the function sees."""
    if isinstance(error, Fault):
        return make_report(error.message, error.error_type, error.trace, request_id)
    return make_report(str(error), type(error).__name__, _trace(error.__traceback__), request_id)


def exit_report(status, request_id):
    """The process ended itself; the words are the Lambda platform's."""
    reason = f"Runtime exited with error: exit status {status}" if status else "Runtime exited without providing a reason"
    return make_report(f"RequestId: {request_id} Error: {reason}", "Runtime.ExitError", None, request_id)


def make_report(message, error_type, trace, request_id):
    return {"errorMessage": message or "", "errorType": error_type or "", "requestId": request_id or "", "stackTrace": trace or []}


def _trace(traceback_object):
    import traceback

    frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in traceback.extract_tb(traceback_object)]
    own = 0
    while own < len(frames) and frames[own][0].startswith(_FOLDER):
        own += 1
    return traceback.format_list(frames[own:] or frames)


def describe(error_report):
    """The lines that the log shows for a report."""
    headline = "[ERROR]"
    if error_report["errorType"]:
        headline += f" {error_report['errorType']}"
    if error_report["errorMessage"]:
        headline += f"{':' if error_report['errorType'] else ''} {error_report['errorMessage']}"
    lines = [headline, "Traceback (most recent call last):"]
    for element in error_report["stackTrace"]:
        for line in element.splitlines() or [""]:
            text = line.lstrip(" ")
            lines.append(_NO_BREAK_SPACE * (len(line) - len(text)) + text)
    return "\n".join(lines)


def exit_status(error):
    """The status with which a SystemExit ends the process, by sys.exit's rules."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1
