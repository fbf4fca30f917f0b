"""Functions that call Virga's services themselves, with what they find in their environment.

What is asked is signed by the function with the standard library alone; the examples' tests do the same with AWS's SDKs.
"""

import json
import threading
import unittest

from virga import ROLE, Virga, main, metric, request, wait_until, zip_of

# Signature Version 4 as short as it gets (IAM User Guide, "Create a signed AWS API request").
SIGNER = """
import datetime, hashlib, hmac, http.client, os, urllib.parse

def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()

def ask(service, method, path, body="", fields=None, environment=os.environ):
    where = urllib.parse.urlsplit(environment["AWS_ENDPOINT_URL"])
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    hashed = hashlib.sha256(body.encode()).hexdigest()
    signed = {"host": where.netloc, "x-amz-content-sha256": hashed, "x-amz-date": now,
              "x-amz-security-token": environment["AWS_SESSION_TOKEN"],
              **{name.lower(): value for name, value in (fields or {}).items()}}
    names = ";".join(sorted(signed))
    canonical = "\\n".join([method, path, ""] + [f"{name}:{signed[name]}" for name in sorted(signed)] + ["", names, hashed])
    scope = f"{now[:8]}/{environment['AWS_REGION']}/{service}/aws4_request"
    key = digest(("AWS4" + environment["AWS_SECRET_ACCESS_KEY"]).encode(), now[:8])
    for part in (environment["AWS_REGION"], service, "aws4_request"):
        key = digest(key, part)
    text = "\\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signed["authorization"] = (f"AWS4-HMAC-SHA256 Credential={environment['AWS_ACCESS_KEY_ID']}/{scope}, "
                               f"SignedHeaders={names}, Signature={digest(key, text).hex()}")
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=10)
    connection.request(method, path, body.encode(), signed)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body
"""

ASKS = SIGNER + """
import time

def handler(event, context):
    time.sleep(event.get("sleep", 0))
    return [ask(*question) for question in event["ask"]]
"""

FACTS = SIGNER + """
import socket

held = []

def handler(event, context):
    if event == "environment":
        return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    if isinstance(event, int):
        where = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
        for _ in range(event):
            held.append(socket.create_connection((where.hostname, where.port), timeout=5))
        return len(held)
    host, port, path = event
    try:
        connection = http.client.HTTPConnection(host, port, timeout=2)
        connection.request("GET", path)
        answer = connection.getresponse()
        return [answer.status, answer.read().decode()]
    except OSError as error:
        return type(error).__name__
"""

# A program of one's own that speaks the Lambda Runtime API.
BOOTSTRAP = "#!/usr/bin/python3\n" + SIGNER + """
import json

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    given = api.getresponse()
    event, identity = json.loads(given.read()), given.headers["Lambda-Runtime-Aws-Request-Id"]
    answers = [ask(*question) for question in event["ask"]]
    api.request("POST", f"/2018-06-01/runtime/invocation/{identity}/response", json.dumps(answers))
    api.getresponse().read()
"""

WHO = ["sts", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15",
       {"Content-Type": "application/x-www-form-urlencoded"}]


def identity_of(function):
    return f"arn:aws:sts::000000000000:assumed-role/function/{function}"


