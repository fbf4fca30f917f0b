"""A short life of a daemon, and what must be true of it after any sudden end.

    scenario = Scenario()
    scenario.run(virga)                          # until its end, or until the daemon is gone
    scenario.check(virga, scenario.answered)     # on a daemon that was started on what is left

It goes in lanes beside each other, one connection each, so that what they write shares syncs. A lane is a list of steps, done
one after the other; a step is acknowledged when its answer arrived. After an end, all acknowledged steps of a lane must be
there, and the one after them may be there or not, as a whole. Which steps were acknowledged is told by the ids of requests,
so that a check can be made for any moment of a run that was recorded.
"""

import base64
import hashlib
import json
import random
import re
import threading
import time
import zlib

from api import Api, NoAnswer, Refused, function_arn, queue_arn
from virga import metric, zip_of

ROLE = "arn:aws:iam::000000000000:role/any"
SECONDS = 20  # in which what is on its way must have arrived


class Lost(AssertionError):
    """An invariant that does not hold."""


def require(condition, *what):
    if not condition:
        raise Lost(" ".join(str(one) for one in what))


class Lane:
    """Steps in order. A subclass makes the list `steps` of (name, function of Api that returns an Answer), and checks."""

    def __init__(self):
        self.steps = []
        self.answers = []  # the request id of each acknowledged step
        self.failure = None
        self.patience = SECONDS

    def step(self, name, act):
        self.steps.append((name, act))

    def setup(self, api):
        """Makes what the steps need."""

    def run(self, virga, patience):
        self.patience = patience
        api = Api(virga)
        try:
            for _, act in self.steps:
                self.answers.append(act(api).request_id)
        except (NoAnswer, Refused) as error:
            self.failure = error
        finally:
            api.close()

    def count(self, answered):
        """How many steps were acknowledged when those requests had been answered."""
        done = 0
        while done < len(self.answers) and self.answers[done] in answered:
            done += 1
        return done

    def check(self, api, done):
        raise NotImplementedError


def noise(seed, size):
    return random.Random(seed).randbytes(size)


class ObjectLane(Lane):
    """Objects put, replaced, copied, uploaded in parts, deleted."""

    BUCKET = "bucket"

    def __init__(self):
        super().__init__()
        self.states = [{}]  # by number of steps: what each key holds
        self.uploads = [0]  # and how many files belong to uploads that are under way
        self.upload = None
        self.put("a", b"first")
        self.put("a", noise(1, 40_000))
        self.put("b", noise(2, 300_000))
        self.put("empty", b"")
        self.change("copy b to c", {"c": noise(2, 300_000)}, lambda api: api.s3(
            "PUT", "/bucket/c", headers={"x-amz-copy-source": "/bucket/b"}))
        self.put("b", b"replaced")
        self.change("delete a", {"a": None}, lambda api: api.s3("DELETE", "/bucket/a"))
        part = noise(3, 70_000)
        self.change("begin an upload", {}, self.begin)
        self.change("upload a part", {}, lambda api: api.s3(
            "PUT", f"/bucket/parts?partNumber=1&uploadId={self.upload}", part), files=1)
        self.change("complete the upload", {"parts": part}, self.complete(part))
        self.put("a", noise(4, 20_000))
        self.change("delete two at once", {"b": None, "c": None}, self.delete_both)
        self.put("last", noise(5, 1000))

    def change(self, name, changes, act, files=0):
        state = {**self.states[-1], **changes}
        self.states.append({key: value for key, value in state.items() if value is not None})
        self.uploads.append(files)
        self.step(name, act)

    def put(self, key, value):
        # As clients send it: the checksum of what they believe to send.
        crc = base64.b64encode(zlib.crc32(value).to_bytes(4, "big")).decode()
        self.change(f"put {key}", {key: value}, lambda api: api.s3(
            "PUT", f"/bucket/{key}", value, {"x-amz-checksum-crc32": crc}))

    def begin(self, api):
        answer = api.s3("POST", "/bucket/parts?uploads")
        self.upload = re.search(rb"<UploadId>([^<]+)</UploadId>", answer.body)[1].decode()
        return answer

    def complete(self, part):
        etag = hashlib.md5(part).hexdigest()
        body = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                f"<ETag>\"{etag}\"</ETag></Part></CompleteMultipartUpload>").encode()
        return lambda api: api.s3("POST", f"/bucket/parts?uploadId={self.upload}", body)

    @staticmethod
    def delete_both(api):
        body = b"<Delete><Object><Key>b</Key></Object><Object><Key>c</Key></Object></Delete>"
        digest = base64.b64encode(hashlib.md5(body).digest()).decode()
        answer = api.s3("POST", "/bucket?delete", body, {"Content-MD5": digest})
        if b"<Error>" in answer.body:  # of one of them: no yes to both
            raise Refused("delete b and c", 200, answer.body)
        return answer

    def setup(self, api):
        return api.s3("PUT", "/bucket")

    @staticmethod
    def get(api, key):
        try:
            return api.s3("GET", f"/bucket/{key}").body
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def check(self, api, done):
        before, after = self.states[done], self.states[min(done + 1, len(self.steps))]
        found = {}
        for key in sorted({key for state in self.states for key in state}):
            body = self.get(api, key)
            allowed = (before.get(key), after.get(key))
            require(body in allowed, f"object {key} after {done} steps: {body and body[:20]!r} of",
                    body is not None and len(body), "bytes")
            if body is not None:
                found[key] = body
        listed = api.s3("GET", "/bucket?list-type=2").body.decode()
        entries = {re.search("<Key>([^<]+)", one)[1]: int(re.search("<Size>([0-9]+)", one)[1])
                   for one in listed.split("<Contents>")[1:]}
        require(entries == {key: len(body) for key, body in found.items()}, "list and objects differ:", entries,
                {key: len(body) for key, body in found.items()})
        return found

    def check_again(self, api):
        """Objects can be put. Their files may be kept for others, so files are counted before."""
        api.s3("PUT", "/bucket/again", b"works")
        require(self.get(api, "again") == b"works", "objects cannot be put any more")
        api.s3("DELETE", "/bucket/again")

    def count_files(self, found, done):
        """How many files the store of objects may hold: least and most."""
        bodies = sum(1 for body in found.values() if body)
        # Of parts: those that are not in an object yet.
        parts = [0 if "parts" in found else count for count in self.uploads[done:done + 2]]
        return bodies + min(parts), bodies + max(parts)


