"""Asynchronous calls: durable before they are acknowledged, tried again, asked for, sent on, not run twice."""

import http.client
import json
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from virga import PROGRAM, Virga, main, wait_until

# Answers, or fails as often as its event says. Counts in a file below /tmp, which lives as long as the instance.
NODE = """
const fs = require('fs');
exports.handler = async (event) => {
  const file = '/tmp/' + event.key;
  const seen = fs.existsSync(file) ? Number(fs.readFileSync(file)) : 0;
  fs.writeFileSync(file, String(seen + 1));
  console.log('attempt', seen + 1);
  if (seen < (event.fails ?? 0)) throw new TypeError('not yet');
  return { key: event.key, attempts: seen + 1 };
};
"""
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


class AsyncCalls(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="virga-async-")
        self.addCleanup(folder.cleanup)
        self.virga = Virga(data=folder.name)
        self.start()
        self.addCleanup(lambda: self.virga.stop())
        self.create("work")

    def start(self):
        self.virga.start()
        self.api = self.virga.client("lambda", retries={"max_attempts": 0})

    def create(self, name, source=NODE, delays="20,40"):
        made = self.virga.create_node(name, source)
        self.api.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
        self.api.tag_resource(Resource=made["FunctionArn"], Tags={"virga:retry-delays": delays})

    def invoke(self, name, event, **options):
        answer = self.api.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event), **options)
        self.assertEqual(answer["StatusCode"], 202)
        return answer["ResponseMetadata"]["HTTPHeaders"]["x-virga-invocation"]

    def verb(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *arguments, "--json"], env=self.virga.client_environment(), text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def status(self, call, wait="30", code=0):
        return self.verb("status", call, "--wait", wait, code=code)

    def test_what_is_not_there_is_said_at_once(self):
        with self.assertRaises(self.api.exceptions.ResourceNotFoundException):
            self.api.invoke(FunctionName="nowhere", InvocationType="Event")
        self.verb("status", "018bcfe5-687b-7000-8000-0000000000ff", code=1)
        with self.assertRaises(self.api.exceptions.InvalidParameterValueException):
            self.api.put_function_event_invoke_config(
                FunctionName="work", DestinationConfig={"OnFailure": {"Destination": ARN + "nowhere"}})
        with self.assertRaises(self.api.exceptions.InvalidParameterValueException):
            self.api.tag_resource(Resource=ARN + "work", Tags={"virga:retry-delays": "soon"})

    def test_a_call_is_tried_again_and_can_be_asked_for(self):
        call = self.status(self.invoke("work", {"key": "twice", "fails": 2}))
        self.assertEqual(call["state"], "succeeded")
        self.assertEqual(call["condition"], "Success")
        self.assertEqual(call["result"], {"key": "twice", "attempts": 3})
        self.assertEqual([attempt.get("fault") for attempt in call["attempts"]], ["error", "error", None])
        self.assertEqual(call["attempts"][0]["error"]["errorType"], "TypeError")
        for number, attempt in enumerate(call["attempts"], 1):
            self.assertIn(f"attempt {number}", attempt["log"])
            self.assertEqual(attempt["version"], "$LATEST")
        self.assertEqual(call["payload"], {"key": "twice", "fails": 2})

    def test_a_call_that_fails_for_good_can_be_redriven(self):
        call = self.status(self.invoke("work", {"key": "bad", "fails": 4}), code=1)
        self.assertEqual((call["state"], call["condition"], len(call["attempts"])), ("failed", "RetriesExhausted", 3))
        self.assertEqual(self.verb("redrive", "--function", "work"), {"redriven": 1})
        call = self.status(call["id"])
        self.assertEqual(call["result"], {"key": "bad", "attempts": 5})
        self.assertEqual(len(call["attempts"]), 5)
        self.verb("redrive", call["id"], code=1)

    def test_what_was_accepted_survives_a_kill(self):
        self.api.put_function_concurrency(FunctionName="work", ReservedConcurrentExecutions=0)
        calls = [self.invoke("work", {"key": f"k{number}"}) for number in range(20)]
        done = self.invoke("work", {"key": "k0"}, Qualifier="$LATEST")
        self.virga.stop(signal.SIGKILL)
        self.start()
        self.assertEqual({self.status(call, wait="0")["state"] for call in calls}, {"waiting"})
        self.api.delete_function_concurrency(FunctionName="work")
        for call in [*calls, done]:
            self.assertEqual(self.status(call)["state"], "succeeded")
        self.virga.stop(signal.SIGKILL)
        self.start()
        ended = [self.status(call, wait="0") for call in [*calls, done]]
        self.assertEqual({(call["state"], len(call["attempts"])) for call in ended}, {("succeeded", 1)})

    def signed_invocation(self, name, event):
        """The bytes of one request that invokes the function asynchronously."""
        url = urllib.parse.urlsplit(self.virga.url)
        body = json.dumps(event).encode()
        request = AWSRequest(
            "POST",
            f"{self.virga.url}/2015-03-31/functions/{name}/invocations",
            headers={"X-Amz-Invocation-Type": "Event", "Content-Type": "application/json"},
            data=body,
        )
        SigV4Auth(Credentials(self.virga.key_id, self.virga.secret), "lambda", "us-east-1").add_auth(request)
        fields = {**request.headers, "Host": url.netloc, "Content-Length": str(len(body))}
        head = "".join(f"{field}: {value}\r\n" for field, value in fields.items())
        return f"POST {urllib.parse.urlsplit(request.url).path} HTTP/1.1\r\n{head}\r\n".encode() + body

    def test_many_sent_over_one_connection_are_answered_in_order(self):
        known, unknown = self.signed_invocation("work", {"key": "a"}), self.signed_invocation("nowhere", {})
        url = urllib.parse.urlsplit(self.virga.url)
        wanted = [404 if number % 10 == 3 else 202 for number in range(300)]
        with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
            connection.sendall(b"".join(unknown if status == 404 else known for status in wanted))
            answers = connection.makefile("rb")
            statuses, calls = [], set()
            for _ in wanted:
                statuses.append(int(answers.readline().split()[1]))
                fields = http.client.parse_headers(answers)
                answers.read(int(fields["content-length"]))
                calls.add(fields["x-virga-invocation"])
        self.assertEqual(statuses, wanted)
        self.assertEqual(len(calls - {None}), wanted.count(202))
        for call in sorted(calls - {None})[::50]:
            self.assertEqual(self.status(call)["state"], "succeeded")

    def test_an_idempotency_key_makes_a_repeat_find_the_first_call(self):
        first = self.verb("invoke", "work", json.dumps({"key": "once"}), "--idempotency-key", "order 7")
        again = self.verb("invoke", "work", json.dumps({"key": "once"}), "--idempotency-key", "order 7")
        self.assertEqual(first["payload"], {"key": "once", "attempts": 1})
        self.assertEqual((again["payload"], again["invocation"]), (first["payload"], first["invocation"]))
        accepted = self.verb("invoke", "work", "{}", "--async", "--idempotency-key", "order 7")
        self.assertEqual(accepted["invocation"], first["invocation"])

    def test_results_go_to_destinations(self):
        self.create("sink", "exports.handler = async (event) => event.requestContext.condition;")
        answer = self.api.put_function_event_invoke_config(
            FunctionName="work", MaximumRetryAttempts=0, MaximumEventAgeInSeconds=3600,
            DestinationConfig={"OnSuccess": {"Destination": ARN + "sink"}, "OnFailure": {"Destination": ARN + "sink"}})
        self.assertEqual(answer["MaximumRetryAttempts"], 0)
        self.assertEqual(self.api.get_function_event_invoke_config(FunctionName="work")["MaximumEventAgeInSeconds"], 3600)
        for fails, code in ((0, 0), (1, 1)):
            call = self.status(self.invoke("work", {"key": f"d{fails}", "fails": fails}), code=code)
            self.assertEqual(call["sent_to"], [ARN + "sink"])

        def conditions():
            logs = self.verb_lines("logs", "sink")
            return len([line for line in logs if json.loads(line)["complete"]]) >= 2

        wait_until(conditions, 20, "both records reach the destination")
        self.api.delete_function_event_invoke_config(FunctionName="work")

    def verb_lines(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments, "--json"], env=self.virga.client_environment(), text=True,
                              capture_output=True, timeout=60, check=True)
        return done.stdout.splitlines()


if __name__ == "__main__":
    main()