class ServicesInside(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = cls.enterClassContext(Virga())
        cls.api = cls.virga.client("lambda")

    def deploy(self, name, files, network=None, **options):
        api = self.virga.client("lambda")
        if network:
            def add_network(params, **_):
                params["body"] = json.dumps({**json.loads(params["body"]), "VirgaConfig": {"Network": network}}).encode()

            api.meta.events.register("before-call.lambda.CreateFunction", add_network)
        api.create_function(**{"FunctionName": name, "Runtime": "python3.11", "Handler": "app.handler", "Role": ROLE,
                               "Timeout": 30, "Code": {"ZipFile": zip_of(files)}, **options})

    def call(self, name, event):
        return self.call_with_start(name, event)[0]

    def call_with_start(self, name, event):
        answer = self.virga.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
        value = json.load(answer["Payload"])
        self.assertNotIn("FunctionError", answer, value)
        return value, answer["ResponseMetadata"]["HTTPHeaders"].get("x-virga-start")

    def ask(self, name, *questions):
        return self.call(name, {"ask": questions})

    def test_a_function_without_a_network_reaches_nothing(self):
        self.deploy("alone", {"app.py": FACTS}, network="none")
        self.assertNotIn("AWS_ENDPOINT_URL", self.call("alone", "environment"))
        port = int(self.virga.url.rsplit(":", 1)[1])
        self.assertIn(self.call("alone", ["127.0.0.1", port, "/"]), ("OSError", "PermissionError"))

    def test_what_concerns_the_daemon_is_not_served_inside(self):
        self.deploy("curious", {"app.py": FACTS})
        port = int(self.virga.url.rsplit(":", 1)[1])
        for path in ("/metrics", "/healthz", "/readyz", "/virga/v1/status"):
            with self.subTest(path):
                status, body = self.call("curious", ["127.0.0.1", port, path])
                self.assertEqual(status, 403)
                self.assertNotIn("virga_", body)

    def test_the_environment_names_the_services_and_not_the_root_key(self):
        self.deploy("facts", {"app.py": FACTS})
        found = self.call("facts", "environment")
        self.assertEqual(found["AWS_ENDPOINT_URL"], "http://127.0.0.1:" + self.virga.url.rsplit(":", 1)[1])
        self.assertEqual(found["AWS_ACCESS_KEY_ID"], "fn-facts")
        self.assertNotIn(self.virga.secret, json.dumps(found))
        self.deploy("other-facts", {"app.py": FACTS})
        other = self.call("other-facts", "environment")
        for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            self.assertNotEqual(found[name], other[name])
        own = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        self.deploy("own-facts", {"app.py": FACTS}, Environment={"Variables": own})
        self.assertEqual(self.call("own-facts", "environment")["AWS_ENDPOINT_URL"], own["AWS_ENDPOINT_URL"])

    def test_what_changes_or_reads_functions_is_refused(self):
        self.deploy("climber", {"app.py": ASKS})
        for method, path in (("GET", "/2015-03-31/functions"), ("GET", "/2015-03-31/functions/climber"),
                             ("DELETE", "/2015-03-31/functions/climber"), ("POST", "/2015-03-31/functions"),
                             ("GET", "/2015-03-31/event-source-mappings")):
            with self.subTest(path):
                (status, body), = self.ask("climber", ["lambda", method, path, "{}" if method == "POST" else ""])
                self.assertEqual(status, 403, body)
                self.assertIn(identity_of("climber"), body)
        # Not from outside either: the key is the same wherever it is used.
        self.deploy("thief", {"app.py": FACTS})
        found = self.call("thief", "environment")
        scope = {}
        exec(SIGNER, scope)  # noqa: S102 - the text above
        found["AWS_ENDPOINT_URL"] = self.virga.url
        self.assertEqual(scope["ask"](*WHO, environment=found)[0], 200)
        self.assertEqual(scope["ask"]("virga", "GET", "/virga/v1/status", environment=found)[0], 403)
        self.assertEqual(scope["ask"]("lambda", "GET", "/2015-03-31/functions", environment=found)[0], 403)
        self.api.delete_function(FunctionName="thief")
        status, body = scope["ask"](*WHO, environment=found)
        self.assertEqual(status, 403, body)

    def test_objects_queues_and_functions_can_be_used(self):
        self.deploy("user", {"app.py": ASKS}, MemorySize=256)
        self.deploy("callee", {"app.py": "def handler(event, context): return [event, 'called']"})
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answers = self.ask(
            "user", WHO,
            ["s3", "PUT", "/inside"], ["s3", "PUT", "/inside/a.txt", "kept"], ["s3", "GET", "/inside/a.txt"],
            ["sqs", "POST", "/", "Action=CreateQueue&QueueName=inside&Version=2012-11-05", form],
            ["sqs", "POST", "/000000000000/inside", "Action=SendMessage&MessageBody=hi&Version=2012-11-05", form],
            ["lambda", "POST", "/2015-03-31/functions/callee/invocations", '{"a":1}'])
        self.assertEqual([status for status, _ in answers], [200] * len(answers), answers)
        self.assertIn(identity_of("user"), answers[0][1])
        self.assertEqual(answers[3][1], "kept")
        self.assertEqual(json.loads(answers[-1][1]), [{"a": 1}, "called"])
        self.assertEqual(self.virga.client("s3").get_object(Bucket="inside", Key="a.txt")["Body"].read(), b"kept")
        queue = self.virga.client("sqs").get_queue_url(QueueName="inside")["QueueUrl"]
        received = self.virga.client("sqs").receive_message(QueueUrl=queue)["Messages"]
        self.assertEqual([message["Body"] for message in received], ["hi"])
        self.assertGreaterEqual(metric(self.virga, "virga_functions_requests_total"), len(answers))

    def test_every_way_to_start_leads_to_the_services(self):
        # A variable that a stem cannot take makes a cold start.
        self.deploy("cold", {"app.py": ASKS}, Environment={"Variables": {"PYTHONNODEBUGRANGES": "1"}})
        answers, start = self.call_with_start("cold", {"ask": [WHO]})
        self.assertTrue(start.startswith("cold"), start)
        self.assertIn(identity_of("cold"), answers[0][1])
        self.deploy("native", {"bootstrap": BOOTSTRAP}, Runtime="provided.al2023", Handler="any")
        self.assertIn(identity_of("native"), self.ask("native", WHO)[0][1])
        wait_until(lambda: metric(self.virga, "virga_stems_booted") >= 1, 30, "a stem waits")
        self.deploy("warm", {"app.py": ASKS})
        answers, start = self.call_with_start("warm", {"ask": [WHO]})
        self.assertEqual(start, "stem")
        self.assertIn(identity_of("warm"), answers[0][1])
        # Calls at one time want instances; when that happens often enough, they are forks.
        for _ in range(100):
            results = []
            threads = [threading.Thread(target=lambda: results.append(
                self.call_with_start("warm", {"ask": [WHO], "sleep": 0.05}))) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(len(results), len(threads))
            for answers, _ in results:
                self.assertIn(identity_of("warm"), answers[0][1])
            if any((start or "").startswith("fork") for _, start in results):
                return
        self.fail("no instance was a fork")

    def test_one_that_takes_all_its_connections_hinders_nobody(self):
        self.deploy("greedy", {"app.py": FACTS})
        self.assertEqual(self.call("greedy", 300), 300)
        self.deploy("modest", {"app.py": ASKS})
        self.assertIn(identity_of("modest"), self.ask("modest", WHO)[0][1])
        self.assertEqual(request(self.virga.url + "/healthz").status, 200)


if __name__ == "__main__":
    main()