class QueueLane(Lane):
    """Messages sent and deleted, one after the other or ten at once, in a queue with or without an order."""

    def __init__(self, name, attributes=None):
        super().__init__()
        self.name, self.attributes = name, attributes or {}
        self.is_ordered = name.endswith(".fifo")
        self.states = [()]
        for number in range(3):
            self.send(f"m{number}")
        self.delete()
        self.send("n0", "n1", "n2")
        self.delete()
        self.delete()
        self.send("o0")

    def send(self, *bodies):
        self.states.append((*self.states[-1], *bodies))
        entries = [{"Id": body, "MessageBody": body} for body in bodies]
        for entry in entries:
            if self.is_ordered:
                entry.update(MessageGroupId="g", MessageDeduplicationId=entry["Id"])

        def act(api):
            if len(entries) > 1:
                answer = api.queues("SendMessageBatch", queue=self.name, Entries=entries)
                if answer.json.get("Failed"):
                    raise Refused(f"send {' '.join(bodies)}", 200, answer.body)
                return answer
            return api.queues("SendMessage", queue=self.name,
                              **{key: value for key, value in entries[0].items() if key != "Id"})

        self.step(f"send {' '.join(bodies)}", act)

    def delete(self):
        """The oldest one: in a queue without an order the one that comes is looked for."""
        wanted, *rest = self.states[-1]
        self.states.append(tuple(rest))

        def act(api):
            deadline = time.monotonic() + self.patience
            while time.monotonic() < deadline:
                # Hidden no longer than the deletion needs: in a queue with an order it needs that.
                got = api.queues("ReceiveMessage", queue=self.name, VisibilityTimeout=2 if self.is_ordered else 0,
                                 MaxNumberOfMessages=1 if self.is_ordered else 10)
                for message in got.json.get("Messages", []):
                    if message["Body"] == wanted:
                        return api.queues("DeleteMessage", queue=self.name, ReceiptHandle=message["ReceiptHandle"])
            raise Lost(f"{self.name}: {wanted} does not come")

        self.step(f"delete {wanted}", act)

    def setup(self, api):
        return api.queues("CreateQueue", QueueName=self.name, Attributes=self.attributes)

    def check(self, api, done):
        before, after = self.states[done], self.states[min(done + 1, len(self.steps))]
        got = receive_all(api, self.name, at_least=len(set(before) & set(after)))
        require(len(got) == len(set(got)), f"{self.name}: a message came twice:", got)
        least, most = set(before) & set(after), set(before) | set(after)
        require(least <= set(got) <= most, f"{self.name} after {done} steps holds", got, "and should", before, "or", after)
        if self.is_ordered:
            require(got == [one for one in (before if len(before) > len(after) else after) if one in got],
                    f"{self.name}: out of order:", got)
        api.queues("SendMessage", queue=self.name, MessageBody="again",
                   **({"MessageGroupId": "h", "MessageDeduplicationId": "again"} if self.is_ordered else {}))
        require(receive_all(api, self.name, at_least=1) == ["again"], f"{self.name}: sends nothing any more")


