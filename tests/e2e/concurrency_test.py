"""Functions whose instances run several calls at a time (VirgaConfig.Concurrency, Lambda's PerExecutionEnvironmentMaxConcurrency)."""

import json
import threading
import unittest

from virga import ROLE, Virga, main, metric, zip_of

# Answers when as many calls are inside as the event asks for.
GATE = """
const inside = [];
exports.handler = (event) => new Promise((resolve, reject) => {
  if (event.crash) setTimeout(() => { throw new Error('boom'); }, 300);
  if (event.hang) return void setInterval(() => {}, 1000);
  inside.push(() => { console.log('left', event.name); resolve(event.name); });
  if (inside.length >= event.wait_for) inside.splice(0).forEach((go) => go());
});
"""


class Concurrency(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = Virga()
        cls.virga.start()
        cls.addClassCleanup(cls.virga.stop)
        cls.api = cls.virga.client("lambda", retries={"max_attempts": 0}, max_pool_connections=50)

    def create(self, name, files, limit, runtime="nodejs20.x", **options):
        provider = {"CapacityProviderArn": "arn:aws:lambda:us-east-1:000000000000:capacity-provider:any",
                    "PerExecutionEnvironmentMaxConcurrency": limit}
        self.api.create_function(
            FunctionName=name, Runtime=runtime, Handler="app.handler", Role=ROLE, Code={"ZipFile": zip_of(files)},
            CapacityProviderConfig={"LambdaManagedInstancesCapacityProviderConfig": provider}, **options)

    def invoke_all(self, name, events):
        """The answers in the order of the events."""
        answers = [None] * len(events)

        def call(index):
            answers[index] = self.api.invoke(FunctionName=name, Payload=json.dumps(events[index]).encode(), LogType="Tail")
            answers[index]["Body"] = json.loads(answers[index]["Payload"].read())

        threads = [threading.Thread(target=call, args=(index,)) for index in range(len(events))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def test_calls_meet_inside_one_instance(self):
        self.create("gate", {"app.js": GATE}, 20, Timeout=20)
        before = metric(self.virga, "virga_cold_starts_total")
        names = [f"n{number}" for number in range(20)]
        answers = self.invoke_all("gate", [{"name": name, "wait_for": 20} for name in names])
        self.assertEqual([answer["Body"] for answer in answers], names)
        self.assertEqual(metric(self.virga, "virga_cold_starts_total") - before, 1)

    def test_a_timeout_ends_its_own_call_alone(self):
        self.create("late", {"app.js": GATE}, 8, Timeout=2)
        self.invoke_all("late", [{"name": "warm", "wait_for": 1}])
        events = [{"hang": True}] + [{"name": f"n{number}", "wait_for": 3} for number in range(3)]
        hung, *others = self.invoke_all("late", events)
        self.assertRegex(hung["Body"]["errorMessage"], "Task timed out after 2.00 seconds")
        self.assertEqual([answer["Body"] for answer in others], ["n0", "n1", "n2"])
        self.assertEqual(self.invoke_all("late", [{"name": "next", "wait_for": 1}])[0]["Body"], "next")

    def test_a_crash_fails_all_that_run_and_the_next_call_works(self):
        self.create("fragile", {"app.js": GATE}, 8, Timeout=20)
        self.invoke_all("fragile", [{"name": "warm", "wait_for": 1}])
        answers = self.invoke_all("fragile", [{"hang": True}, {"hang": True}, {"hang": True, "crash": True}])
        self.assertEqual([answer["Body"]["errorType"] for answer in answers], ["Runtime.ExitError"] * 2 + ["Error"])
        self.assertEqual(self.invoke_all("fragile", [{"name": "next", "wait_for": 1}])[0]["Body"], "next")

    def test_a_runtime_that_runs_one_at_a_time_still_does(self):
        source = "import time\nbusy = []\ndef handler(event, context):\n  busy.append(1)\n  time.sleep(0.05)\n  n = len(busy)\n  busy.pop()\n  return n\n"
        self.create("single", {"app.py": source}, 16, "python3.11", Timeout=20)
        self.assertEqual({answer["Body"] for answer in self.invoke_all("single", [{}] * 6)}, {1})


if __name__ == "__main__":
    main()
