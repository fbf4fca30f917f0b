"""What a function is held to and what keeps it ready: rates, breakers, shares, provisioned instances, rollbacks."""

import json
import subprocess
import threading
import time
import unittest

from botocore.exceptions import ClientError
from virga import PROGRAM, ROLE, Virga, main, metric, request, zip_of

NODE = "nodejs20.x"
PYTHON = "python3.11"


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = Virga()
        cls.virga.start()
        cls.addClassCleanup(cls.virga.stop)
        cls.api = cls.virga.client("lambda", retries={"max_attempts": 0}, max_pool_connections=50)

    def create(self, name, source, runtime=NODE, **options):
        files = {"index.js": source} if runtime == NODE else {"app.py": source}
        handler = "index.handler" if runtime == NODE else "app.handler"
        made = self.api.create_function(FunctionName=name, Runtime=runtime, Handler=handler, Role=ROLE, Timeout=30,
                                        Code={"ZipFile": zip_of(files)}, **options)
        return made["FunctionArn"], self.api.create_function_url_config(FunctionName=name,
                                                                        AuthType="NONE")["FunctionUrl"]

    def throttled(self, call):
        with self.assertRaises(ClientError) as caught:
            call()
        self.assertEqual(caught.exception.response["Error"]["Code"], "TooManyRequestsException")
        return caught.exception.response

    # ---- rates ----

    def test_a_tag_that_is_no_limit_is_refused(self):
        arn, _ = self.create("mistagged", "exports.handler = async () => 1;")
        with self.assertRaises(self.api.exceptions.InvalidParameterValueException) as caught:
            self.api.tag_resource(Resource=arn, Tags={"virga:rate": "fast"})
        self.assertIn("such as 100", str(caught.exception))

    def test_a_rate_holds_and_says_when_to_come_again(self):
        arn, url = self.create("rated", "exports.handler = async () => 'ok';")
        self.assertEqual(request(url).status, 200)
        self.api.tag_resource(Resource=arn, Tags={"virga:rate": "0.2"})
        self.assertEqual(request(url).status, 200)
        refused = request(url)
        self.assertEqual(refused.status, 429)
        self.assertIn(refused.headers["Retry-After"], ("4", "5"))
        self.assertIn("takes 0.2 calls a second, by its tag virga:rate", refused.text)
        response = self.throttled(lambda: self.api.invoke(FunctionName="rated"))
        self.assertEqual(response["Reason"], "FunctionInvocationRateLimitExceeded")
        self.assertIn(response["retryAfterSeconds"], ("4", "5"))
        event = self.api.invoke(FunctionName="rated", InvocationType="Event")
        self.assertEqual(event["StatusCode"], 202, "accepted, and run when the rate allows it")
        self.api.untag_resource(Resource=arn, TagKeys=["virga:rate"])
        self.assertEqual(request(url).status, 200)

    def test_a_rate_is_met_within_two_percent(self):
        arn, url = self.create("metered", "exports.handler = async () => 'ok';")
        self.assertEqual(request(url).status, 200)
        self.api.tag_resource(Resource=arn, Tags={"virga:rate": "100", "virga:burst": "2"})
        done, stop = [], threading.Event()

        def call():
            while not stop.is_set():
                if request(url).status == 200:
                    done.append(time.monotonic())

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(5)
        stop.set()
        for thread in threads:
            thread.join()
        rate = (len(done) - 1) / (max(done) - min(done))
        self.assertLessEqual(rate, 102)
        self.assertGreaterEqual(rate, 90, "of what callers on a busy machine ask for")

    def test_each_caller_has_a_rate_of_its_own(self):
        arn, url = self.create("per-caller", "exports.handler = async () => 'ok';")
        self.api.tag_resource(Resource=arn, Tags={"virga:caller-rate": "0.1"})
        self.assertEqual(request(url).status, 200)
        self.assertEqual(request(url).status, 429)
        self.api.invoke(FunctionName="per-caller")
        response = self.throttled(lambda: self.api.invoke(FunctionName="per-caller"))
        self.assertEqual(response["Reason"], "CallerRateLimitExceeded")

    # ---- breakers ----

    def test_a_breaker_opens_and_the_fallback_answers(self):
        arn, url = self.create("broken", "exports.handler = async () => { throw new Error('no'); };")
        self.api.tag_resource(Resource=arn, Tags={"virga:breaker": "50%"})
        statuses = [request(url).status for _ in range(10)]
        self.assertEqual(set(statuses), {502})
        refused = request(url)
        self.assertEqual(refused.status, 503)
        self.assertIn("failed in 10 of 10 calls", refused.text)
        self.assertEqual(refused.headers["Retry-After"], "1")
        answer = json.dumps({"statusCode": 200, "body": "we are back soon"})
        self.api.tag_resource(Resource=arn, Tags={"virga:fallback": answer, "virga:breaker": "50%"})
        seen = set()
        for _ in range(20):
            seen.add(request(url).text)
        self.assertIn("we are back soon", seen)
        self.assertGreaterEqual(metric(self.virga, "virga_breaker_opened_total", "broken"), 1)

    # ---- provisioned concurrency ----

    def test_provisioned_instances_are_ready_before_the_first_call(self):
        self.create("ready", "import os\ndef handler(event, context):\n  return os.getpid()\n", PYTHON)
        version = self.api.publish_version(FunctionName="ready")["Version"]
        self.api.create_alias(FunctionName="ready", Name="live", FunctionVersion=version)
        with self.assertRaises(self.api.exceptions.ProvisionedConcurrencyConfigNotFoundException):
            self.api.get_provisioned_concurrency_config(FunctionName="ready", Qualifier="live")
        put = self.api.put_provisioned_concurrency_config(FunctionName="ready", Qualifier="live",
                                                          ProvisionedConcurrentExecutions=2)
        self.assertEqual(put["RequestedProvisionedConcurrentExecutions"], 2)
        self.assertIn(put["Status"], ("IN_PROGRESS", "READY"))
        self.wait_until_ready(self.api)
        cold = metric(self.virga, "virga_cold_starts_total")
        self.api.invoke(FunctionName="ready", Qualifier="live")
        self.assertEqual(metric(self.virga, "virga_cold_starts_total"), cold)
        listed = self.api.list_provisioned_concurrency_configs(FunctionName="ready")["ProvisionedConcurrencyConfigs"]
        self.assertEqual([item["FunctionArn"].rsplit(":", 1)[1] for item in listed], ["live"])
        self.api.delete_provisioned_concurrency_config(FunctionName="ready", Qualifier="live")
        with self.assertRaises(self.api.exceptions.ProvisionedConcurrencyConfigNotFoundException):
            self.api.get_provisioned_concurrency_config(FunctionName="ready", Qualifier="live")

    def wait_until_ready(self, api):
        deadline = time.monotonic() + 20
        while True:
            got = api.get_provisioned_concurrency_config(FunctionName="ready", Qualifier="live")
            if got["Status"] == "READY":
                break
            self.assertLess(time.monotonic(), deadline, got)
            time.sleep(0.02)
        self.assertEqual(got["AvailableProvisionedConcurrentExecutions"], 2)

    def test_a_version_that_does_not_start_is_failed(self):
        self.create("lame", "throw new Error('not today');")
        self.api.publish_version(FunctionName="lame")
        self.api.put_provisioned_concurrency_config(FunctionName="lame", Qualifier="1",
                                                    ProvisionedConcurrentExecutions=1)
        deadline = time.monotonic() + 20
        while True:
            got = self.api.get_provisioned_concurrency_config(FunctionName="lame", Qualifier="1")
            if got["Status"] == "FAILED":
                break
            self.assertLess(time.monotonic(), deadline, got)
            time.sleep(0.02)
        self.assertIn("not today", got["StatusReason"])

    # ---- deploys and rollbacks ----

    def test_a_rollback_takes_effect_at_once(self):
        _, url = self.create("back", "exports.handler = async () => 'old';")
        self.assertEqual(request(url).text, "old")
        self.api.update_function_code(FunctionName="back",
                                      ZipFile=zip_of({"index.js": "exports.handler = async () => 'new';"}))
        self.assertEqual(request(url).text, "new")
        times = []
        for wanted in ("old", "new", "old", "new", "old"):
            began = time.monotonic()
            done = subprocess.run([PROGRAM, "rollback", "back", "--endpoint", self.virga.url, "--data",
                                   self.virga.data], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(request(url).text, wanted)
            times.append(time.monotonic() - began)
            self.assertRegex(done.stdout, r"^rolled back back from code \S{8} of .* to code \S{8} of ")
        self.assertLess(min(times), 0.1, "the command and the first call after it")

    def test_twenty_deploys_and_three_crashes_under_load_fail_only_the_guilty(self):
        source = ("exports.handler = async (event) => {\n"
                  "  if (event.queryStringParameters?.die) process.kill(process.pid, 'SIGKILL');\n"
                  "  return 'version %d';\n};")
        _, url = self.create("changing", source % 0)
        self.assertEqual(request(url).text, "version 0")
        seen, failed, stop = {}, [], threading.Event()

        def call():
            while not stop.is_set():
                answer = request(url)
                if answer.status != 200:
                    failed.append((answer.status, answer.text))
                seen[answer.text] = seen.get(answer.text, 0) + 1

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        guilty = []
        for version in range(1, 21):
            if version % 7 == 0:
                self.api.update_function_configuration(FunctionName="changing", Timeout=10 + version)
                guilty.append(request(url + "?die=1").status)
            self.api.update_function_code(FunctionName="changing", ZipFile=zip_of({"index.js": source % version}))
            self.assertEqual(request(url).text, f"version {version}", "whoever deployed sees it with the next call")
        guilty.append(request(url + "?die=1").status)
        time.sleep(0.2)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertEqual(guilty, [502] * 3)
        self.assertIn("version 20", seen)


class Shares(unittest.TestCase):
    def test_a_tenth_of_a_small_account_cannot_be_reserved(self):
        with Virga("--concurrency", "20", "--queue-wait", "5") as virga:
            virga.create_node("small", "exports.handler = async () => 1;")
            api = virga.client("lambda", retries={"max_attempts": 0})
            limits = api.get_account_settings()["AccountLimit"]
            self.assertEqual((limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]), (20, 20))
            with self.assertRaisesRegex(api.exceptions.InvalidParameterValueException, "fewer than 2 of 20 unreserved; reserve at most 18"):
                api.put_function_concurrency(FunctionName="small", ReservedConcurrentExecutions=19)
            api.put_function_concurrency(FunctionName="small", ReservedConcurrentExecutions=18)
            self.assertEqual(api.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"], 2)

    def test_a_restart_starts_what_is_provisioned(self):
        with Virga() as virga:
            api = virga.client("lambda")
            api.create_function(FunctionName="ready", Runtime=PYTHON, Handler="app.handler", Role=ROLE, Publish=True,
                                Code={"ZipFile": zip_of({"app.py": "def handler(e, c):\n  return 1\n"})})
            api.create_alias(FunctionName="ready", Name="live", FunctionVersion="1")
            api.put_provisioned_concurrency_config(FunctionName="ready", Qualifier="live",
                                                   ProvisionedConcurrentExecutions=2)
            Limits.wait_until_ready(self, api)
            virga.stop()
            virga.start()
            Limits.wait_until_ready(self, virga.client("lambda"))

    def test_a_noisy_neighbour_leaves_the_others_their_throughput(self):
        source = "import time\ndef handler(event, context):\n  time.sleep(%s)\n"
        with Virga("--memory-budget", "256MB", "--concurrency", "60") as virga:
            api = virga.client("lambda")
            urls = {}
            for name, seconds in (("modest", 0.1), ("noisy", 0.3)):
                api.create_function(FunctionName=name, Runtime=PYTHON, Handler="app.handler", Role=ROLE, Timeout=20,
                                    Code={"ZipFile": zip_of({"app.py": source % seconds})})
                urls[name] = api.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]

            def modest():
                began = time.monotonic()
                for _ in range(50):
                    self.assertEqual(request(urls["modest"]).status, 200)
                return 50 / (time.monotonic() - began)

            self.assertEqual(request(urls["modest"]).status, 200)
            alone = modest()
            statuses, stop = [], threading.Event()

            def noise():
                while not stop.is_set():
                    statuses.append(request(urls["noisy"]).status)
                    if statuses[-1] != 200:
                        stop.wait(0.1)

            threads = [threading.Thread(target=noise) for _ in range(70)]
            for thread in threads:
                thread.start()
            deadline = time.monotonic() + 30
            while 429 not in statuses:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            beside = modest()
            stop.set()
            for thread in threads:
                thread.join()
            print(f"modest alone {alone:.2f}/s, beside {len(threads)} noisy callers {beside:.2f}/s")
            self.assertGreaterEqual(beside, alone * 0.9)


if __name__ == "__main__":
    main()
