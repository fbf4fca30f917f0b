"""The loop: bind, then one invocation after the other."""

import gc
import os
import sys
import time

from . import channel as frames
from .channel import Channel
from .invocation import Invocation
from .log import Log

_TRACE_KEY = b"_X_AMZN_TRACE_ID"
_environment = os.environ._data  # what os.environ keeps its encoded variables in, since Python 3.0
_TOO_LARGE = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."

try:
    from ._fast import set_trace as _share_trace  # with child processes
except ImportError:

    def _share_trace(trace_id):
        if trace_id:
            os.putenv(_TRACE_KEY, trace_id)
        else:
            os.unsetenv(_TRACE_KEY)


class Runtime:
    def __init__(self, channel, fork_descriptor=None):
        self._channel = channel
        self._fork_descriptor = fork_descriptor  # of a template
        self._log = Log(channel)
        self._handler = None
        self._booted = False
        self._rehearsed = None  # the module, if it was
        self._trace_id = ""

    def run(self):
        """The exit status of the process."""
        while True:
            frame = self._channel.next_frame()
            if frame is None:
                os._exit(0)  # Virga is gone: nobody waits for threads or atexit handlers
            kind, number, begin, end = frame
            if kind == frames.INVOKE:
                self._invoke(Invocation(number, self._channel.buffer, begin, end))
                self._channel.flush()
                break
            if kind == frames.BIND:
                status = self._bind(self._channel.buffer[begin:end])
                if status is not None:
                    return status
            elif kind == frames.REHEARSE:
                from . import rehearse

                rehearse.rehearse(self._channel.is_idle)
                self._rehearsed = rehearse
                self._say_booted()
            elif kind == frames.END:
                return 0
        return self._serve()

    def _say_booted(self):
        """Tells Virga once that what comes next is the function."""
        if self._booted:
            return
        self._booted = True
        self._channel.write(frames.BOOTED, 0, b"")
        self._channel.flush()

    # ---- loading

    def _bind(self, body):
        """The exit status if the handler cannot be loaded."""
        import json

        from . import aws, errors, load, marshal_json

        self._say_booted()
        template = None
        if self._fork_descriptor is not None:
            from .template import Template

            template = Template(self._channel, self._fork_descriptor)
        bind = json.loads(body)
        environment = bind.get("environment") or {}
        os.environ.update(environment)
        if "TZ" in environment:
            time.tzset()
        self._log.install()
        try:
            os.chdir(bind["task_root"])
            if "prepared" in bind:
                from . import prepared

                prepared.use(bind["prepared"], bind["task_root"])
            added = load.extend_path(bind["task_root"], environment)
            if self._rehearsed is not None:
                self._rehearsed.forget_shadowed(added)
            aws.prepare(bind, self._log)
            self._errors = errors
            self._context = aws.LambdaContext
            self._parse = marshal_json.parse_range
            self._parse_text = marshal_json.parse
            self._encode = marshal_json.make_encoder(ensure_ascii=_is_older_than_3_12(bind.get("runtime", "")))
            self._handler = load.load(bind["handler"])
        except SystemExit as error:
            status = errors.exit_status(error)
            return self._refuse(errors.exit_report(status, None), status or 1)
        except BaseException as error:
            return self._refuse(errors.report(error, None), 1)
        self._log.finish_lines()
        # What is loaded stays: the collector need not look through it again and again.
        gc.freeze()
        if template is not None:
            return self._be_forked(template)
        self._channel.write(frames.READY, 0, b"")
        return None

    def _be_forked(self, template):
        """Returns in each fork, ready or with the exit status; in the template it returns only if that cannot be forked."""
        why = template.prepare()
        self._log.finish_lines()
        if why:
            report = self._errors.make_report(why, "Runtime.CannotFork", None, None)
            self._channel.write(frames.INIT_ERROR, 0, _to_json(report))
            self._channel.flush()
            return 1
        self._channel.write(frames.READY, 0, b"")
        self._channel.flush()
        try:
            template.serve()
            self._rebind()
        except BaseException as error:
            # Of whatever kind: nothing may go back from a fork to where its template came from.
            return self._refuse(self._errors.report(error, None), 1)
        self._log.finish_lines()
        self._channel.write(frames.READY, 0, b"")
        return None

    def _rebind(self):
        """Takes from the fork's BIND what is its own, and lets the function do the same."""
        import json

        from . import aws, hooks

        frame = self._channel.next_frame()
        if frame is None:
            os._exit(0)
        kind, _, begin, end = frame
        if kind != frames.BIND:
            raise RuntimeError(f"Virga sent a frame of type {kind} where the BIND of a fork was to come.")
        bind = json.loads(self._channel.buffer[begin:end])
        os.environ.update(bind.get("environment") or {})
        aws.bound.log_stream_name = bind["log_stream"]
        hooks.run_after()

    def _refuse(self, report, status):
        self._log_error(report)
        self._log.finish_lines()
        self._channel.write(frames.INIT_ERROR, 0, _to_json(report))
        self._channel.flush()
        return status

    # ---- running

    def _serve(self):
        channel = self._channel
        next_frame = channel.next_frame
        invoke = self._invoke
        clock = time.monotonic
        flushed = clock()
        while True:
            frame = next_frame()
            if frame is None:
                os._exit(0)
            kind, number, begin, end = frame
            if kind == frames.INVOKE:
                invoke(Invocation(number, channel.buffer, begin, end))
                # An answer must not wait long for slow invocations behind it.
                now = clock()
                if now - flushed > 0.001:
                    channel.flush()
                    flushed = now
            elif kind == frames.END:
                channel.flush()
                return 0

    def _invoke(self, invocation):
        log = self._log
        log.number = invocation.number
        log.request_id = invocation.request_id
        log.tenant_id = invocation.tenant_id
        if invocation.trace_id != self._trace_id:
            self._set_trace(invocation.trace_id)
        try:
            context = self._context(invocation)
            event = self._parse(self._channel.buffer, invocation.payload, invocation.end, self._parse_text)
            result = self._handler(event, context)
            body = result if type(result) is bytes else self._encode(result)
        except Exception as error:
            self._fail(invocation, self._errors.report(error, invocation.request_id))
            return
        except SystemExit as error:
            status = self._errors.exit_status(error)
            self._exit(invocation, self._errors.exit_report(status, invocation.request_id))
            raise
        except BaseException as error:
            self._exit(invocation, self._errors.report(error, invocation.request_id))
            raise
        if log.dirty:
            log.finish_lines()
        if len(body) > frames.MAX_BODY:
            self._fail(invocation, self._errors.make_report(
                _TOO_LARGE, "Function.ResponseSizeTooLarge", None, invocation.request_id))
            return
        self._channel.write(frames.RESULT, invocation.number, body)

    def _fail(self, invocation, report):
        self._log_error(report)
        self._log.finish_lines()
        self._channel.write(frames.ERROR, invocation.number, _to_json(report))

    def _exit(self, invocation, report):
        self._log.finish_lines()
        self._channel.write(frames.LAST_ERROR, invocation.number, _to_json(report))
        self._channel.flush()

    def _log_error(self, report):
        if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON":
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self._log.send(_to_json({"timestamp": stamp, "level": "ERROR", **report}).decode())
        else:
            self._log.send(self._errors.describe(report))

    def _set_trace(self, trace_id):
        # Every invocation has another one: what `os.environ[...] = ` does, without its detours.
        self._trace_id = trace_id
        if trace_id:
            _environment[_TRACE_KEY] = trace_id.encode("latin-1")
        else:
            _environment.pop(_TRACE_KEY, None)
        _share_trace(trace_id)


def _to_json(value):
    import json

    return json.dumps(value).encode()


def _is_older_than_3_12(identifier):
    """AWS's runtimes write characters beyond ASCII as they are from Python 3.12 on."""
    version = identifier.removeprefix("python").split(".")
    return len(version) == 2 and version[0] == "3" and version[1].isdigit() and int(version[1]) < 12


def main():
    descriptor = os.environ.pop("VIRGA_FRAMES_FD", "")
    forks = os.environ.pop("VIRGA_FORKS_FD", "")
    if not descriptor.isdigit() or int(descriptor) < 3:
        sys.stderr.write("This program is started by Virga, with VIRGA_FRAMES_FD naming a connected socket (docs/frames.md).\n")
        return 1
    return Runtime(Channel(int(descriptor)), int(forks) if forks.isdigit() else None).run()
