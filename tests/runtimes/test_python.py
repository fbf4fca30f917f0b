"""The Python bootstrap against AWS Lambda's rules, without a sandbox."""

import json
import re
import textwrap
import unittest

from frames import END, ERROR, INIT_ERROR, READY, REHEARSE, RESULT, Folder, Process, arguments, bind_frame, frame, interpreter, invoke_frame, request_id_of

APP = "def handler(event, context): return {'event': event}"


@unittest.skipUnless(interpreter("python"), "no Python at the places that runtimes/python/runtime.json names")
class PythonTest(unittest.TestCase):
    is_stem = False

    def start(self, files, handler="app.handler", **bind):
        """A process bound to a package; the answer to BIND is in `self.bound`."""
        if isinstance(files, str):
            files = {"app.py": files}
        self.root = self.enter(Folder({name: textwrap.dedent(text) for name, text in files.items()}))
        process = self.enter(Process(arguments("python")))
        if self.is_stem:
            process.rehearse()
        self.bound = process.bind(self.root, handler, **bind)
        return process

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def ready(self, files, handler="app.handler", **bind):
        process = self.start(files, handler, **bind)
        self.assertEqual(self.bound.type, READY, self.bound)
        return process

    # ---- refusals while loading

    def test_refuses_what_cannot_be_loaded(self):
        table = [
            # files, handler, errorType, errorMessage
            ({}, "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'app'"),
            ({"app.py": "import nothing"}, "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nothing'"),
            ({"app.py": APP}, "app.nothing", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'app'"),
            ({"app.py": APP}, "app", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"),
            ({"app.py": APP}, "sys.handler", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"),
            ({"app.py": "def handler(:\n pass"}, "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': invalid syntax (app.py, line 1)"),
            ({"app.py": "raise KeyError('at load')"}, "app.handler", "KeyError", "'at load'"),
            ({"app.py": "import sys; sys.exit(4)"}, "app.handler", "Runtime.ExitError", "RequestId: None Error: Runtime exited with error: exit status 4"),
        ]
        for files, handler, error_type, message in table:
            with self.subTest(handler=handler, error_type=error_type, files=files):
                process = self.start(files, handler)
                self.assertEqual(self.bound.type, INIT_ERROR, self.bound)
                error = self.bound.json
                self.assertEqual((error["errorType"], error["errorMessage"]), (error_type, message))
                self.assertTrue(self.bound.logs[-1].startswith(f"[ERROR] {error_type}: {message}\nTraceback (most recent call last):"))
                self.assertNotEqual(process.wait(), 0)
                if error_type == "KeyError":
                    self.assertEqual(error["stackTrace"][-1], f'  File "{self.root}/app.py", line 1, in <module>\n    raise KeyError(\'at load\')\n')
                if error_type == "Runtime.UserCodeSyntaxError":
                    self.assertEqual(error["stackTrace"], [f'  File "{self.root}/app.py" Line 1\n    def handler(:\n'])

    # ---- errors of an invocation

    def test_answers_errors_in_the_shape_of_lambda(self):
        process = self.ready("""
            class OrderError(Exception): pass
            def inner(): raise OrderError('no stock')
            def handler(event, context):
                if event == 'raise':
                    inner()
                if event == 'set':
                    return {1, 2}
                if event == 'circle':
                    circle = {}; circle['self'] = circle
                    return circle
                return 'alive'
            """)
        answer = process.invoke("raise")
        self.assertEqual(answer.type, ERROR)
        self.assertEqual(answer.json, {
            "errorMessage": "no stock", "errorType": "OrderError", "requestId": request_id_of(1), "stackTrace": [
                f'  File "{self.root}/app.py", line 6, in handler\n    inner()\n',
                f'  File "{self.root}/app.py", line 3, in inner\n    def inner(): raise OrderError(\'no stock\')\n',
            ]})
        self.assertTrue(answer.logs[-1].startswith("[ERROR] OrderError: no stock\nTraceback (most recent call last):\n\u00a0\u00a0File "))
        answer = process.invoke("set")
        self.assertEqual((answer.type, answer.json["errorType"]), (ERROR, "Runtime.MarshalError"))
        self.assertEqual(answer.json["errorMessage"], "Unable to marshal response: Object of type set is not JSON serializable")
        self.assertEqual(process.invoke("circle").json["errorMessage"], "Unable to marshal response: Circular reference detected")
        self.assertEqual(process.invoke("more").json, "alive")

    def test_answers_an_event_that_is_not_json(self):
        process = self.ready(APP)
        for nonsense in (b"{nonsense", b"1 2", b" "):
            answer = process.invoke(nonsense)
            self.assertEqual((answer.type, answer.json["errorType"]), (ERROR, "Runtime.UnmarshalError"))
            self.assertTrue(answer.json["errorMessage"].startswith("Unable to unmarshal input: "))
        self.assertEqual(process.invoke(b"").json, {"event": {}})
        self.assertEqual(process.invoke(b" [1] ").json, {"event": [1]})

    def test_sys_exit_answers_with_exit_error_and_ends_the_process(self):
        table = [("0", 0, "Runtime exited without providing a reason"), ("3", 3, "Runtime exited with error: exit status 3"),
                 ("'words'", 1, "Runtime exited with error: exit status 1")]
        for code, status, reason in table:
            process = self.ready(f"""
                import sys
                def handler(event, context):
                    if event: sys.exit({code})
                    return 'first'
                """)
            process.send(invoke_frame(1, 0) + invoke_frame(2, 1) + invoke_frame(3, 0))
            self.assertEqual(process.next_answer().json, "first")
            answer = process.next_answer()
            self.assertEqual((answer.number, answer.json["errorType"], answer.json["errorMessage"]),
                             (2, "Runtime.ExitError", f"RequestId: {request_id_of(2)} Error: {reason}"))
            self.assertIsNone(process.next_frame() and process.next_frame() if code == "'words'" else process.next_frame())
            self.assertEqual(process.wait(), status)

    # ---- ways to write a handler

    def test_finds_handlers(self):
        found = "def handler(event, context): return 'found'"
        table = [
            ({"app.py": found}, "app.handler"),
            ({"pkg/mod.py": found}, "pkg/mod.handler"),
            ({"pkg/mod.py": found}, "pkg.mod.handler"),
            ({"pkg/__init__.py": found}, "pkg.handler"),
            ({"app.py": "class C:\n def __call__(self, e, c): return 'found'\nhandler = C()"}, "app.handler"),
            ({"app.py": "from errors import handler", "errors.py": found}, "app.handler"),
            ({"bootstrap.py": found}, "bootstrap.handler"),
            ({"main.py": found, "log.py": "", "channel.py": ""}, "main.handler"),
        ]
        for files, handler in table:
            with self.subTest(handler=handler, files=files):
                self.assertEqual(self.ready(files, handler).invoke().json, "found")

    def test_looks_in_the_package_then_the_layers(self):
        layer = self.enter(Folder({"greeting.py": "where = 'layer'", "app2.py": "where = 'layer'"}))
        process = self.ready({"app.py": "import sys, greeting, app2\ndef handler(e, c): return [greeting.where, app2.where, sys.path[:4]]",
                              "app2.py": "where = 'package'"}, environment={"PYTHONPATH": str(layer)})
        first, second, path = process.invoke().json
        self.assertEqual((first, second), ("layer", "package"))
        self.assertEqual([path[0], path[2], path[3]], [str(self.root), "/opt/python", str(layer)])
        self.assertRegex(path[1], r"^/opt/python/lib/python3\.\d+/site-packages$")

    def test_writes_results_as_json(self):
        process = self.ready("""
            from decimal import Decimal
            VALUES = {'text': 'ü', 'none': None, 'decimal': {'a': Decimal('1.5'), 'b': Decimal('3')}, 'tuple': (1, 2), 'bytes': b'\\x00raw', 'float': 0.1}
            def handler(event, context): return VALUES[event]
            """, runtime="python3.11")
        self.assertEqual(process.invoke("text").body, b'"\\u00fc"')
        self.assertEqual(process.invoke("none").body, b"null")
        self.assertEqual(process.invoke("decimal").body, b'{"a": 1.5, "b": 3}')
        self.assertEqual(process.invoke("tuple").body, b"[1, 2]")
        self.assertEqual(process.invoke("bytes").body, b"\x00raw")
        self.assertEqual(process.invoke("float").body, b"0.1")
        newer = self.ready("def handler(event, context): return {'a': 'ü'}", runtime="python3.12")
        self.assertEqual(newer.invoke().body, '{"a": "ü"}'.encode())

    # ---- what a handler is given

    def test_gives_the_whole_context(self):
        process = self.ready("""
            def handler(event, context):
                context.own = 1  # a handler may keep things there
                shown = {name: getattr(context, name) for name in (
                    'function_name', 'function_version', 'invoked_function_arn', 'memory_limit_in_mb', 'aws_request_id', 'log_group_name',
                    'log_stream_name', 'tenant_id')}
                client = context.client_context
                return {'shown': shown, 'left': context.get_remaining_time_in_millis(), 'repr': repr(context),
                        'client': client and [client.custom, client.env, client.client.app_title, client.client.app_version_name],
                        'identity': [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]}
            """)
        answer = process.invoke({}, tenant="blue", identity='{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}',
                                client_context='{"custom":{"k":"ü"},"env":{},"client":{"app_title":"t"}}').json
        self.assertEqual(answer["shown"], {
            "function_name": "hello", "function_version": "$LATEST", "memory_limit_in_mb": "128",
            "log_group_name": "/aws/lambda/hello", "log_stream_name": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
            "invoked_function_arn": "arn:aws:lambda:eu-central-1:000000000000:function:hello",
            "aws_request_id": request_id_of(1), "tenant_id": "blue"})
        self.assertEqual(answer["client"], [{"k": "ü"}, {}, "t", None])
        self.assertEqual(answer["identity"], ["i", "p"])
        self.assertTrue(25_000 < answer["left"] <= 30_000, answer["left"])
        self.assertIn(f"aws_request_id={request_id_of(1)}", answer["repr"])
        bare = process.invoke({}, deadline_ms=1).json
        self.assertEqual((bare["client"], bare["identity"], bare["left"], bare["shown"]["tenant_id"]), (None, [None, None], 0, None))
        self.assertEqual(process.invoke({}, client_context="{bad").json["errorType"], "Runtime.LambdaContextUnmarshalError")

    def test_gives_the_environment_and_the_working_folder(self):
        process = self.ready("""
            import os, subprocess, time
            at_load = os.environ['GREETING']
            def handler(event, context):
                child = subprocess.run(['/bin/sh', '-c', 'echo $_X_AMZN_TRACE_ID; test -e /proc/self/fd/3 || echo closed'], capture_output=True, text=True)
                return [at_load, os.getcwd(), 'VIRGA_FRAMES_FD' in os.environ, os.environ.get('_X_AMZN_TRACE_ID'), time.localtime(0).tm_hour, child.stdout]
            """, environment={"GREETING": "grüß", "TZ": "Asia/Tokyo"})
        self.assertEqual(process.invoke({}, trace="Root=1").json, ["grüß", str(self.root), False, "Root=1", 9, "Root=1\nclosed\n"])
        self.assertIsNone(process.invoke().json[3])

    def test_shares_each_trace_id_with_child_processes(self):
        process = self.ready("""
            import os, subprocess
            def handler(event, context):
                if event.get('own'):
                    os.environ['_X_AMZN_TRACE_ID'] = event['own']
                child = subprocess.run(['/bin/sh', '-c', 'echo ${_X_AMZN_TRACE_ID-none}'], capture_output=True, text=True)
                return child.stdout.strip()
            """)
        for trace in ("Root=1", "Root=22", "", "Root=3", "Root=" + "4" * 2000, "Root=5"):
            self.assertEqual(process.invoke({}, trace=trace).json, trace or "none")
        self.assertEqual(process.invoke({"own": "mine"}, trace="Root=6").json, "mine")
        self.assertEqual(process.invoke({}, trace="Root=7").json, "Root=7")

    # ---- output

    def test_output_lines_are_those_of_lambda(self):
        process = self.ready("""
            import logging, sys
            print('loading')
            logger = logging.getLogger()
            def handler(event, context):
                print('a', {'b': 'ü'}); print('part', end=''); print(' whole')
                sys.stderr.write('err\\nopen'); sys.stdout.buffer.write(b'bytes\\n'); sys.stdout.flush()
                logger.warning('hm %s', 1); logger.info('quiet'); logging.getLogger('x').error('two\\nlines')
                context.log('direct')
            """)
        self.assertEqual(self.bound.logs, ["loading"])
        logs = process.invoke().logs
        self.assertEqual(logs[:4], ["a {'b': 'ü'}", "part whole", "err", "bytes"])
        stamp = re.compile(r"^\[(\w+)\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t" + request_id_of(1) + r"\t(.*)$", re.DOTALL)
        self.assertEqual([stamp.match(line).groups() for line in logs[4:6]], [("WARNING", "hm 1"), ("ERROR", "two\nlines")])
        self.assertEqual(logs[6:], ["direct", "open"])
        self.assertEqual(process.printed(), "")

    def test_json_log_format_and_level(self):
        process = self.ready("""
            import logging
            def handler(event, context):
                logging.debug('quiet'); logging.info('loud', extra={'order': 7})
                try: 1 / 0
                except ZeroDivisionError: logging.exception('broken')
            """, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"})
        first, second = [json.loads(line) for line in process.invoke({}, tenant="blue").logs]
        self.assertRegex(first.pop("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(first, {"level": "INFO", "message": "loud", "logger": "root", "requestId": request_id_of(1), "tenantId": "blue", "order": 7})
        self.assertEqual((second["level"], second["errorType"], second["errorMessage"]), ("ERROR", "ZeroDivisionError", "division by zero"))
        self.assertIn("1 / 0", second["stackTrace"][0])

    def test_output_of_threads_carries_the_number_of_the_last_invocation(self):
        process = self.ready("""
            import threading
            go = threading.Event()
            threading.Thread(target=lambda: (go.wait(), print('late')), daemon=True).start()
            def handler(event, context):
                threading.Timer(0.02, go.set).start()
            """)
        self.assertIsNone(process.invoke().json)
        self.assertEqual(process.wait_log(1), "late")

    def test_output_is_sent_before_an_endless_loop(self):
        process = self.ready("""
            def handler(event, context):
                print('before')
                while True: pass
            """)
        process.start({})
        self.assertEqual(process.wait_log(1), "before")

    # ---- frames

    def test_answers_a_batch_in_order(self):
        process = self.ready("def handler(event, context): return event")
        process.send(b"".join(invoke_frame(n, n) for n in range(1, 501)))
        self.assertEqual([process.next_answer().json for _ in range(500)], list(range(1, 501)))

    def test_frames_may_arrive_in_any_pieces_and_sizes(self):
        import threading

        process = self.ready(APP)
        payloads = [{"text": "ü" * size} for size in (1, 3, 130_000, 140_000, 2_000_000)] + [{"text": "end"}] * 3
        data = b"".join(invoke_frame(n, payload) for n, payload in enumerate(payloads, 1))
        pieces = [data[:7], data[7:20], data[20:39], data[39:300], data[300:]]
        sender = threading.Thread(target=lambda: [process.send(piece) for piece in pieces])
        sender.start()
        self.assertEqual([process.next_answer().json["event"] for _ in payloads], payloads)
        sender.join()

    def test_refuses_a_result_larger_than_a_frame(self):
        process = self.ready("def handler(event, context): return 'x' * (17 * 1024 * 1024)")
        self.assertEqual(process.invoke().json["errorType"], "Function.ResponseSizeTooLarge")

    def test_an_answer_does_not_wait_for_a_slow_invocation_behind_it(self):
        process = self.ready("""
            import time
            def handler(event, context):
                time.sleep(event)
                return event
            """)
        process.send(invoke_frame(1, 0.005) + invoke_frame(2, 60))
        self.assertEqual(process.next_answer().json, 0.005)

    def test_end_lets_the_process_finish_what_it_has(self):
        process = self.ready("import atexit\natexit.register(print, 'bye')\ndef handler(event, context): return 'done'")
        process.send(invoke_frame(1, {}) + invoke_frame(2, {}) + frame(END))
        self.assertEqual([process.next_answer().json for _ in range(2)], ["done", "done"])
        self.assertEqual(process.wait_log(2), "bye")
        self.assertEqual(process.wait(), 0)

    def test_all_frames_may_come_at_once(self):
        root = self.enter(Folder({"app.py": "def handler(event, context): return 'done'"}))
        process = self.enter(Process(arguments("python")))
        process.send(bind_frame(root, "app.handler") + invoke_frame(1, {}) + invoke_frame(2, {}) + frame(END))
        self.assertEqual([process.next_answer().type for _ in range(3)], [READY, RESULT, RESULT])
        self.assertEqual(process.wait(), 0)

    def test_ends_when_virga_is_gone(self):
        process = self.ready(APP)
        process.socket.close()
        self.assertEqual(process.wait(), 0)


class PythonStemTest(PythonTest):
    """The same of a process that rehearsed while it waited for its function."""

    is_stem = True

    def test_bind_may_come_while_it_rehearses(self):
        root = self.enter(Folder({"app.py": "def handler(event, context): return event['a']"}))
        process = self.enter(Process(arguments("python")))
        process.send(frame(REHEARSE) + bind_frame(root, "app.handler") + invoke_frame(1, {"a": 7}) + frame(END))
        self.assertEqual(process.next_answer().type, READY)
        self.assertEqual(process.next_answer().json, 7)
        self.assertEqual(process.wait(), 0)

    def test_modules_of_the_function_come_first(self):
        files = {"app.py": "import uuid, hmac\ndef handler(event, context): return [uuid.WHOSE, hmac.WHOSE]",
                 "uuid.py": "WHOSE = 'mine'", "hmac/__init__.py": "WHOSE = 'mine too'"}
        self.assertEqual(self.ready(files).invoke().json, ["mine", "mine too"])

    def test_nothing_of_the_rehearsal_stays(self):
        source = """
            import logging, os, sys, threading
            def handler(event, context):
                return {"path": sys.path[2:], "variables": sorted(os.environ), "threads": threading.active_count(),
                        "rehearsal": [name for name in sys.modules if "virga_rehearsal" in name],
                        "loggers": sorted(logging.root.manager.loggerDict), "level": logging.root.level}
        """
        stem = self.ready(source).invoke().json
        self.is_stem = False
        self.assertEqual(stem, self.ready(source).invoke().json)


if __name__ == "__main__":
    unittest.main()
