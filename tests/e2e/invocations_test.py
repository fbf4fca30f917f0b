"""What a caller sees of an invocation: results, errors by name, logs, limits, and the split of a weighted alias."""

import json
import os
import socket
import subprocess
import threading
import time
import unittest
from pathlib import Path

from botocore.exceptions import ClientError
from virga import ROLE, SOURCE, Virga, decode_log, main, request, zip_of

PYTHON = "python3.11"
NODE = "nodejs20.x"


class Invocations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = Virga()
        cls.virga.start()
        cls.addClassCleanup(cls.virga.stop)
        cls.api = cls.virga.client("lambda", retries={"max_attempts": 0})

    def create(self, files, handler, runtime, **options):
        name = self.id().rsplit(".", 1)[1][:60] + f"-{len(self.api.list_functions()['Functions'])}"
        self.api.create_function(
            FunctionName=name, Runtime=runtime, Handler=handler, Role=ROLE, Code={"ZipFile": zip_of(files)}, **options
        )
        return name

    def invoke(self, name, event=None, **options):
        answer = self.api.invoke(FunctionName=name, Payload=json.dumps(event or {}), LogType="Tail", **options)
        return answer, answer["Payload"].read().decode(), decode_log(answer["LogResult"])

    def expect_error(self, files, handler, runtime, error_type, message="", **options):
        name = self.create(files, handler, runtime, **options)
        answer, body, log = self.invoke(name)
        self.assertEqual(answer.get("FunctionError"), "Unhandled", body)
        error = json.loads(body)
        self.assertEqual(error["errorType"], error_type, body)
        self.assertIn(message, error["errorMessage"])
        self.assertIn("REPORT RequestId: ", log)
        return error, log

    # ---- errors first

    def test_node_errors(self):
        js = lambda text: {"index.js": text}  # noqa: E731
        error, _ = self.expect_error(
            js("exports.handler = async () => { throw new TypeError('bad input'); };"), "index.handler", NODE,
            "TypeError", "bad input")
        self.assertIsInstance(error["trace"], list)
        self.expect_error(js("exports.handler = ("), "index.handler", NODE, "Runtime.UserCodeSyntaxError")
        self.expect_error(js("require('no-such-thing');"), "index.handler", NODE, "Runtime.ImportModuleError")
        self.expect_error(js("exports.other = 1;"), "index.handler", NODE, "Runtime.HandlerNotFound")
        self.expect_error(js(""), "nodot", NODE, "Runtime.MalformedHandlerName")
        self.expect_error(
            js("exports.handler = () => new Promise(() => Promise.reject(new Error('lost')));"), "index.handler", NODE,
            "Runtime.UnhandledPromiseRejection", "lost")
        self.expect_error(js("exports.handler = async () => process.exit(7);"), "index.handler", NODE,
                          "Runtime.ExitError", "exit status 7")

    def test_python_errors(self):
        py = lambda text: {"app.py": text}  # noqa: E731
        error, _ = self.expect_error(py("def handler(e, c):\n  raise KeyError('x')\n"), "app.handler", PYTHON, "KeyError")
        self.assertIsInstance(error["stackTrace"], list)
        self.expect_error(py("def handler(e, c:\n"), "app.handler", PYTHON, "Runtime.UserCodeSyntaxError")
        self.expect_error(py("import no_such_thing\n"), "app.handler", PYTHON, "Runtime.ImportModuleError")
        self.expect_error(py(""), "app.handler", PYTHON, "Runtime.HandlerNotFound")
        self.expect_error(py("def handler(e, c):\n  return object()\n"), "app.handler", PYTHON, "Runtime.MarshalError")
        self.expect_error(py("import os, signal\ndef handler(e, c):\n  os.kill(os.getpid(), signal.SIGSEGV)\n"),
                          "app.handler", PYTHON, "Runtime.ExitError", "signal: segmentation fault")

    def test_a_call_ends_at_its_timeout(self):
        began = time.monotonic()
        self.expect_error({"app.py": "import time\ndef handler(e, c):\n  time.sleep(60)\n"}, "app.handler", PYTHON,
                          "Sandbox.Timedout", "Task timed out after 1.00 seconds", Timeout=1)
        self.assertLess(time.monotonic() - began, 10)

    def test_too_much_memory_ends_the_call_and_says_so(self):
        _, log = self.expect_error({"app.py": "def handler(e, c):\n  return len(bytearray(600 << 20))\n"}, "app.handler",
                                   PYTHON, "Runtime.OutOfMemory", "128 MB")
        self.assertIn("Memory Size: 128 MB", log)

    def test_a_bootstrap_that_is_missing(self):
        self.expect_error({"other": "x"}, "any", "provided.al2023", "Runtime.InvalidEntrypoint", "bootstrap")

    def test_a_response_over_six_megabytes(self):
        self.expect_error({"app.py": "def handler(e, c):\n  return 'x' * (6291556 + 1)\n"}, "app.handler", PYTHON,
                          "Function.ResponseSizeTooLarge")

    def test_reserved_concurrency_refuses_the_call_above_it(self):
        source = "import time\ndef handler(e, c):\n  time.sleep(3)\n"
        name = self.create({"app.py": source}, "app.handler", PYTHON, Timeout=20)
        self.api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        with self.assertRaises(self.api.exceptions.TooManyRequestsException) as caught:
            self.api.invoke(FunctionName=name)
        self.assertEqual(caught.exception.response["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded")
        self.api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
        refused = []
        # Made beforehand: to make a client takes longer than the calls may lie apart.
        clients = [self.virga.client("lambda", retries={"max_attempts": 0}) for _ in range(3)]

        def call(client):
            try:
                client.invoke(FunctionName=name)
            except ClientError as error:
                refused.append(error.response["Error"]["Code"])

        threads = [threading.Thread(target=call, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(refused, ["TooManyRequestsException"] * 2)

    def test_a_crash_under_many_callers_fails_only_the_guilty(self):
        source = """
exports.handler = async (event) => {
  if (event.queryStringParameters?.die) process.kill(process.pid, 'SIGKILL');
  return 'ok';
};"""
        name = self.create({"index.js": source}, "index.handler", NODE)
        url = self.api.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
        for _ in range(50):
            self.assertEqual(request(url).status, 200)
        statuses = {"good": [], "bad": []}

        def call(kind, count):
            for _ in range(count):
                statuses[kind].append(request(url + ("?die=1" if kind == "bad" else "")).status)

        threads = [threading.Thread(target=call, args=("good", 40)) for _ in range(6)]
        threads.append(threading.Thread(target=call, args=("bad", 3)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses["bad"], [502] * 3)
        self.assertEqual(set(statuses["good"]), {200})

    # ---- what works

    def test_the_log_belongs_to_its_invocation(self):
        for files, handler, runtime in (
            ({"index.js": "exports.handler = async (e) => { console.log('seen', e.n); };"}, "index.handler", NODE),
            ({"app.py": "def handler(e, c):\n  print('seen', e['n'])\n"}, "app.handler", PYTHON),
        ):
            name = self.create(files, handler, runtime)
            for n in range(3):
                answer, _, log = self.invoke(name, {"n": n})
                lines = log.splitlines()
                request_id = answer["ResponseMetadata"]["RequestId"]
                self.assertEqual(lines[0], f"START RequestId: {request_id} Version: $LATEST")
                self.assertTrue(lines[1].endswith(f"seen {n}"), log)
                self.assertEqual(lines[2], f"END RequestId: {request_id}")
                self.assertRegex(lines[3], r"Duration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory"
                                           r" Used: [1-9]\d* MB\t")
                self.assertEqual("Init Duration" in lines[3], n == 0)
                self.assertEqual(len(lines), 4)

    def test_modules_of_every_form(self):
        cases = {
            "cjs": ({"index.cjs": "exports.handler = async () => 1;"}, "index.handler"),
            "esm": ({"index.mjs": "export const handler = async () => 1;"}, "index.handler"),
            "type": ({"index.js": "export const handler = async () => 1;", "package.json": '{"type":"module"}'}, "index.handler"),
            "callback": ({"index.js": "exports.handler = (e, c, done) => done(null, 1);"}, "index.handler"),
            "nested": ({"src/app.js": "exports.handler = async () => 1;"}, "src/app.handler"),
        }
        for label, (files, handler) in cases.items():
            with self.subTest(label):
                answer, body, _ = self.invoke(self.create(files, handler, NODE))
                self.assertEqual((body, answer.get("FunctionError")), ("1", None))

    def test_the_context_object(self):
        node = "exports.handler = async (e, c) => ({ ...c, left: c.getRemainingTimeInMillis() });"
        _, body, _ = self.invoke(self.create({"index.js": node}, "index.handler", NODE, Timeout=5, MemorySize=256))
        seen = json.loads(body)
        self.assertEqual(seen["memoryLimitInMB"], "256")
        self.assertTrue(4000 < seen["left"] <= 5000, seen["left"])
        self.assertTrue(seen["invokedFunctionArn"].startswith("arn:aws:lambda:us-east-1:000000000000:function:"))
        self.assertEqual(seen["functionVersion"], "$LATEST")
        self.assertTrue(seen["logGroupName"].startswith("/aws/lambda/"))

    def test_environment_layers_and_tmp(self):
        layer = self.api.publish_layer_version(
            LayerName="greetings", Content={"ZipFile": zip_of({"python/greetings.py": "WORD = 'hello from a layer'\n"})})
        source = """
import os, greetings
def handler(event, context):
    open('/tmp/x', 'w').write('kept')
    return [greetings.WORD, os.environ['COLOUR'], open('/tmp/x').read(), os.environ['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']]
"""
        name = self.create({"app.py": source}, "app.handler", PYTHON, Environment={"Variables": {"COLOUR": "blue"}},
                           Layers=[layer["LayerVersionArn"]])
        _, body, _ = self.invoke(name)
        self.assertEqual(json.loads(body), ["hello from a layer", "blue", "kept", "128"])

    def test_updates_take_effect_at_once_and_versions_do_not_change(self):
        name = self.create({"index.js": "exports.handler = async () => 'one';"}, "index.handler", NODE, Publish=True)
        self.api.update_function_code(FunctionName=name, ZipFile=zip_of({"index.js": "exports.handler = async () => 'two';"}))
        self.api.get_waiter("function_updated_v2").wait(FunctionName=name)
        self.assertEqual(self.invoke(name)[1], '"two"')
        self.assertEqual(self.invoke(name, Qualifier="1")[1], '"one"')

    def test_events_run_later(self):
        source = "def handler(event, context):\n  print('ran', event['n'])\n"
        name = self.create({"app.py": source}, "app.handler", PYTHON)
        answer = self.api.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 41}')
        self.assertEqual(answer["StatusCode"], 202)
        deadline = time.monotonic() + 10
        while True:
            _, _, log = self.invoke(name, {"n": 42})
            metrics = request(self.virga.url + "/metrics").text
            ran = [line for line in metrics.splitlines() if line.startswith("virga_invocations_total") and name in line]
            self.assertTrue(ran)
            if int(float(ran[0].rsplit(" ", 1)[1])) >= 2 and "ran 42" in log:
                break
            self.assertLess(time.monotonic(), deadline)

    def test_a_weighted_alias_splits_a_hundred_thousand_calls_within_one_percent(self):
        # A native function, so that the split is what is measured.
        folder = Path(self.virga.data) / "weights"
        folder.mkdir()
        source = folder / "version.c"
        source.write_text(
            '#include <stdlib.h>\n#include <string.h>\n#include "virga.h"\n'
            "static void run(const virga_invocation *event, virga_answer *answer, void *user) {\n"
            '  (void)event; (void)user;\n  const char *version = getenv("AWS_LAMBDA_FUNCTION_VERSION");\n'
            "  virga_succeed(answer, version, strlen(version));\n}\n"
            "int main(void) { return virga_run(run, 0); }\n"
        )
        subprocess.run(["cc", "-O2", "-static", "-I", SOURCE / "sdk" / "c", "-o", folder / "bootstrap", source], check=True)
        name = self.create({"bootstrap": (folder / "bootstrap").read_bytes()}, "any", "provided.al2023", Publish=True)
        self.api.update_function_configuration(FunctionName=name, Environment={"Variables": {"SECOND": "yes"}})
        self.api.publish_version(FunctionName=name)
        self.api.create_alias(FunctionName=name, Name="live", FunctionVersion="1",
                              RoutingConfig={"AdditionalVersionWeights": {"2": 0.3}})
        url = self.api.create_function_url_config(FunctionName=name, Qualifier="live", AuthType="NONE")["FunctionUrl"]
        counts = count_bodies(url, calls=100_000)
        self.assertEqual(sum(counts.values()), 100_000, counts)
        self.assertAlmostEqual(counts["2"] / 100_000, 0.3, delta=0.01)


def count_bodies(url, calls, batch=100):
    """Sends GETs, pipelined on one connection; counts the (one-character) bodies."""
    host, _, path = url.removeprefix("http://").partition("/")
    address, _, port = host.partition(":")
    head = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    counts = {}
    with socket.create_connection((address, int(port)), timeout=30) as connection:
        stream = connection.makefile("rb")
        for _ in range(calls // batch):
            connection.sendall(head * batch)
            for _ in range(batch):
                status = stream.readline()
                if b" 200 " not in status:
                    raise AssertionError(status)
                length = 0
                while (line := stream.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                body = stream.read(length).decode()
                counts[body] = counts.get(body, 0) + 1
    return counts


if __name__ == "__main__":
    main()
