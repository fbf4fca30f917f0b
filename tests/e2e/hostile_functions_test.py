"""Functions that misuse the platform: the Runtime API, the log, other functions' calls. Judged from outside."""

import json
import threading
import time
import unittest
from pathlib import Path

from virga import ROLE, Virga, main, request, zip_of

# A bootstrap in Python that runs `attack(api, id)` for its first event and answers with what it saw.
BOOTSTRAP = '''#!/usr/bin/python3
import http.client, json, os, socket, threading
ADDRESS = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime/invocation/"

def call(method, path, body=None, headers={}):
    api = http.client.HTTPConnection(ADDRESS, timeout=10)
    api.request(method, path, body, headers)
    answer = api.getresponse()
    return answer.status, answer.read().decode(), dict(answer.getheaders())

def raw(data):
    host, port = ADDRESS.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        seen = b""
        while True:
            try:
                piece = s.recv(65536)
            except ConnectionError:
                break
            if not piece:
                break
            seen += piece
        return seen.decode("latin-1")[:200]

%s

while True:
    status, event, headers = call("GET", BASE + "next")
    id = headers["Lambda-Runtime-Aws-Request-Id"]
    call("POST", BASE + id + "/response", json.dumps(attack(id)))
'''


class HostileFunctions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = Virga()
        cls.virga.start()
        cls.addClassCleanup(cls.virga.stop)
        cls.api = cls.virga.client("lambda", retries={"max_attempts": 0})

    def create(self, name, files, runtime, handler="app.handler", **options):
        self.api.create_function(FunctionName=name, Runtime=runtime, Handler=handler, Role=ROLE,
                                 Code={"ZipFile": zip_of(files)}, **options)

    def attack(self, name, source):
        self.create(name, {"bootstrap": BOOTSTRAP % source}, "provided.al2023", Timeout=20)
        answer = self.api.invoke(FunctionName=name)
        body = answer["Payload"].read().decode()
        self.assertIsNone(answer.get("FunctionError"), body)
        # The instance that misbehaved still serves, or another one does.
        self.assertIsNone(self.api.invoke(FunctionName=name).get("FunctionError"))
        return json.loads(body)

    def test_a_wrong_request_id_is_refused(self):
        seen = self.attack("wrong-id", """
def attack(id):
    other = "00000000-0000-0000-0000-000000000000"
    return [call("POST", BASE + other + "/response", "{}")[:2], call("POST", BASE + other + "/error", "{}")[:2]]
""")
        for status, body in seen:
            self.assertEqual((status, json.loads(body)["errorType"]), (400, "InvalidRequestID"))

    def test_a_large_header_is_refused(self):
        seen = self.attack("large-header", """
def attack(id):
    return raw(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\nX: " + b"y" * (10 << 20) + b"\\r\\n\\r\\n")
""")
        self.assertTrue(seen == "" or seen.startswith("HTTP/1.1 431"), seen)

    def test_a_second_next_gets_no_second_event(self):
        seen = self.attack("two-nexts", """
def attack(id):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(call("GET", BASE + "next")[2].get("Lambda-Runtime-Aws-Request-Id")))
               for _ in range(2)]
    for t in threads: t.start()
    for t in threads: t.join()
    return [answer == id for answer in answers]
""")
        self.assertEqual(seen, [True, True])

    def test_pipelined_and_broken_requests(self):
        seen = self.attack("pipelining", """
def attack(id):
    post = b"POST /2018-06-01/runtime/invocation/nobody/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{}"
    return [raw(post * 2), raw(b"\\x00\\x01\\x02\\r\\n\\r\\n")]
""")
        self.assertTrue(seen[0].startswith("HTTP/1.1 400"))
        self.assertTrue(seen[1] == "" or seen[1].startswith("HTTP/1.1 400"), seen[1])

    def test_an_answer_after_the_timeout_goes_nowhere(self):
        # The instance is ended at the timeout, so that a late answer finds nobody to give it to.
        source = "import time\ndef handler(event, context):\n  time.sleep(event.get('s', 0))\n  return 'late'\n"
        self.create("late", {"app.py": source}, "python3.11", Timeout=1)
        answer = self.api.invoke(FunctionName="late", Payload=b'{"s": 1.2}')
        self.assertIn("Task timed out", answer["Payload"].read().decode())
        self.assertEqual(self.api.invoke(FunctionName="late")["Payload"].read(), b'"late"')

    def test_functions_do_not_see_each_other(self):
        source = """
import os
def handler(event, context):
    seen = [open(f'/proc/{p}/cmdline').read() for p in os.listdir('/proc') if p.isdigit() and os.access(f'/proc/{p}/cmdline', os.R_OK)]
    left = sorted(os.listdir('/tmp'))
    open('/tmp/secret', 'w').write('x')
    return {'processes': len(seen), 'tmp': left, 'environment': 'SECRET' in os.environ}
"""
        self.create("one", {"app.py": source}, "python3.11", Environment={"Variables": {"SECRET": "s"}})
        self.create("two", {"app.py": source}, "python3.11")
        self.assertTrue(json.load(self.api.invoke(FunctionName="one")["Payload"])["environment"])
        seen = json.load(self.api.invoke(FunctionName="two")["Payload"])
        self.assertEqual(seen, {"processes": 1, "tmp": [], "environment": False})

    def test_a_log_flood_is_held_to_its_own_share(self):
        flood = "import sys\ndef handler(event, context):\n  for _ in range(100):\n    sys.stdout.write('x' * 1023 + '\\n' * 1)\n" \
                "    sys.stdout.write(('y' * 1023 + '\\n') * 1024)\n  return 'done'\n"
        self.create("flood", {"app.py": flood}, "python3.11", Timeout=60, MemorySize=1769)
        self.create("quiet", {"app.py": "def handler(event, context):\n  return 'ok'\n"}, "python3.11")
        self.api.invoke(FunctionName="quiet")
        before = self.memory()
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(self.virga.client("lambda", read_timeout=60).invoke(
            FunctionName="flood", LogType="Tail")))
        thread.start()
        slowest = 0.0
        while thread.is_alive():
            began = time.monotonic()
            self.assertEqual(self.api.invoke(FunctionName="quiet")["Payload"].read(), b'"ok"')
            slowest = max(slowest, time.monotonic() - began)
        thread.join()
        self.assertIsNone(outcome[0].get("FunctionError"))
        self.assertLess(self.memory() - before, 64 << 20)
        self.assertLess(slowest, 2.0)

    def memory(self):
        for line in Path(f"/proc/{self.virga.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
        raise AssertionError("no VmRSS")


if __name__ == "__main__":
    main()