def receive_all(api, queue, at_least=0):
    """The bodies of all messages, which stay hidden from then on."""
    got, deadline = [], time.monotonic() + SECONDS
    while True:
        wait = 1 if len(got) < at_least else 0
        more = api.queues("ReceiveMessage", queue=queue, MaxNumberOfMessages=10, VisibilityTimeout=600,
                          WaitTimeSeconds=wait).json.get("Messages", [])
        got += [one["Body"] for one in more]
        # In a queue with an order the next ones of a group come when the ones before are gone.
        if queue.endswith(".fifo"):
            for one in more:
                api.queues("DeleteMessage", queue=queue, ReceiptHandle=one["ReceiptHandle"])
        if not more and (len(got) >= at_least or time.monotonic() > deadline):
            return got


class CallLane(Lane):
    """Asynchronous calls, with their results in a queue."""

    FUNCTION = "exports.handler = async (event) => event.number;"

    def __init__(self):
        super().__init__()
        self.calls = {}  # number: id
        self.ended = {}  # number: attempts when it was said to have succeeded
        self.step_of_call, self.step_of_end = {}, {}
        for number, waits in enumerate([True, False, True, False]):
            self.step_of_call[number] = len(self.steps)
            self.step(f"call {number}", lambda api, number=number: self.call(api, number))
            if waits:
                self.step_of_end[number] = len(self.steps)
                self.step(f"end of {number}", lambda api, number=number: self.wait(api, number))

    def setup(self, api):
        api.queues("CreateQueue", QueueName="results", Attributes={})
        create_function(api, "number", self.FUNCTION)
        return api.functions("PUT", "/2019-09-25/functions/number/event-invoke-config",
                             {"DestinationConfig": {"OnSuccess": {"Destination": queue_arn("results")}}})

    def call(self, api, number):
        answer = api.functions("POST", "/2015-03-31/functions/number/invocations", {"number": number},
                               {"X-Amz-Invocation-Type": "Event"})
        self.calls[number] = answer.request_id
        return answer

    def wait(self, api, number):
        answer = api.invocation(self.calls[number], wait=self.patience)
        require(answer.json["state"] == "succeeded", "a call did not succeed:", answer.body)
        self.ended[number] = len(answer.json["attempts"])
        return answer

    def check(self, api, done):
        ids = {}
        for number, step in self.step_of_call.items():
            if step >= done:
                continue
            found = api.invocation(self.calls[number], wait=SECONDS).json
            ids[self.calls[number]] = number
            require(found["state"] == "succeeded", f"call {number} is", found["state"], found)
            attempts = len(found["attempts"])
            if self.step_of_end.get(number, done) < done:
                require(attempts == self.ended[number], f"call {number} ran again after its success:", attempts)
            require(attempts <= 2, f"call {number} ran {attempts} times")
        results = [json.loads(one)["requestContext"]["requestId"] for one in
                   receive_all(api, "results", at_least=len(ids))]
        for call, number in ids.items():
            require(results.count(call) == 1, f"the result of call {number} came {results.count(call)} times")


class ScheduleLane(Lane):
    """A schedule that fires once."""

    def __init__(self):
        super().__init__()
        self.step("create", self.create)
        self.step("fire", self.receive)
        self.step("delete", lambda api: api.queues("DeleteMessage", queue="fired", ReceiptHandle=self.receipt))

    def setup(self, api):
        return api.queues("CreateQueue", QueueName="fired", Attributes={})

    @staticmethod
    def create(api):
        due = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 2))
        return api.schedules("POST", "/schedules/once", {
            "ScheduleExpression": f"at({due})", "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": queue_arn("fired"), "RoleArn": ROLE, "Input": "now"}})

    def receive(self, api):
        deadline = time.monotonic() + self.patience + 2
        while time.monotonic() < deadline:
            answer = api.queues("ReceiveMessage", queue="fired", WaitTimeSeconds=3, VisibilityTimeout=0)
            if messages := answer.json.get("Messages"):
                self.receipt = messages[0]["ReceiptHandle"]
                return answer
        raise Lost("the schedule does not fire")

    def check(self, api, done):
        least = 1 if 1 <= done <= 2 else 0
        got = receive_all(api, "fired", at_least=least)
        most = 0 if done == 3 else 1
        if done == 2:
            least = 0  # perhaps it was deleted
        require(least <= len(got) <= most, f"the schedule has fired {len(got)} times after {done} steps")


