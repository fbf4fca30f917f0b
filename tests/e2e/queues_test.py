"""Queues over both wire protocols, what survives a kill, dead letters, and queues as events of functions."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import xml.etree.ElementTree as ElementTree

from virga import SOURCE, Virga, main, request, wait_until

AWS = SOURCE / "build" / "venv" / "bin" / "aws"
ARN = "arn:aws:sqs:us-east-1:000000000000:"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:"

# Fails for bodies that say so; reports the messages that failed if it is asked to.
NODE = """
exports.handler = async (event) => {
  const failures = [];
  for (const record of event.Records) {
    console.log('got', record.body);
    if (record.body.startsWith('bad')) failures.push({ itemIdentifier: record.messageId });
  }
  if (process.env.REPORT) return { batchItemFailures: failures };
  if (failures.length) throw new Error('bad');
};
"""


class Queues(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="virga-queues-")
        self.addCleanup(folder.cleanup)
        self.virga = Virga(data=folder.name)
        self.start()
        self.addCleanup(lambda: self.virga.stop())

    def start(self):
        self.virga.start()
        self.sqs = self.virga.client("sqs", retries={"max_attempts": 0})
        self.api = self.virga.client("lambda", retries={"max_attempts": 0})

    def kill(self):
        self.virga.stop(signal.SIGKILL)
        self.start()

    def create(self, name, **attributes):
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def url(self, name):
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]

    def bodies(self, url, **options):
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **options)
        return [message["Body"] for message in answer.get("Messages", [])]

    def count(self, url, name="ApproximateNumberOfMessages"):
        return int(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])

    def test_errors_are_what_clients_know(self):
        for call, error in (
            (lambda: self.sqs.get_queue_url(QueueName="no"), self.sqs.exceptions.QueueDoesNotExist),
            (lambda: self.sqs.create_queue(QueueName="q", Attributes={"Nope": "1"}),
             self.sqs.exceptions.InvalidAttributeName),
            (lambda: self.sqs.delete_message(QueueUrl=self.create("q"), ReceiptHandle="x"),
             self.sqs.exceptions.ReceiptHandleIsInvalid),
            (lambda: self.sqs.send_message_batch(QueueUrl=self.create("q"), Entries=[]),
             self.sqs.exceptions.EmptyBatchRequest),
        ):
            with self.assertRaises(error):
                call()
        with self.assertRaises(self.sqs.exceptions.QueueDoesNotExist) as raised:
            self.sqs.get_queue_url(QueueName="no")
        self.assertEqual(raised.exception.response["Error"]["Code"], "AWS.SimpleQueueService.NonExistentQueue")

    def test_messages_with_attributes_come_as_they_were_sent(self):
        url = self.create("q")
        attributes = {"n": {"DataType": "Number.int", "StringValue": "7"},
                      "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
                      "text": {"DataType": "String", "StringValue": "ünï"}}
        # botocore checks the digest of the body; the others are checked here.
        sent = self.sqs.send_message(QueueUrl=url, MessageBody="hallo ü", MessageAttributes=attributes,
                                     MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String",
                                                                                 "StringValue": "Root=1"}})
        message = self.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"],
                                           MessageSystemAttributeNames=["All"])["Messages"][0]
        self.assertEqual(message["MessageId"], sent["MessageId"])
        self.assertEqual(message["Body"], "hallo ü")
        self.assertEqual(message["MessageAttributes"], attributes)
        self.assertEqual(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"])
        self.assertEqual(message["Attributes"]["AWSTraceHeader"], "Root=1")
        self.assertEqual(message["Attributes"]["ApproximateReceiveCount"], "1")
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        self.assertEqual(self.count(url), 0)

    def test_batches_and_long_polling(self):
        url = self.create("q")
        sent = self.sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": str(number), "MessageBody": f"m{number}"} for number in range(10)])
        self.assertEqual(len(sent["Successful"]), 10)
        messages = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        self.assertEqual([message["Body"] for message in messages], [f"m{number}" for number in range(10)])
        done = self.sqs.delete_message_batch(QueueUrl=url, Entries=[
            *({"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
              for number, message in enumerate(messages[:8])), {"Id": "x", "ReceiptHandle": "x"}])
        self.assertEqual(len(done["Successful"]), 8)
        self.assertEqual(done["Failed"][0]["Code"], "ReceiptHandleIsInvalid")
        changed = self.sqs.change_message_visibility_batch(QueueUrl=url, Entries=[
            {"Id": "a", "ReceiptHandle": messages[8]["ReceiptHandle"], "VisibilityTimeout": 1}])
        self.assertEqual(len(changed["Successful"]), 1)
        begin = time.monotonic()
        self.assertEqual(self.bodies(url, WaitTimeSeconds=10), ["m8"])
        self.assertLess(time.monotonic() - begin, 8)
        begin = time.monotonic()
        self.assertEqual(self.bodies(url, WaitTimeSeconds=1), [])
        self.assertGreaterEqual(time.monotonic() - begin, 0.9)

    def test_a_kill_loses_no_message_and_shows_none_too_early(self):
        url = self.create("q", VisibilityTimeout="600")
        fifo = self.create("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
        for number in range(50):
            self.sqs.send_message(QueueUrl=url, MessageBody=str(number))
        first = self.sqs.send_message(QueueUrl=fifo, MessageBody="once", MessageGroupId="g")
        self.sqs.send_message(QueueUrl=fifo, MessageBody="next", MessageGroupId="g")
        out = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        group = self.sqs.receive_message(QueueUrl=fifo)["Messages"]
        self.kill()
        url, fifo = self.url("q"), self.url("q.fifo")
        self.assertEqual(self.bodies(fifo), [], "the group waits for its first message, which is out")
        again = self.sqs.send_message(QueueUrl=fifo, MessageBody="once", MessageGroupId="g")
        self.assertEqual(again["MessageId"], first["MessageId"])
        self.assertEqual(again["SequenceNumber"], first["SequenceNumber"])
        self.sqs.delete_message(QueueUrl=fifo, ReceiptHandle=group[0]["ReceiptHandle"])
        self.assertEqual(self.bodies(fifo), ["next"])
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=out[0]["ReceiptHandle"])
        seen = []
        while bodies := self.bodies(url):
            seen += bodies
        self.assertEqual(sorted(map(int, seen)), list(range(10, 50)))
        self.assertEqual(self.count(url, "ApproximateNumberOfMessagesNotVisible"), 49)

    def test_dead_letters_go_and_come_back(self):
        dead = self.create("dead")
        url = self.create("q", VisibilityTimeout="0", RedrivePolicy=json.dumps(
            {"deadLetterTargetArn": ARN + "dead", "maxReceiveCount": "2"}))
        self.sqs.send_message(QueueUrl=url, MessageBody="bad")
        self.assertEqual([self.bodies(url), self.bodies(url), self.bodies(url)], [["bad"], ["bad"], []])
        message = self.sqs.receive_message(QueueUrl=dead, VisibilityTimeout=0, WaitTimeSeconds=5,
                                           AttributeNames=["All"])["Messages"][0]
        self.assertEqual(message["Attributes"]["DeadLetterQueueSourceArn"], ARN + "q")
        self.assertEqual(self.sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"], [url])
        self.sqs.start_message_move_task(SourceArn=ARN + "dead")
        wait_until(lambda: self.count(url) == 1, 10, "the message is back")
        task = self.sqs.list_message_move_tasks(SourceArn=ARN + "dead")["Results"][0]
        self.assertEqual(task["ApproximateNumberOfMessagesMoved"], 1)

    def test_old_clients_speak_query(self):
        url = self.create("q")
        answer = self.query(url, Action="SendMessage", MessageBody="a&<b>", **{
            "MessageAttribute.1.Name": "n", "MessageAttribute.1.Value.DataType": "String",
            "MessageAttribute.1.Value.StringValue": "v"})
        self.assertIsNotNone(answer.find("SendMessageResult/MD5OfMessageAttributes"))
        answer = self.query(url, Action="ReceiveMessage", **{"AttributeName.1": "All", "MessageAttributeName.1": "All"})
        self.assertEqual(answer.findtext("ReceiveMessageResult/Message/Body"), "a&<b>")
        self.assertEqual(answer.findtext("ReceiveMessageResult/Message/MessageAttribute/Value/StringValue"), "v")
        receipt = answer.findtext("ReceiveMessageResult/Message/ReceiptHandle")
        self.query(url, Action="DeleteMessage", ReceiptHandle=receipt)
        answer = self.query(url, Action="GetQueueAttributes", **{"AttributeName.1": "QueueArn"})
        self.assertEqual(answer.findtext("GetQueueAttributesResult/Attribute/Value"), ARN + "q")
        answer = self.query(self.virga.url + "/", status=400, Action="GetQueueUrl", QueueName="no")
        self.assertEqual(answer.findtext("Error/Code"), "AWS.SimpleQueueService.NonExistentQueue")

    def query(self, url, status=200, **parameters):
        """A signed request as boto3 before 1.28.62 sends it; namespaces are dropped from the answer."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        body = urllib.parse.urlencode({**parameters, "Version": "2012-11-05"})
        prepared = AWSRequest("POST", url, data=body, headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
        SigV4Auth(Credentials(self.virga.key_id, self.virga.secret), "sqs", "us-east-1").add_auth(prepared)
        answer = request(url, "POST", body.encode(), dict(prepared.headers))
        self.assertEqual(answer.status, status, answer.text)
        root = ElementTree.fromstring(answer.text)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    def test_the_command_line_of_aws_works(self):
        def aws(*arguments):
            done = subprocess.run([str(AWS), "--endpoint-url", self.virga.url, "sqs", *arguments, "--output", "json"], text=True, capture_output=True,
                                  env=self.virga.client_environment(), timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout) if done.stdout else None

        if not os.access(AWS, os.X_OK):
            self.skipTest("the AWS CLI is not installed")
        url = aws("create-queue", "--queue-name", "cli", "--attributes", "VisibilityTimeout=5")["QueueUrl"]
        aws("send-message", "--queue-url", url, "--message-body", "hi")
        message = aws("receive-message", "--queue-url", url)["Messages"][0]
        self.assertEqual(message["Body"], "hi")
        aws("delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])

    # ---- functions ----

    def create_function(self, name, **options):
        self.virga.create_node(name, NODE, **options)
        self.api.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})

    def test_messages_are_events_of_a_function(self):
        url = self.create("q", VisibilityTimeout="5")
        self.create_function("work", Environment={"Variables": {"REPORT": "1"}})
        made = self.api.create_event_source_mapping(
            EventSourceArn=ARN + "q", FunctionName="work", FunctionResponseTypes=["ReportBatchItemFailures"],
            FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": [{"prefix": "good"}, {"prefix": "bad"}]})}]},
            ScalingConfig={"MaximumConcurrency": 2})
        for body in ("good 1", "bad 2", "good 3", "other 4"):
            self.sqs.send_message(QueueUrl=url, MessageBody=body)

        def left():
            return self.count(url) + self.count(url, "ApproximateNumberOfMessagesNotVisible")

        wait_until(lambda: left() == 1, 20, "only the bad one is left")
        got = self.api.get_event_source_mapping(UUID=made["UUID"])
        self.assertEqual(got["State"], "Enabled")
        self.api.update_event_source_mapping(UUID=made["UUID"], Enabled=False)
        self.kill()
        url = self.url("q")
        self.assertEqual(self.api.get_event_source_mapping(UUID=made["UUID"])["State"], "Disabled")
        self.sqs.send_message(QueueUrl=url, MessageBody="good 5")
        self.api.update_event_source_mapping(UUID=made["UUID"], Enabled=True)
        wait_until(lambda: left() == 1, 20, "the new one is taken after the restart")
        self.api.delete_event_source_mapping(UUID=made["UUID"])
        self.assertEqual(self.api.list_event_source_mappings(FunctionName="work")["EventSourceMappings"], [])

    def test_dead_letters_of_a_function_arrive(self):
        url = self.create("dead")
        self.create_function("work", DeadLetterConfig={"TargetArn": ARN + "dead"})
        self.api.put_function_event_invoke_config(FunctionName="work", MaximumRetryAttempts=0)
        self.api.invoke(FunctionName="work", InvocationType="Event",
                        Payload=json.dumps({"Records": [{"body": "bad", "messageId": "1"}]}))
        messages = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20,
                                            MessageAttributeNames=["All"]).get("Messages", [])
        self.assertEqual(json.loads(messages[0]["Body"])["Records"][0]["body"], "bad")
        self.assertIn("ErrorMessage", messages[0]["MessageAttributes"])


if __name__ == "__main__":
    main()
