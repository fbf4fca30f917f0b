"""The event bus and schedules: what is acknowledged arrives, a schedule fires once for each of its times."""

import datetime
import http.server
import json
import random
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from virga import PROGRAM, ROLE, Virga, main, metric, request, wait_until

SINK = "exports.handler = async (event) => { console.log('GOT ' + JSON.stringify(event)); };"
FAILING = "exports.handler = async () => { throw new Error('on purpose'); };"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


class Received:
    """An HTTP endpoint that keeps what it is sent; it answers with `statuses`, first to last, then with 200."""

    def __init__(self):
        self.posts, self.statuses = [], []
        kept = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status = kept.statuses.pop(0) if kept.statuses else 200
                if status == 200:
                    kept.posts.append(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/in"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Events(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="virga-events-")
        self.addCleanup(folder.cleanup)
        self.virga = Virga(data=folder.name)
        self.start()
        self.addCleanup(lambda: self.virga.stop())

    def start(self):
        self.virga.start()
        self.api = self.virga.client("lambda")
        self.events = self.virga.client("events")
        self.scheduler = self.virga.client("scheduler")

    def create(self, name, source=SINK):
        self.virga.create_node(name, source)
        self.api.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
        return ARN + name

    def got(self, name="sink"):
        """The events that the function was called with since the daemon was started."""
        done = subprocess.run([PROGRAM, "logs", name, "--json"], env=self.virga.client_environment(), text=True,
                              capture_output=True, timeout=60, check=True)
        text = "".join(json.loads(line)["text"] for line in done.stdout.splitlines())
        return [json.loads(line.partition("GOT ")[2]) for line in text.splitlines() if "GOT " in line]

    def wait_for(self, count, seconds=20):
        wait_until(lambda: len(self.got()) >= count, seconds, f"{count} events reach the function")
        return self.got()

    def signed(self, path, method="GET", body=b"", headers=None):
        """A request to Virga's own API."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        prepared = AWSRequest(method, self.virga.url + path, data=body, headers=headers or {})
        SigV4Auth(Credentials(self.virga.key_id, self.virga.secret), "virga", "us-east-1").add_auth(prepared)
        return request(self.virga.url + path, method, body or None, dict(prepared.headers))

    def put(self, *entries):
        return self.events.put_events(Entries=[{"Source": "shop", "DetailType": "order", **entry} for entry in entries])

    # ---- The bus.

    def test_wrong_things_are_refused(self):
        errors = self.events.exceptions
        with self.assertRaisesRegex(errors.InvalidEventPatternException, '"source" must be an object or an array'):
            self.events.put_rule(Name="r", EventPattern='{"source": "shop"}')
        with self.assertRaisesRegex(errors.ClientError, "ScheduleExpression is not valid"):
            self.events.put_rule(Name="r", ScheduleExpression="rate(often)")
        with self.assertRaisesRegex(errors.ClientError, "must be specified"):
            self.events.put_rule(Name="r")
        with self.assertRaises(errors.ResourceNotFoundException):
            self.events.put_rule(Name="r", EventPattern='{"source": ["shop"]}', EventBusName="nowhere")
        with self.assertRaises(errors.ResourceNotFoundException):
            self.events.describe_rule(Name="r")
        with self.assertRaisesRegex(errors.ClientError, "'ListReplays'"):
            self.events.list_replays()
        answer = self.put({"Detail": "{"}, {"Detail": "{}", "EventBusName": "nowhere"}, {"Detail": "{}"})
        self.assertEqual(answer["FailedEntryCount"], 2)
        self.assertEqual([entry.get("ErrorCode") for entry in answer["Entries"]],
                         ["MalformedDetail", "ResourceNotFoundException", None])
        self.assertTrue(answer["Entries"][2]["EventId"])

    def test_rules_can_be_asked_for_and_changed(self):
        self.events.create_event_bus(Name="orders", Tags=[{"Key": "team", "Value": "a"}])
        with self.assertRaises(self.events.exceptions.ResourceAlreadyExistsException):
            self.events.create_event_bus(Name="orders")
        self.assertEqual([bus["Name"] for bus in self.events.list_event_buses()["EventBuses"]], ["default", "orders"])
        for number in range(3):
            self.events.put_rule(Name=f"r{number}", EventBusName="orders", EventPattern='{"source": ["shop"]}')
        first = self.events.list_rules(EventBusName="orders", Limit=2)
        rest = self.events.list_rules(EventBusName="orders", Limit=2, NextToken=first["NextToken"])
        self.assertEqual([rule["Name"] for rule in first["Rules"] + rest["Rules"]], ["r0", "r1", "r2"])
        self.assertNotIn("NextToken", rest)
        arn = first["Rules"][0]["Arn"]
        self.assertEqual(arn, "arn:aws:events:us-east-1:000000000000:rule/orders/r0")
        self.events.tag_resource(ResourceARN=arn, Tags=[{"Key": "k", "Value": "v"}])
        self.assertEqual(self.events.list_tags_for_resource(ResourceARN=arn)["Tags"], [{"Key": "k", "Value": "v"}])
        target = {"Id": "1", "Arn": ARN + "sink", "Input": '{"a": 1}', "RoleArn": ROLE}
        answer = self.events.put_targets(Rule="r0", EventBusName="orders", Targets=[target])
        self.assertEqual(answer["FailedEntryCount"], 0)
        self.virga.stop(signal.SIGKILL)
        self.start()
        found = self.events.list_targets_by_rule(Rule="r0", EventBusName="orders")["Targets"]
        self.assertEqual(found, [target])
        self.assertEqual(
            self.events.list_rule_names_by_target(TargetArn=ARN + "sink", EventBusName="orders")["RuleNames"], ["r0"])
        with self.assertRaisesRegex(self.events.exceptions.ClientError, "has targets"):
            self.events.delete_rule(Name="r0", EventBusName="orders")
        self.events.disable_rule(Name="r0", EventBusName="orders")
        self.assertEqual(self.events.describe_rule(Name="r0", EventBusName="orders")["State"], "DISABLED")
        self.events.remove_targets(Rule="r0", EventBusName="orders", Ids=["1"])
        for number in range(3):
            self.events.delete_rule(Name=f"r{number}", EventBusName="orders")
        self.events.delete_event_bus(Name="orders")
        self.assertEqual(len(self.events.list_event_buses()["EventBuses"]), 1)

    def test_events_reach_the_functions_of_the_rules_they_match(self):
        sink = self.create("sink")
        pattern = {"source": ["shop"], "detail": {"price": [{"numeric": [">", 10]}], "kind": [{"anything-but": "test"}]}}
        self.events.put_rule(Name="r", EventPattern=json.dumps(pattern))
        self.events.put_targets(Rule="r", Targets=[
            {"Id": "whole", "Arn": sink},
            {"Id": "part", "Arn": sink, "InputPath": "$.detail"},
            {"Id": "made", "Arn": sink, "InputTransformer": {
                "InputPathsMap": {"p": "$.detail.price", "k": "$.detail.kind"},
                "InputTemplate": '{"text": "<k> for <p>", "price": <p>, "rule": <aws.events.rule-name>}'}},
        ])
        event = json.dumps({"price": 11.5, "kind": "book"})
        tested = self.events.test_event_pattern(
            EventPattern=json.dumps(pattern), Event=json.dumps({"source": "shop", "detail": json.loads(event)}))
        self.assertTrue(tested["Result"])
        answer = self.put({"Detail": event, "Resources": ["arn:x"]}, {"Detail": '{"price": 9, "kind": "book"}'},
                          {"Detail": '{"price": 99, "kind": "test"}'})
        self.assertEqual(answer["FailedEntryCount"], 0)
        got = self.wait_for(3)
        self.assertEqual(len(got), 3)
        self.assertIn({"price": 11.5, "kind": "book"}, got)
        self.assertIn({"text": "book for 11.5", "price": 11.5, "rule": "r"}, got)
        whole = next(one for one in got if "detail-type" in one)
        self.assertEqual((whole["id"], whole["source"], whole["detail-type"], whole["resources"]),
                         (answer["Entries"][0]["EventId"], "shop", "order", ["arn:x"]))

    def test_cloud_events_come_in_by_the_same_bus(self):
        sink = self.create("sink")
        self.events.put_rule(Name="r", EventPattern='{"source": ["/ce"]}')
        self.events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": sink}])
        base = {"specversion": "1.0", "id": "1", "source": "/ce", "type": "t"}
        path = "/virga/v1/events"
        binary = {"ce-specversion": "1.0", "ce-id": "b", "ce-source": "/ce", "ce-type": "t",
                  "content-type": "application/json"}
        answers = [
            self.signed(path, "POST", b'{"a": 1}', binary),
            self.signed(path, "POST", json.dumps({**base, "data": {"a": 2}}).encode(),
                        {"content-type": "application/cloudevents+json"}),
            self.signed(path, "POST", json.dumps([{**base, "id": "x", "data": {"a": number}} for number in (3, 4)]).encode(),
                        {"content-type": "application/cloudevents-batch+json"}),
        ]
        self.assertEqual([answer.status for answer in answers], [202, 202, 202], answers[0].text)
        self.assertEqual(answers[2].json, {"ids": ["x", "x"]})
        self.assertEqual(sorted(event["detail"]["a"] for event in self.wait_for(4)), [1, 2, 3, 4])
        refused = self.signed(path, "POST", b"{}", {"content-type": "application/cloudevents+json"})
        self.assertEqual(refused.status, 400, refused.text)
        self.assertEqual(request(self.virga.url + path, "POST", b"{}", binary).status, 403)
        self.assertEqual(self.signed(path + "?bus=nowhere", "POST", b"{}", binary).status, 404)

    # ---- Topics.

    def test_a_topic_reaches_functions_and_endpoints(self):
        sink = self.create("sink")
        sns = self.virga.client("sns")
        with self.assertRaises(sns.exceptions.NotFoundException):
            sns.publish(TopicArn="arn:aws:sns:us-east-1:000000000000:none", Message="x")
        with self.assertRaises(sns.exceptions.InvalidParameterException):
            sns.create_topic(Name="a b")
        topic = sns.create_topic(Name="news", Tags=[{"Key": "a", "Value": "b"}])["TopicArn"]
        self.assertEqual(sns.create_topic(Name="news")["TopicArn"], topic)
        self.assertEqual(sns.list_tags_for_resource(ResourceArn=topic)["Tags"], [{"Key": "a", "Value": "b"}])
        subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=sink,
                                     Attributes={"FilterPolicy": '{"kind": ["good"]}'})["SubscriptionArn"]
        received = Received()
        self.addCleanup(received.close)
        pending = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=received.url, ReturnSubscriptionArn=True)
        wait_until(lambda: received.posts, 20, "the request to confirm comes")
        asked = json.loads(received.posts.pop())
        self.assertEqual((asked["Type"], asked["TopicArn"]), ("SubscriptionConfirmation", topic))
        self.assertEqual(request(asked["SubscribeURL"]).status, 200)
        attributes = sns.get_subscription_attributes(SubscriptionArn=pending["SubscriptionArn"])["Attributes"]
        self.assertEqual(attributes["PendingConfirmation"], "false")
        self.assertEqual(len(sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]), 2)
        received.statuses = [500, 500]
        sns.publish(TopicArn=topic, Message="first", Subject="s",
                    MessageAttributes={"kind": {"DataType": "String", "StringValue": "good"}})
        batch = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
            {"Id": "1", "Message": "second"}, {"Id": "2", "Message": "x", "MessageStructure": "json"}])
        self.assertEqual([one["Id"] for one in batch["Successful"]], ["1"])
        self.assertEqual([one["Id"] for one in batch["Failed"]], ["2"])
        got = self.wait_for(1)
        self.assertEqual([event["Records"][0]["Sns"]["Message"] for event in got], ["first"])
        self.assertEqual(got[0]["Records"][0]["EventSubscriptionArn"], subscription)
        wait_until(lambda: {json.loads(post)["Message"] for post in received.posts} == {"first", "second"}, 30,
                   "both messages reach the endpoint")
        sns.unsubscribe(SubscriptionArn=subscription)
        self.virga.stop(signal.SIGKILL)
        self.start()
        sns = self.virga.client("sns")
        self.assertEqual(len(sns.list_subscriptions()["Subscriptions"]), 1)
        self.assertEqual([one["TopicArn"] for one in sns.list_topics()["Topics"]], [topic])
        sns.delete_topic(TopicArn=topic)
        self.assertEqual(sns.list_topics()["Topics"], [])

    def test_a_fifo_topic_keeps_the_order_of_groups_and_sends_nothing_twice(self):
        sns, sqs = self.virga.client("sns"), self.virga.client("sqs")
        url = sqs.create_queue(QueueName="orders.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        for wrong in ({"Name": "orders", "Attributes": {"FifoTopic": "true"}}, {"Name": "orders.fifo"}):
            with self.assertRaises(sns.exceptions.InvalidParameterException):
                sns.create_topic(**wrong)
        topic = sns.create_topic(Name="orders.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
        for wrong in ({"Protocol": "lambda", "Endpoint": self.create("sink")},
                      {"Protocol": "https", "Endpoint": "https://127.0.0.1/in"}):
            with self.assertRaises(sns.exceptions.InvalidParameterException) as refused:
                sns.subscribe(TopicArn=topic, **wrong)
        self.assertIn("proxy", str(refused.exception))
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
        with self.assertRaises(sns.exceptions.InvalidParameterException):
            sns.publish(TopicArn=topic, Message="x", MessageGroupId="g")
        for body in ("1", "2", "2", "3"):
            sns.publish(TopicArn=topic, Message=body, MessageGroupId="g", MessageDeduplicationId=body)
        attempt = {"QueueUrl": url, "MaxNumberOfMessages": 10, "ReceiveRequestAttemptId": "a"}
        first = sqs.receive_message(**attempt)["Messages"]
        self.assertEqual([message["Body"] for message in first], ["1", "2", "3"])
        again = sqs.receive_message(**attempt)["Messages"]
        self.assertEqual([message["ReceiptHandle"] for message in again],
                         [message["ReceiptHandle"] for message in first])
        self.assertNotIn("Messages", sqs.receive_message(QueueUrl=url))

    # ---- Schedules.

    def schedule(self, arn, expression, **more):
        return {"Name": "s", "ScheduleExpression": expression, "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {"Arn": arn, "RoleArn": ROLE}, **more}

    def test_wrong_schedules_are_refused(self):
        sink = self.create("sink")
        errors = self.scheduler.exceptions
        for expression in ("rate(0 minutes)", "cron(* * * * * *)", "at(tomorrow)"):
            with self.assertRaises(errors.ValidationException):
                self.scheduler.create_schedule(**self.schedule(sink, expression))
        with self.assertRaises(errors.ValidationException):
            self.scheduler.create_schedule(
                **self.schedule(sink, "rate(1 hour)", ScheduleExpressionTimezone="Mars/Olympus"))
        with self.assertRaises(errors.ResourceNotFoundException):
            self.scheduler.create_schedule(**self.schedule(sink, "rate(1 hour)", GroupName="nowhere"))
        with self.assertRaises(errors.ResourceNotFoundException):
            self.scheduler.get_schedule(Name="s")
        self.scheduler.create_schedule(**self.schedule(sink, "rate(1 hour)"))
        with self.assertRaises(errors.ConflictException):
            self.scheduler.create_schedule(**self.schedule(sink, "rate(1 hour)"))

    def test_schedules_can_be_asked_for_and_changed(self):
        sink = self.create("sink")
        self.scheduler.create_schedule_group(Name="g", Tags=[{"Key": "a", "Value": "b"}])
        made = self.scheduler.create_schedule(**self.schedule(
            sink, "cron(0 9 ? * MON-FRI *)", GroupName="g", ScheduleExpressionTimezone="Europe/Berlin", Description="d",
            EndDate=datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)))
        self.assertEqual(made["ScheduleArn"], "arn:aws:scheduler:us-east-1:000000000000:schedule/g/s")
        self.virga.stop(signal.SIGKILL)
        self.start()
        found = self.scheduler.get_schedule(Name="s", GroupName="g")
        self.assertEqual((found["ScheduleExpression"], found["ScheduleExpressionTimezone"], found["Description"]),
                         ("cron(0 9 ? * MON-FRI *)", "Europe/Berlin", "d"))
        self.assertEqual((found["State"], found["EndDate"].year, found["Target"]["Arn"]), ("ENABLED", 2099, sink))
        self.scheduler.update_schedule(**self.schedule(sink, "rate(2 hours)", GroupName="g", State="DISABLED"))
        listed = self.scheduler.list_schedules(GroupName="g")["Schedules"]
        self.assertEqual([(one["Name"], one["State"]) for one in listed], [("s", "DISABLED")])
        self.assertEqual(self.scheduler.list_schedules(State="ENABLED")["Schedules"], [])
        arn = self.scheduler.get_schedule_group(Name="g")["Arn"]
        self.scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
        self.scheduler.untag_resource(ResourceArn=arn, TagKeys=["a"])
        self.assertEqual(self.scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"], [{"Key": "c", "Value": "d"}])
        groups = [group["Name"] for group in self.scheduler.list_schedule_groups()["ScheduleGroups"]]
        self.assertEqual(groups, ["default", "g"])
        self.scheduler.delete_schedule_group(Name="g")
        self.assertEqual(self.scheduler.list_schedules()["Schedules"], [])

    def test_a_schedule_calls_its_function(self):
        sink = self.create("sink")
        self.scheduler.create_schedule(**self.schedule(sink, "rate(1 second)"))
        event = self.wait_for(2)[0]
        self.assertEqual((event["source"], event["detail-type"]), ("aws.scheduler", "Scheduled Event"))
        self.scheduler.delete_schedule(Name="s")
        at = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")
        once = self.schedule(sink, f"at({at})", ActionAfterCompletion="DELETE")
        once["Target"]["Input"] = '{"once": "<aws.scheduler.scheduled-time>"}'
        self.scheduler.create_schedule(**once)
        wait_until(lambda: {"once": at + "Z"} in self.got(), 20, "the single time comes")
        self.assertEqual(self.scheduler.list_schedules()["Schedules"], [])
        self.events.put_rule(Name="tick", ScheduleExpression="rate(1 second)")
        self.events.put_targets(Rule="tick", Targets=[{"Id": "1", "Arn": sink, "Input": '"tick"'}])
        wait_until(lambda: "tick" in self.got(), 20, "the rule's schedule fires")

    def test_a_function_is_ready_when_its_schedule_fires(self):
        sink = self.create("sink")
        due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6)
        self.scheduler.create_schedule(**self.schedule(sink, due.strftime("at(%Y-%m-%dT%H:%M:%S)")))
        self.wait_for(1)
        self.assertEqual(metric(self.virga, "virga_instances_prepared_total"), 1)
        self.assertEqual(metric(self.virga, "virga_cold_starts_total"), 0)

    def test_a_kill_doubles_no_firing_and_loses_none(self):
        failing = self.create("failing", FAILING)
        self.api.put_function_event_invoke_config(FunctionName="failing", MaximumRetryAttempts=0)
        self.scheduler.create_schedule_group(Name="g", Tags=[{"Key": "virga:missed", "Value": "all"}])
        schedule = self.schedule(failing, "rate(1 second)", GroupName="g")
        schedule["Target"]["Input"] = '"<aws.scheduler.scheduled-time>"'
        self.scheduler.create_schedule(**schedule)
        chance = random.Random(4)
        for _ in range(6):
            # Around the full second is where something fires.
            time.sleep(1 - time.time() % 1 + chance.uniform(0.7, 1.1))
            self.virga.stop(signal.SIGKILL)
            self.start()
        self.scheduler.update_schedule(**{**schedule, "State": "DISABLED"})
        firings = self.signed("/virga/v1/firings?schedule=g%2Fs&limit=1000").json["firings"]
        due = [firing["due"] for firing in firings]
        self.assertGreater(len(due), 6)
        self.assertEqual({firing["state"] for firing in firings}, {"sent"})
        moments = [datetime.datetime.fromisoformat(one.replace("Z", "+00:00")) for one in reversed(due)]
        steps = {(later - earlier).total_seconds() for earlier, later in zip(moments, moments[1:])}
        self.assertEqual(steps, {1.0}, "each second comes once")
        expected = sorted(one.replace(".000Z", "Z") for one in due)

        def called():
            """For which times the function was called: each call fails, and those are kept."""
            ids = self.signed("/virga/v1/functions/failing/invocations?limit=1000").json["invocations"]
            return sorted(self.signed(f"/virga/v1/invocations/{one}").json["payload"] for one in ids)

        wait_until(lambda: len(called()) >= len(expected), 30, "all calls have ended")
        self.assertEqual(called(), expected)


if __name__ == "__main__":
    main()