class FunctionLane(Lane):
    """A function created, changed and published."""

    def __init__(self):
        super().__init__()
        self.codes = [None]
        self.step("create", lambda api: create_function(api, "deployed", self.code("A")))
        self.step("update", lambda api: api.functions(
            "PUT", "/2015-03-31/functions/deployed/code", {"ZipFile": self.zip("B")}))
        self.step("settled", lambda api: wait_active(api, "deployed"))
        self.step("publish", lambda api: api.functions("POST", "/2015-03-31/functions/deployed/versions", {}))
        self.results = [None, "A", "B", "B", "B"]

    @staticmethod
    def code(result):
        return f"exports.handler = async () => '{result}';"

    def zip(self, result):
        return base64.b64encode(zip_of({"index.js": self.code(result)})).decode()

    def setup(self, api):
        return None

    def check(self, api, done):
        allowed = self.results[done:done + 2]
        try:
            wait_active(api, "deployed")
        except Refused as error:
            require(error.status == 404 and None in allowed, f"the function is gone after {done} steps:", error)
            return
        found = api.functions("POST", "/2015-03-31/functions/deployed/invocations").json
        require(found in allowed, f"the function answers {found} after {done} steps")
        versions = api.functions("GET", "/2015-03-31/functions/deployed/versions").json["Versions"]
        numbers = [one["Version"] for one in versions]
        require("1" in numbers if done == 4 else numbers[0] == "$LATEST", "versions:", numbers)


def create_function(api, name, source):
    answer = api.functions("POST", "/2015-03-31/functions", {
        "FunctionName": name, "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": ROLE,
        "Code": {"ZipFile": base64.b64encode(zip_of({"index.js": source})).decode()}})
    wait_active(api, name)
    return answer


def wait_active(api, name):
    deadline = time.monotonic() + SECONDS
    while True:
        answer = api.functions("GET", f"/2015-03-31/functions/{name}/configuration")
        if answer.json["State"] == "Active" and answer.json["LastUpdateStatus"] == "Successful":
            return answer
        require(time.monotonic() < deadline, f"function {name} does not become active:", answer.body)
        time.sleep(0.02)


class Scenario:
    def __init__(self):
        self.objects = ObjectLane()
        self.lanes = [self.objects, QueueLane("plain"), QueueLane("ordered.fifo", {"FifoQueue": "true"}), CallLane(),
                      ScheduleLane(), FunctionLane()]
        self.answered = set()  # ids of all requests that were answered
        self.ready_request = None  # the last one before the lanes begin

    def run(self, virga, patience=SECONDS):
        """Until its end, or until the daemon is gone; what was answered stays known. Lost: something did not come."""
        api = Api(virga)
        try:
            for lane in self.lanes:
                if answer := lane.setup(api):
                    self.ready_request = answer.request_id
        except (NoAnswer, Refused) as error:
            self.ready_request, self.lanes[0].failure = None, error
            return
        finally:
            api.close()
        self.answered.add(self.ready_request)
        failures = []

        def go(lane):
            try:
                lane.run(virga, patience)
            except Exception as error:  # noqa: BLE001  told by the thread that waits
                failures.append(error)

        threads = [threading.Thread(target=go, args=(lane,)) for lane in self.lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for lane in self.lanes:
            self.answered.update(lane.answers)
        if failures:
            raise failures[0]

    @property
    def is_done(self):
        return all(len(lane.answers) == len(lane.steps) for lane in self.lanes)

    def failures(self):
        return [lane.failure for lane in self.lanes if lane.failure is not None]

    def check(self, virga, answered):
        """What must be there if these requests had been answered when the end came. Lost says what is not."""
        if self.ready_request is None or self.ready_request not in answered:
            return  # it started: that is all that can be said
        failures, lock = [], threading.Lock()

        def go(lane):
            api = Api(virga)
            try:
                done = lane.count(answered)
                found = lane.check(api, done)
                if lane is self.objects:
                    self._check_files(virga, found, done)
                    lane.check_again(api)
            except Exception as error:  # noqa: BLE001  told by the thread that waits
                with lock:
                    failures.append((type(lane).__name__, error))
            finally:
                api.close()

        threads = [threading.Thread(target=go, args=(lane,)) for lane in self.lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise Lost("; ".join(f"{name}: {error!r}" for name, error in failures))

    def _check_files(self, virga, found, done):
        """What nothing refers to is removed some time after a start, and nothing else."""
        least, most = self.objects.count_files(found, done)
        deadline = time.monotonic() + SECONDS
        while True:
            # Those that are kept to be written anew belong to nothing either.
            count = sum(1 for one in (virga.data / "objects").glob("??/*") if one.is_file())
            count -= metric(virga, "virga_object_spare_files")
            if least <= count <= most:
                return
            require(time.monotonic() < deadline, f"{count} files of objects lie there, and {least} to {most} should")
            time.sleep(0.02)
