"""Clients put, get, list and delete a few objects at once, on conditions, while the daemon is killed: what they saw is
possible in some order.

VIRGA_SEED=N repeats what the clients do; how they meet is up to the machine.
"""

import hashlib
import http.client
import os
import random
import signal
import tempfile
import threading
import time
import unittest
import urllib.parse
from xml.etree import ElementTree

from history import Operation, find_contradiction
from virga import Virga, main

KEYS = ["a", "b/c", "d"]
BUCKETS = {"plain": False, "versioned": True}
CLIENTS = 6
ROUNDS = 4
ROUND_SECONDS = 5
GONE = "deleted"  # with versions: a delete marker is there
NEVER = None


def etag_of(body, parts=False):
    digest = hashlib.md5(body)
    return hashlib.md5(digest.digest()).hexdigest() + "-1" if parts else digest.hexdigest()


def model(has_versions):
    """What S3 says of one key: its state is an ETag, GONE or NEVER."""

    def outcomes(operation, state):
        """(answer, state afterwards)"""
        exists = state not in (GONE, NEVER)
        wanted, new = operation.argument if isinstance(operation.argument, tuple) else (None, operation.argument)
        match operation.kind:
            case "read":
                return (state if exists else 404), state
            case "put":
                return 200, new
            case "put if absent":
                return (412, state) if exists else (200, new)
            case "put if match":
                return (404, state) if not exists else (200, new) if state == wanted else (412, state)
            case "delete":
                return 204, GONE if has_versions else NEVER
            case "delete if match":
                if state is NEVER:
                    return 204, NEVER
                return (204, GONE if has_versions else NEVER) if state == wanted else (412, state)
        raise AssertionError(operation.kind)

    def step(operation, state):
        answer, then = outcomes(operation, state)
        if operation.answer is None:
            return [state, then]
        return [then] if answer == operation.answer else []

    return step


