"""The Node.js bootstrap against AWS Lambda's rules, without a sandbox."""

import json
import textwrap
import threading
import unittest

from frames import END, ERROR, INIT_ERROR, ISO_TIME, READY, REHEARSE, RESULT, Folder, Process, arguments, bind_frame, frame, interpreter, invoke_frame, request_id_of

APP = "exports.handler = async (event, context) => ({ event });"


@unittest.skipUnless(interpreter("node"), "no Node.js at the places that runtimes/node/runtime.json names")
class NodeTest(unittest.TestCase):
    is_stem = False

    def start(self, files, handler="app.handler", **bind):
        """A process bound to a package; the answer to BIND is in `self.bound`."""
        if isinstance(files, str):
            files = {"app.js": files}
        self.root = self.enterContext(Folder({name: textwrap.dedent(text) for name, text in files.items()}))
        process = self.enterContext(Process(arguments("node")))
        if self.is_stem:
            process.rehearse()
        self.bound = process.bind(self.root, handler, **bind)
        return process

    def enterContext(self, context):  # Python 3.11 has it; older ones do not
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def ready(self, files, handler="app.handler", **bind):
        process = self.start(files, handler, **bind)
        self.assertEqual(self.bound.type, READY, self.bound)
        return process

    # ---- refusals while loading

    def test_refuses_what_cannot_be_loaded(self):
        broken = {"app.js": "exports.handler = async () => {"}
        table = [
            # files, handler, errorType, part of errorMessage
            ({}, "app.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'app'"),
            ({"app.js": "require('./nothing')"}, "app.handler", "Runtime.ImportModuleError", "Cannot find module './nothing'"),
            ({"app.js": APP}, "app.nothing", "Runtime.HandlerNotFound", "app.nothing is undefined or not exported"),
            ({"app.js": "exports.handler = 1"}, "app.handler", "Runtime.HandlerNotFound", "app.handler is not a function"),
            ({"app.js": APP}, "app", "Runtime.MalformedHandlerName", "Bad handler"),
            ({"app.js": APP}, "../app.handler", "Runtime.MalformedHandlerName", "'../app.handler' is not a valid handler name"),
            (broken, "app.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"),
            ({"app.mjs": "export const handler = async () => {"}, "app.handler", "Runtime.UserCodeSyntaxError", "SyntaxError:"),
            ({"app.mjs": "import './nothing.mjs'"}, "app.handler", "Error", "Cannot find module"),
            ({"app.js": "throw new TypeError('at load')"}, "app.handler", "TypeError", "at load"),
            ({"app.mjs": "throw new RangeError('at load')"}, "app.handler", "RangeError", "at load"),
            ({"app.mjs": "await Promise.reject(new Error('later'))"}, "app.handler", "Error", "later"),
            ({"app.js": "Promise.reject(new Error('loose')); " + APP}, "app.handler", "Runtime.UnhandledPromiseRejection", "Error: loose"),
        ]
        for files, handler, error_type, message in table:
            with self.subTest(handler=handler, error_type=error_type, files=files):
                process = self.start(files, handler)
                self.assertEqual(self.bound.type, INIT_ERROR, self.bound)
                error = self.bound.json
                self.assertEqual(error["errorType"], error_type)
                self.assertIn(message, error["errorMessage"])
                self.assertTrue(error["trace"][0].startswith(error_type if "Runtime" in error_type else ""))
                headline = "Unhandled Promise Rejection" if "Unhandled" in error_type else "Uncaught Exception"
                self.assertIn(headline, self.bound.logs[-1])
                self.assertNotEqual(process.wait(), 0)

    # ---- errors of an invocation

    def test_answers_errors_in_the_shape_of_lambda(self):
        process = self.ready("""
            class OrderError extends Error { constructor(m) { super(m); this.name = 'OrderError'; this.code = 'E7'; } }
            const circle = {}; circle.self = circle;
            exports.handler = (event, context, callback) => {
              switch (event) {
                case 'throw': throw new OrderError('no stock');
                case 'reject': return Promise.reject(new OrderError('no stock'));
                case 'callback': return callback(new OrderError('no stock'));
                case 'fail': return context.fail(new OrderError('no stock'));
                case 'done': return void context.done(new OrderError('no stock'));
                case 'string': return callback('plain');
                case 'reject nothing': return Promise.reject();
                case 'circle': return Promise.resolve(circle);
                case 'bigint': return Promise.resolve(1n);
                default: return Promise.resolve('alive');
              }
            };""")
        for how in ("throw", "reject", "callback", "fail", "done"):
            answer = process.invoke(how)
            self.assertEqual(answer.type, ERROR, answer)
            self.assertEqual((answer.json["errorType"], answer.json["errorMessage"]), ("OrderError", "no stock"))
            self.assertEqual(answer.json["trace"][0], "OrderError: no stock")
            self.assertIn("\tERROR\tInvoke Error \t{\"errorType\":\"OrderError\",\"errorMessage\":\"no stock\",\"code\":\"E7\"", answer.logs[-1])
        self.assertEqual(process.invoke("string").json, {"errorType": "string", "errorMessage": "plain", "trace": []})
        self.assertEqual(process.invoke("reject nothing").json, {"errorType": "string", "errorMessage": "handled", "trace": []})
        for unwritable in ("circle", "bigint"):
            answer = process.invoke(unwritable)
            self.assertEqual((answer.type, answer.json["errorType"], answer.json["errorMessage"]),
                             (ERROR, "Error", "Unable to stringify response body"))
        self.assertEqual(process.invoke("more").json, "alive")

    def test_answers_an_event_that_is_not_json(self):
        process = self.ready(APP)
        answer = process.invoke(b"{nonsense")
        self.assertEqual((answer.type, answer.json["errorType"]), (ERROR, "SyntaxError"))
        self.assertEqual(process.invoke(b"").json, {"event": {}})

    def test_an_uncaught_exception_answers_and_ends_the_process(self):
        process = self.ready("exports.handler = () => new Promise(() => setTimeout(() => { throw new Error('late') }, 1));")
        process.start({})
        process.start({})  # waits behind it; must not be started any more
        answer = process.next_answer()
        self.assertEqual((answer.number, answer.type, answer.json["errorMessage"]), (1, ERROR, "late"))
        self.assertIn("Uncaught Exception", answer.logs[-1])
        self.assertIsNone(process.next_frame())
        self.assertEqual(process.wait(), 129)

    def test_an_unhandled_rejection_answers_and_ends_the_process(self):
        process = self.ready("exports.handler = () => { Promise.reject(new Error('loose')); return new Promise((r) => setTimeout(r, 1000)); };")
        answer = process.invoke()
        self.assertEqual(answer.json["errorType"], "Runtime.UnhandledPromiseRejection")
        self.assertEqual(answer.json["errorMessage"], "Error: loose")
        self.assertEqual(process.wait(), 128)

    def test_process_exit_answers_with_exit_error(self):
        for status, reason in ((0, "Runtime exited without providing a reason"), (3, "Runtime exited with error: exit status 3")):
            process = self.ready("let n = 0; exports.handler = (e, c, callback) => { if (n++) process.exit(%d); c.succeed('first'); };" % status)
            process.send(invoke_frame(1, {}) + invoke_frame(2, {}) + invoke_frame(3, {}))
            self.assertEqual(process.next_answer().json, "first")
            answer = process.next_answer()
            self.assertEqual(answer.json, {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request_id_of(2)} Error: {reason}"})
            self.assertIsNone(process.next_frame())
            self.assertEqual(process.wait(), status)

    # ---- ways to write a handler

    def test_finds_handlers(self):
        cjs, esm = "exports.handler = async () => 'found'", "export const handler = async () => 'found'"
        module = '{"type": "module"}'
        table = [
            ({"app.js": cjs}, "app.handler"),
            ({"app.cjs": cjs}, "app.handler"),
            ({"app.mjs": esm}, "app.handler"),
            ({"app.js": esm, "package.json": module}, "app.handler"),
            ({"src/app.js": esm, "package.json": module}, "src/app.handler"),
            ({"src/app.js": cjs, "src/package.json": "{}", "package.json": module}, "src/app.handler"),
            ({"app.mjs": "const v = await new Promise((r) => setTimeout(r, 2, 'found')); export const handler = async () => v"}, "app.handler"),
            ({"app.mjs": "export default { a: { handler: async () => 'found' } }"}, "app.default.a.handler"),
            ({"src/deep/app.js": cjs}, "src/deep/app.handler"),
            ({"app.js": "exports.a = { b: { c: async () => 'found' } }"}, "app.a.b.c"),
            ({"app.js": "module.exports = class { static async handler() { return 'found' } }"}, "app.handler"),
            ({"node_modules/pkg/index.js": cjs}, "pkg.handler"),
            ({"app.js": "exports.handler = require('dep')", "node_modules/dep/index.js": "module.exports = async () => 'found'"}, "app.handler"),
        ]
        for files, handler in table:
            with self.subTest(handler=handler, files=files):
                self.assertEqual(self.ready(files, handler).invoke().json, "found")

    def test_layers_are_found_through_node_path(self):
        layer = self.enterContext(Folder({"greeting/index.js": "module.exports = 'layer'"}))
        process = self.ready("exports.handler = async () => require('greeting')", environment={"NODE_PATH": str(layer)})
        self.assertEqual(process.invoke().json, "layer")

    def test_answers_in_each_style(self):
        process = self.ready("""
            exports.handler = (event, context, callback) => {
              switch (event) {
                case 'callback': callback(null, 'callback'); callback(null, 'again'); return;
                case 'late callback': setTimeout(callback, 2, null, 'late callback'); return;
                case 'succeed': context.succeed('succeed'); return;
                case 'done': setTimeout(context.done, 2, null, 'done'); return;
                case 'thenable': return { then: (resolve) => resolve('thenable') };
                case 'undefined': return Promise.resolve();
                case 'nothing': return;
                case 'never': return new Promise(() => {});
                case 'plain value': return 'ignored';
              }
            };""")
        for style in ("callback", "late callback", "succeed", "done", "thenable"):
            self.assertEqual(process.invoke(style).json, style)
        for style in ("undefined", "nothing", "never", "plain value"):
            self.assertIsNone(process.invoke(style).json)

    def test_a_callback_waits_for_an_empty_event_loop_unless_told_not_to(self):
        process = self.ready("""
            let done = '';
            exports.handler = (wait, context, callback) => {
              const before = done; done = '';
              context.callbackWaitsForEmptyEventLoop = wait;
              setTimeout(() => { done = 'timer ran'; console.log('timer ran'); }, 20);
              callback(null, before);
            };""")
        waited = process.invoke(True)
        self.assertEqual(len(waited.logs), 1)
        self.assertEqual(process.invoke(False).json, "timer ran")
        self.assertEqual(process.wait_log(2).split("\t")[2:], ["INFO", "timer ran"])

    def test_late_settlement_does_not_answer_a_later_invocation(self):
        process = self.ready("""
            let settle;
            exports.handler = (event) => {
              if (event === 'hang') return new Promise((resolve) => { settle = resolve; });
              settle('late'); return new Promise((resolve) => setTimeout(resolve, 5, 'own'));
            };""")
        self.assertIsNone(process.invoke("hang").json)
        self.assertEqual(process.invoke("go").json, "own")

    def test_streaming_handlers_are_buffered(self):
        process = self.ready("""
            exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
              if (event === 'unfinished') return;
              if (event === 'throw') throw new Error('mid stream');
              if (event !== 'plain') stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' }, cookies: ['c=d'] });
              stream.write(event === 'binary' ? Buffer.from([0xff, 0xfe]) : 'one ');
              await new Promise((r) => setTimeout(r, 1));
              stream.end('two');
            });""")
        self.assertEqual(process.invoke("plain").body, b"one two")
        http = {"statusCode": 201, "headers": {"a": "b"}, "cookies": ["c=d"]}
        self.assertEqual(process.invoke("http").json, http | {"body": "one two", "isBase64Encoded": False})
        self.assertEqual(process.invoke("binary").json, http | {"body": "//50d28=", "isBase64Encoded": True})
        self.assertEqual(process.invoke("throw").json["errorMessage"], "mid stream")
        self.assertEqual(process.invoke("unfinished").json["errorMessage"], "Response stream is not finished.")

    # ---- what a handler is given

    def test_gives_the_whole_context(self):
        process = self.ready("""
            exports.handler = async (event, context) => {
              const { getRemainingTimeInMillis } = context;
              return { context, left: getRemainingTimeInMillis(), copy: Object.keys({ ...context }),
                old: [typeof context.done, typeof context.succeed, typeof context.fail] };
            };""")
        answer = process.invoke({}, tenant="blue", client_context='{"custom":{"k":"ü"}}', identity='{"cognitoIdentityId":"i"}').json
        self.assertEqual(answer["context"], {
            "callbackWaitsForEmptyEventLoop": True,
            "functionVersion": "$LATEST", "functionName": "hello", "memoryLimitInMB": "128",
            "logGroupName": "/aws/lambda/hello", "logStreamName": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
            "clientContext": {"custom": {"k": "ü"}}, "identity": {"cognitoIdentityId": "i"},
            "invokedFunctionArn": "arn:aws:lambda:eu-central-1:000000000000:function:hello",
            "awsRequestId": request_id_of(1), "tenantId": "blue",
        })
        self.assertIn("getRemainingTimeInMillis", answer["copy"])
        self.assertTrue(25_000 < answer["left"] <= 30_000, answer["left"])
        self.assertEqual(answer["old"], ["function"] * 3)
        self.assertNotIn("tenantId", process.invoke().json["context"])

    def test_gives_the_environment_and_the_working_folder(self):
        process = self.ready("""
            const atLoad = process.env.GREETING;
            exports.handler = async () => ({ atLoad, cwd: process.cwd(), fd: 'VIRGA_FRAMES_FD' in process.env,
              trace: process.env._X_AMZN_TRACE_ID ?? null, hour: new Date(0).getHours(),
              child: require('child_process').execFileSync('/bin/sh', ['-c', 'echo $GREETING $_X_AMZN_TRACE_ID; ls /proc/self/fd/3 2>&1 | grep -c cannot']).toString() });""",
            environment={"GREETING": "grüß", "TZ": "Asia/Tokyo"})
        answer = process.invoke({}, trace="Root=1-2-3").json
        self.assertEqual(answer, {"atLoad": "grüß", "cwd": str(self.root), "fd": False, "trace": "Root=1-2-3", "hour": 9, "child": "grüß Root=1-2-3\n1\n"})
        self.assertIsNone(process.invoke().json["trace"])

    # ---- output

    def test_console_lines_are_those_of_lambda(self):
        process = self.ready("""
            console.log('loading');
            exports.handler = async () => {
              console.log('a %s', 'b', { c: 1 }); console.info('i'); console.debug('d'); console.warn('w'); console.error(new Error('e'));
              console.trace('t'); console.log('two\\nlines'); process.stdout.write('part'); process.stdout.write(' whole\\nopen');
              process.stderr.write(Buffer.from('err\\n'));
              return 1;
            };""")
        self.assertEqual(self.bound.logs[0].split("\t")[1:], ["undefined", "INFO", "loading"])
        logs = process.invoke().logs
        rows = [line.split("\t") for line in logs[:7]]
        self.assertTrue(all(ISO_TIME.match(row[0]) and row[1] == request_id_of(1) for row in rows), rows)
        self.assertEqual([row[2] for row in rows], ["INFO", "INFO", "DEBUG", "WARN", "ERROR", "TRACE", "INFO"])
        self.assertEqual([row[3].split("\n")[0] for row in rows], ["a b { c: 1 }", "i", "d", "w", "Error: e", "t", "two"])
        self.assertEqual(logs[7:], ["part whole", "err", "open"])
        self.assertEqual(process.printed(), "")

    def test_json_log_format_and_level(self):
        process = self.ready("exports.handler = async () => { console.log('quiet'); console.warn('loud'); console.error('x', new TypeError('t')); }",
                             environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "WARN"})
        first, second = [json.loads(line) for line in process.invoke({}, tenant="blue").logs]
        self.assertTrue(ISO_TIME.match(first.pop("timestamp")))
        self.assertEqual(first, {"level": "WARN", "requestId": request_id_of(1), "tenantId": "blue", "message": "loud"})
        self.assertEqual((second["level"], second["errorType"], second["errorMessage"]), ("ERROR", "TypeError", "t"))
        self.assertTrue(second["stackTrace"][0].startswith("TypeError: t"))

    def test_output_is_sent_before_an_endless_loop(self):
        process = self.ready("exports.handler = async () => { console.log('before'); for (;;); }")
        process.start({})
        self.assertTrue(process.wait_log(1).endswith("\tbefore"))

    # ---- frames

    def test_runs_prefetched_invocations_one_at_a_time_in_order(self):
        process = self.ready("""
            let running = 0;
            exports.handler = async (event) => {
              if (++running !== 1) throw new Error('two at once');
              await new Promise((r) => (event % 3 ? setImmediate(r) : r()));
              running--; return event;
            };""")
        process.send(b"".join(invoke_frame(n, n) for n in range(1, 101)))
        self.assertEqual([process.next_answer().json for _ in range(100)], list(range(1, 101)))

    def test_runs_several_invocations_at_once_where_bind_allows_it(self):
        process = self.ready("""
            const open = [];
            exports.handler = async (event, context) => {
              console.log('in', event);
              await new Promise((resolve) => { open.push(resolve); if (open.length === 3) setTimeout(() => open.reverse().forEach((go) => go()), 1); });
              console.log('out', event, process.env._X_AMZN_TRACE_ID);
              return event;
            };
            """, concurrency=3)
        self.assertEqual(self.bound.body, b"3")
        numbers = [process.start(name, trace=f"Root={name}") for name in "abcd"]
        answers = [process.next_answer() for _ in range(3)]
        self.assertEqual([(answer.number, answer.json) for answer in answers], [(3, "c"), (2, "b"), (1, "a")])
        for answer in answers:  # each one's lines and trace are its own, and the fourth waited
            lines = [line.split("\t") for line in answer.logs]
            self.assertEqual([line[1] for line in lines], [request_id_of(answer.number)] * 2)
            self.assertEqual([line[3] for line in lines], [f"in {answer.json}", f"out {answer.json} Root={answer.json}"])
        self.assertEqual(process.wait_log(numbers[3]).split("\t")[3], "in d")

    def test_a_crash_with_several_running_blames_the_one_that_threw(self):
        process = self.ready("""
            let entered = 0;
            exports.handler = (event) => new Promise(() => {
              entered += 1;
              if (event === 'bad') (function wait() { if (entered < 3) setTimeout(wait, 1); else throw new TypeError('boom'); })();
              else setInterval(() => {}, 1000);
            });
            """, concurrency=8)
        for event in ("good", "bad", "good"):
            process.start(event)
        answers = {answer.number: answer for answer in (process.next_answer() for _ in range(3))}
        self.assertEqual([answers[number].json["errorType"] for number in (1, 2, 3)], ["Runtime.ExitError", "TypeError", "Runtime.ExitError"])
        self.assertEqual(process.wait(), 129)

    def test_an_empty_loop_answers_all_that_run_when_no_other_can_come(self):
        process = self.ready("let open; exports.handler = (event) => new Promise((go) => { if (event.opens) open(1); open = go; });", concurrency=3)
        process.start({})
        process.start({"opens": True})
        self.assertEqual(process.next_answer().json, 1)  # it waited for an invocation that came later
        for _ in range(2):
            process.start({})
        self.assertEqual([process.next_answer().json for _ in range(3)], [None] * 3)

    def test_frames_may_arrive_in_any_pieces_and_sizes(self):
        process = self.ready(APP)
        payloads = [{"text": "ü" * size} for size in (1, 3, 130_000, 140_000, 2_000_000)] + [{"text": "end"}] * 3
        data = b"".join(invoke_frame(n, payload) for n, payload in enumerate(payloads, 1))
        pieces = [data[:7], data[7:20], data[20:39], data[39:300], data[300:]]
        sender = threading.Thread(target=lambda: [process.send(piece) for piece in pieces])
        sender.start()
        self.assertEqual([process.next_answer().json["event"] for _ in payloads], payloads)
        sender.join()

    def test_settings_of_deprecations_are_the_functions_own(self):
        app = "exports.handler = async () => [process.noDeprecation ?? null, Object.keys(process).includes('noDeprecation')];"
        table = [({}, [None, False], ""), ({"NODE_OPTIONS": "--no-deprecation"}, [True, True], ""),
                 ({"NODE_OPTIONS": "--pending-deprecation"}, [None, False], "")]
        root = self.enterContext(Folder({"app.js": app}))
        for variables, seen, printed in table:
            with self.subTest(variables=variables):
                process = self.enterContext(Process(arguments("node"), variables))
                self.assertEqual(process.bind(root, "app.handler").type, READY)
                answer = process.invoke()
                self.assertEqual((answer.json, answer.logs, process.printed()), (seen, [], printed))

    def test_answers_wait_for_a_reader_that_is_slow(self):
        # The first answers come without net.Socket; what the socket does not take at once needs it, and the reads go on.
        process = self.ready("""
            exports.handler = async (event) => ({
              net: process.moduleLoadList.includes('NativeModule net'), n: event.n, text: 'x'.repeat(event.size ?? 0),
            });
        """)
        self.assertEqual(process.invoke({"n": 0}).json["net"], self.is_stem)
        for n in range(1, 9):
            process.start({"n": n, "size": 1_000_000})
        self.assertEqual([process.next_answer().json["n"] for _ in range(8)], list(range(1, 9)))
        self.assertEqual(process.invoke({"n": 9}).json, {"net": True, "n": 9, "text": ""})
        process.send(frame(END))
        self.assertEqual(process.wait(), 0)

    def test_refuses_a_result_larger_than_a_frame(self):
        process = self.ready("exports.handler = async () => 'x'.repeat(17 * 1024 * 1024)")
        self.assertEqual(process.invoke().json["errorType"], "Function.ResponseSizeTooLarge")

    def test_end_lets_the_process_finish_what_it_has(self):
        process = self.ready("exports.handler = () => new Promise((r) => setTimeout(r, 10, 'done'))")
        process.send(invoke_frame(1, {}) + invoke_frame(2, {}) + frame(END))
        self.assertEqual([process.next_answer().json for _ in range(2)], ["done", "done"])
        self.assertEqual(process.wait(), 0)

    def test_all_frames_may_come_at_once(self):
        root = self.enterContext(Folder({"app.js": "exports.handler = async () => 'done'"}))
        process = self.enterContext(Process(arguments("node")))
        process.send(bind_frame(root, "app.handler") + invoke_frame(1, {}) + invoke_frame(2, {}) + frame(END))
        self.assertEqual([process.next_answer().type for _ in range(3)], [READY, RESULT, RESULT])
        self.assertEqual(process.wait(), 0)

    def test_ends_when_virga_is_gone(self):
        process = self.ready("exports.handler = () => new Promise((r) => setTimeout(r, 60_000))")
        process.start({})
        process.socket.close()
        self.assertEqual(process.wait(), 0)


class NodeStemTest(NodeTest):
    """The same of a process that rehearsed while it waited for its function."""

    is_stem = True

    def test_bind_may_come_while_it_rehearses(self):
        root = self.enterContext(Folder({"app.mjs": "export const handler = async (event) => event.a;"}))
        process = self.enterContext(Process(arguments("node")))
        process.send(frame(REHEARSE) + bind_frame(root, "app.handler") + invoke_frame(1, {"a": 7}) + frame(END))
        self.assertEqual(process.next_answer().type, READY)
        self.assertEqual(process.next_answer().json, 7)
        self.assertEqual(process.wait(), 0)

    def test_nothing_of_the_rehearsal_stays(self):
        source = """
            exports.handler = async () => ({
              globals: Object.getOwnPropertyNames(globalThis).sort(), variables: Object.keys(process.env).sort(),
              cache: Object.keys(require.cache).filter((file) => file.includes('rehearsal')), console: typeof console.fatal,
              listeners: process.eventNames().map(String).sort(), handles: process.getActiveResourcesInfo().sort(),
            });
        """
        stem = self.ready(source).invoke().json
        self.is_stem = False
        self.assertEqual(stem, self.ready(source).invoke().json)


if __name__ == "__main__":
    unittest.main()
