"""The AWS command line, unmodified: buses, schedules, topics, queues and what connects queues with functions."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from e2e.virga import Virga, main, wait_until

AWS = Path(sys.executable).parent / "aws"
ARN = "arn:aws:{}:us-east-1:000000000000:{}".format
KEEPS = """
const seen = [];
exports.handler = async (event) => { if (event === 'seen') return seen; seen.push(...event.Records.map((one) => one.body)); };
"""


class Cli(unittest.TestCase):
    def setUp(self):
        self.virga = self.enterContext(Virga())
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def run_aws(self, *arguments):
        # Version 1 finds queues at an address of its own unless it is told another one.
        return subprocess.run([AWS, "--endpoint-url", self.virga.url, *arguments, "--output", "json"], cwd=self.folder,
                              env=self.virga.client_environment(), text=True, capture_output=True, timeout=60, check=False)

    def aws(self, *arguments):
        done = self.run_aws(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refuse(self, code, *arguments):
        done = self.run_aws(*arguments)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"({code})", done.stderr)

    def create_queue(self, name="q"):
        return self.aws("sqs", "create-queue", "--queue-name", name)["QueueUrl"]

    def receive(self, url):
        found = self.aws("sqs", "receive-message", "--queue-url", url, "--wait-time-seconds", "10")
        return json.loads(found["Messages"][0]["Body"])

    def test_events(self):
        url = self.create_queue()
        self.refuse("ResourceNotFoundException", "events", "describe-rule", "--name", "nope")
        self.refuse("InvalidEventPatternException", "events", "put-rule", "--name", "r", "--event-pattern", "{")
        made = self.aws("events", "put-rule", "--name", "dear", "--event-pattern", '{"source":["shop"]}')
        self.assertEqual(made["RuleArn"], ARN("events", "rule/dear"))
        put = self.aws("events", "put-targets", "--rule", "dear", "--targets",
                       f"Id=1,Arn={ARN('sqs', 'q')},InputPath=$.detail")
        self.assertEqual(put["FailedEntryCount"], 0)
        sent = self.aws("events", "put-events", "--entries", json.dumps(
            [{"Source": source, "DetailType": "t", "Detail": json.dumps({"from": source})} for source in ("other", "shop")]))
        self.assertEqual(sent["FailedEntryCount"], 0)
        self.assertEqual(self.receive(url), {"from": "shop"})
        self.assertEqual([rule["Name"] for rule in self.aws("events", "list-rules")["Rules"]], ["dear"])
        self.aws("events", "remove-targets", "--rule", "dear", "--ids", "1")
        self.aws("events", "delete-rule", "--name", "dear")

    def test_schedules(self):
        url = self.create_queue()
        target = json.dumps({"Arn": ARN("sqs", "q"), "RoleArn": ARN("iam", "role/any").replace("us-east-1", ""),
                             "Input": '{"fired":true}'})
        window = ["--flexible-time-window", "Mode=OFF", "--target", target]
        self.refuse("ValidationException", "scheduler", "create-schedule", "--name", "s", "--schedule-expression", "soon",
                    *window)
        self.aws("scheduler", "create-schedule", "--name", "s", "--schedule-expression", "cron(0 3 * * ? *)",
                 "--schedule-expression-timezone", "Europe/Berlin", *window)
        self.refuse("ConflictException", "scheduler", "create-schedule", "--name", "s", "--schedule-expression",
                    "rate(1 hour)", *window)
        found = self.aws("scheduler", "get-schedule", "--name", "s")
        self.assertEqual((found["ScheduleExpressionTimezone"], found["State"]), ("Europe/Berlin", "ENABLED"))
        self.aws("scheduler", "update-schedule", "--name", "s", "--schedule-expression", "rate(1 second)", *window)
        self.assertEqual(self.receive(url), {"fired": True})
        self.aws("scheduler", "delete-schedule", "--name", "s")
        self.assertEqual(self.aws("scheduler", "list-schedules")["Schedules"], [])

    def test_topics(self):
        url = self.create_queue()
        topic = self.aws("sns", "create-topic", "--name", "news")["TopicArn"]
        self.refuse("NotFound", "sns", "publish", "--topic-arn", ARN("sns", "nope"), "--message", "x")
        subscription = self.aws("sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint",
                                ARN("sqs", "q"), "--attributes", '{"FilterPolicy":"{\\"kind\\":[\\"good\\"]}"}')["SubscriptionArn"]
        for kind in ("bad", "good"):
            self.aws("sns", "publish", "--topic-arn", topic, "--message", kind, "--message-attributes",
                     json.dumps({"kind": {"DataType": "String", "StringValue": kind}}))
        received = self.receive(url)
        self.assertEqual((received["Type"], received["TopicArn"], received["Message"]), ("Notification", topic, "good"))
        self.aws("sns", "unsubscribe", "--subscription-arn", subscription)
        self.assertEqual(self.aws("sns", "list-subscriptions")["Subscriptions"], [])
        self.aws("sns", "delete-topic", "--topic-arn", topic)

    def test_queues_and_their_mappings(self):
        url = self.create_queue()
        self.refuse("AWS.SimpleQueueService.NonExistentQueue", "sqs", "get-queue-url", "--queue-name", "nope")
        self.virga.create_node("keep", KEEPS)
        # One instance, which is asked for what it has seen.
        self.aws("lambda", "put-function-concurrency", "--function-name", "keep", "--reserved-concurrent-executions", "1")
        mapping = ["--function-name", "keep", "--event-source-arn", ARN("sqs", "q")]
        made = self.aws("lambda", "create-event-source-mapping", *mapping, "--batch-size", "5",
                        "--function-response-types", "ReportBatchItemFailures")
        self.refuse("ResourceConflictException", "lambda", "create-event-source-mapping", *mapping)
        entries = [{"Id": str(number), "MessageBody": f"m{number}"} for number in range(3)]
        sent = self.aws("sqs", "send-message-batch", "--queue-url", url, "--entries", json.dumps(entries))
        self.assertEqual(len(sent["Successful"]), 3)

        def seen():
            self.aws("lambda", "invoke", "--function-name", "keep", "--payload", '"seen"', "seen.json")
            return sorted(json.loads((self.folder / "seen.json").read_text()))

        wait_until(lambda: seen() == ["m0", "m1", "m2"], 30, "the function gets the messages")
        self.aws("lambda", "update-event-source-mapping", "--uuid", made["UUID"], "--no-enabled")
        wait_until(lambda: self.aws("lambda", "get-event-source-mapping", "--uuid", made["UUID"])["State"] == "Disabled",
                   30, "the mapping is switched off")
        listed = self.aws("lambda", "list-event-source-mappings", "--function-name", "keep")["EventSourceMappings"]
        self.assertEqual([(one["UUID"], one["BatchSize"]) for one in listed], [(made["UUID"], 5)])
        self.aws("lambda", "delete-event-source-mapping", "--uuid", made["UUID"])


if __name__ == "__main__":
    main()