class Client(threading.Thread):
    """Does what its own random numbers say until it is told to end, and notes all of it."""

    def __init__(self, test, number, seed):
        super().__init__(daemon=True)
        self.test, self.number = test, number
        self.random = random.Random(f"{seed} {number}")
        self.history = {}  # (bucket, key) -> Operations
        self.known = {}    # the last ETag that was seen of it
        self.error = None
        self.connection = None
        self.generation = 0  # which daemon it is a connection to

    def run(self):
        try:
            while not self.test.over.is_set():
                self.do_something()
        except Exception as error:  # noqa: BLE001 - told by the test
            self.error = error
        finally:
            if self.connection:
                self.connection.close()

    def ask(self, url, body=None, headers=None):
        """(status, headers, body); None if the daemon was killed under it."""
        try:
            if self.connection is None:
                self.generation = self.test.generation
                self.connection = http.client.HTTPConnection(self.test.netloc, timeout=20)
            method, _, target = url.partition(" ")
            self.connection.request(method, target, body=body, headers={"Host": self.test.host, **(headers or {})})
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            if self.generation == self.test.generation:
                raise
            return None

    def note(self, place, kind, began, argument, answer):
        operation = Operation(kind, began, time.monotonic(), argument, answer, self.number)
        if answer is None:
            # What was cut off happens no more once the next daemon is ready.
            self.test.alive.wait(30)
            operation.ended = time.monotonic()
        if answer is not None or kind != "read":
            self.history.setdefault(place, []).append(operation)

    def new_body(self):
        size = self.random.choice([0, 10, 10, 3000, 70_000, 300_000])
        return f"{self.number} {self.random.getrandbits(64)} ".encode() + bytes(size)

    def do_something(self):
        if not self.test.alive.wait(30):
            raise AssertionError("the daemon did not come back")
        place = self.random.choice(list(BUCKETS)), self.random.choice(KEYS)
        choice = self.random.random()
        if choice < 0.35:
            self.get(place)
        elif choice < 0.45:
            self.list(place[0])
        elif choice < 0.80:
            self.put(place)
        elif choice < 0.85:
            self.put_parts(place)
        else:
            self.delete(place)

    def get(self, place):
        began = time.monotonic()
        answer = self.ask(self.test.url("get_object", place))
        if answer is None:
            return
        status, headers, body = answer
        etag = headers.get("ETag", "").strip('"')
        if status == 200 and etag_of(body, "-" in etag) != etag:
            raise AssertionError(f"the bytes of {place} are not those of their ETag {etag}")
        self.known[place] = etag or self.known.get(place)
        self.note(place, "read", began, None, etag if status == 200 else status)

    def list(self, bucket):
        began = time.monotonic()
        answer = self.ask(self.test.url("list_objects_v2", (bucket, None)))
        if answer is None:
            return
        root = ElementTree.fromstring(answer[2])
        space = root.tag.partition("}")[0] + "}"
        found = {node.findtext(space + "Key"): node.findtext(space + "ETag").strip('"')
                 for node in root.iter(space + "Contents")}
        for key in KEYS:
            self.note((bucket, key), "read", began, None, found.get(key, 404))

    def condition(self, place):
        """A kind of condition, its header and the ETag that it has."""
        etag = self.known.get(place)
        choice = self.random.random()
        if choice < 0.4 and etag:
            return " if match", {"If-Match": f'"{etag}"'}, etag
        if choice < 0.7:
            return " if absent", {"If-None-Match": "*"}, None
        return "", {}, None

    def put(self, place):
        kind, headers, wanted = self.condition(place)
        body = self.new_body()
        began = time.monotonic()
        answer = self.ask(self.test.url("put_object", place), body, headers)
        if answer is not None and answer[0] == 200:
            self.known[place] = etag_of(body)
        self.note(place, "put" + kind, began, (wanted, etag_of(body)), answer and answer[0])

    def put_parts(self, place):
        begun = self.ask(self.test.url("create_multipart_upload", place))
        if begun is None:
            return
        upload = {"UploadId": begun[2].decode().partition("<UploadId>")[2].partition("<")[0]}
        body = self.new_body()
        part = self.ask(self.test.url("upload_part", place, PartNumber=1, **upload), body)
        if part is None:
            return
        document = ("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
                    f"<ETag>{etag_of(body)}</ETag></Part></CompleteMultipartUpload>")
        began = time.monotonic()
        answer = self.ask(self.test.url("complete_multipart_upload", place, **upload), document)
        self.note(place, "put", began, etag_of(body, True), answer and answer[0])

    def delete(self, place):
        kind, headers, wanted = self.condition(place)
        if "If-Match" not in headers:
            kind, headers = "", {}
        began = time.monotonic()
        answer = self.ask(self.test.url("delete_object", place), None, headers)
        self.note(place, "delete" + kind, began, (wanted, None), answer and answer[0])


class History(unittest.TestCase):
    def test_what_clients_see_is_possible_although_the_daemon_is_killed(self):
        seed = int(os.environ.get("VIRGA_SEED") or random.SystemRandom().getrandbits(32))
        print(f"VIRGA_SEED={seed}", flush=True)
        rounds = random.Random(seed)
        with tempfile.TemporaryDirectory(prefix="virga-history-") as folder:
            virga = Virga(data=folder)
            virga.start()
            self.addCleanup(lambda: virga.stop())
            # What was signed for the first daemon is good for the next ones.
            self.netloc = self.host = urllib.parse.urlsplit(virga.url).netloc
            self.client = virga.client("s3", signature_version="s3v4")
            for bucket, has_versions in BUCKETS.items():
                self.client.create_bucket(Bucket=bucket)
                if has_versions:
                    self.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            self.urls, self.lock = {}, threading.Lock()
            self.alive, self.over, self.generation = threading.Event(), threading.Event(), 1
            self.alive.set()
            clients = [Client(self, number, seed) for number in range(CLIENTS)]
            for client in clients:
                client.start()
            for number in range(ROUNDS):
                self.over.wait(rounds.uniform(0.6, 1.4) * ROUND_SECONDS)  # let them work
                if number + 1 < ROUNDS:
                    self.kill(virga)
            self.over.set()
            for client in clients:
                client.join(30)
            self.assertEqual([client.error for client in clients if client.error], [])
            self.check(clients)

    def kill(self, virga):
        self.alive.clear()
        self.generation += 1
        virga.process.send_signal(signal.SIGKILL)
        virga.stop(signal.SIGKILL)
        virga.start()
        self.netloc = urllib.parse.urlsplit(virga.url).netloc
        self.alive.set()

    def url(self, operation, place, **arguments):
        """The method and what is asked for, signed. Those that are always the same are signed once."""
        bucket, key = place
        known = self.urls.get((operation, place)) if not arguments else None
        if known:
            return known
        parameters = {"Bucket": bucket, **({"Key": key} if key else {}), **arguments}
        method = {"get": "GET", "list": "GET", "put": "PUT", "upload": "PUT", "delete": "DELETE"}.get(
            operation.partition("_")[0], "POST")
        with self.lock:
            parts = urllib.parse.urlsplit(self.client.generate_presigned_url(operation, Params=parameters))
        url = f"{method} {parts.path}?{parts.query}"
        if not arguments:
            self.urls[operation, place] = url
        return url

    def check(self, clients):
        operations = 0
        for place in [(bucket, key) for bucket in BUCKETS for key in KEYS]:
            history = [one for client in clients for one in client.history.get(place, [])]
            operations += len(history)
            wrong = find_contradiction(history, model(BUCKETS[place[0]]), NEVER)
            if wrong is None:
                continue
            around = sorted((one for one in history if one.ended > wrong.began - 0.2 and one.began < wrong.ended),
                            key=lambda one: one.ended)
            self.fail(f"{place}: this cannot have been answered so:\n  {wrong}\nwhat was going on:\n  " +
                      "\n  ".join(str(one) for one in around))
        print(f"{operations} operations", flush=True)
        self.assertGreater(operations, 500)


class Checker(unittest.TestCase):
    """The judge is judged first."""

    def judge(self, *operations, has_versions=False):
        history = [Operation(kind, began, ended, argument, answer) for kind, began, ended, argument, answer in operations]
        wrong = find_contradiction(history, model(has_versions), NEVER)
        return None if wrong is None else history.index(wrong)

    def test_a_read_sees_the_last_write(self):
        self.assertIsNone(self.judge(("put", 0, 1, "x", 200), ("read", 2, 3, None, "x")))
        self.assertEqual(self.judge(("put", 0, 1, "x", 200), ("read", 2, 3, None, 404)), 1)
        self.assertEqual(self.judge(("put", 0, 1, "x", 200), ("put", 2, 3, "y", 200), ("read", 4, 5, None, "x")), 2)

    def test_what_runs_at_once_may_be_seen_in_either_order_but_not_back(self):
        self.assertIsNone(self.judge(("put", 0, 9, "x", 200), ("read", 1, 2, None, 404), ("read", 3, 4, None, "x")))
        self.assertEqual(
            self.judge(("put", 0, 9, "x", 200), ("read", 1, 2, None, "x"), ("read", 3, 4, None, 404)), 2)

    def test_only_one_creates_it(self):
        both = [("put if absent", 0, 5, (None, name), 200) for name in "xy"]
        self.assertIsNotNone(self.judge(*both))
        self.assertIsNone(self.judge(both[0], ("put if absent", 0, 5, (None, "y"), 412)))

    def test_what_was_cut_off_happened_or_not_but_not_later(self):
        cut = ("put", 0, 5, "x", None)
        self.assertIsNone(self.judge(cut, ("read", 6, 7, None, "x")))
        self.assertIsNone(self.judge(cut, ("read", 6, 7, None, 404)))
        self.assertEqual(self.judge(cut, ("read", 6, 7, None, 404), ("read", 8, 9, None, "x")), 2)

    def test_markers_are_compared_and_nothing_is_not(self):
        put, delete = ("put", 0, 1, "x", 200), ("delete", 2, 3, (None, None), 204)
        late = ("delete if match", 4, 5, ("x", None), 204)
        self.assertIsNone(self.judge(put, delete, late))
        self.assertEqual(self.judge(put, delete, late, has_versions=True), 2)


if __name__ == "__main__":
    main()
