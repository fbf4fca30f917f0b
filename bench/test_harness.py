"""Tests of what the figures hang on: signing, goals, ratios, reading /proc, ending processes."""

import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.errors import BenchError  # noqa: E402
from harness.cgroups import parse_cgroup  # noqa: E402
from harness.clients import NOBODY, Driven, run_clients  # noqa: E402
from harness.functions import EXECUTABLE, make_zip  # noqa: E402
from harness.http import Response  # noqa: E402
from harness.load import Throughput, open_loop_program  # noqa: E402
from harness.outcome import AllOf, Goal, Outcome, summary  # noqa: E402
from harness.processes import cpu_used, process_tree, plain_environment, read_stat, run_checked, run_time, start_server  # noqa: E402
from harness.sigv4 import sign  # noqa: E402
from harness.virga import Function, read_phases, read_start_kind  # noqa: E402
from rows import ROWS  # noqa: E402
from rows.queues import compare_rates  # noqa: E402
from rows.throughput import _compare  # noqa: E402

HERE = Path(__file__).resolve().parent


class Signing(unittest.TestCase):
    def test_agrees_with_botocore(self):
        # The signature botocore's SigV4Auth gives the same request.
        headers = sign(
            "POST",
            "127.0.0.1:4600",
            "/2015-03-31/functions",
            b"{}",
            key_id="virga",
            secret="virga",
            service="lambda",
            now=datetime.datetime(2025, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        )
        self.assertIn("Signature=90f754d341efb74e1441f45a93cf67235f81601099841bb77130388cdb44b910", headers["authorization"])
        self.assertIn("Credential=virga/20250102/us-east-1/lambda/aws4_request", headers["authorization"])


    def test_covers_the_fields_that_are_given(self):
        # As botocore's SigV4Auth signs it, with the body's hash as one more field.
        headers = sign(
            "POST",
            "127.0.0.1:4600",
            "/",
            b"{}",
            key_id="virga",
            secret="virga",
            service="sqs",
            now=datetime.datetime(2025, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
            extra={"x-amz-target": "AmazonSQS.CreateQueue"},
        )
        self.assertEqual(headers["x-amz-target"], "AmazonSQS.CreateQueue")
        self.assertIn("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-target", headers["authorization"])
        self.assertIn("Signature=de090cc4be11180405e8e61bbb106b4862f1eab7056aab44c0576f2af8c37d8e", headers["authorization"])


class Phases(unittest.TestCase):
    def test_are_read_from_the_header(self):
        header = {"x-virga-phases": "queue=0.01, start=1.2,boot=0.5"}
        self.assertEqual(read_phases(Response(200, header, b"", 1.0)), {"queue": 0.01, "start": 1.2, "boot": 0.5})

    def test_are_empty_without_the_header_and_skip_what_is_no_number(self):
        self.assertEqual(read_phases(Response(200, {}, b"", 1.0)), {})
        self.assertEqual(read_phases(Response(200, {"x-virga-phases": "a=b,c,d=2"}, b"", 1.0)), {"d": 2.0})

    def test_tell_what_an_instance_was_made_from(self):
        header = {"x-virga-phases": "queue=0.01,kind=stem,start=1.2"}
        self.assertEqual(read_start_kind(Response(200, header, b"", 1.0)), "stem")
        self.assertEqual(read_phases(Response(200, header, b"", 1.0)), {"queue": 0.01, "start": 1.2})
        self.assertIsNone(read_start_kind(Response(200, {"x-virga-phases": "queue=0.01"}, b"", 1.0)))


class Environment(unittest.TestCase):
    def test_of_what_is_measured_holds_nothing_that_changes_a_start(self):
        with mock.patch.dict(os.environ, {"NODE_EXTRA_CA_CERTS": "x", "PYTHONPATH": "x", "_JAVA_OPTIONS": "x", "KEPT": "x"}):
            found = plain_environment()
            self.assertEqual({"NODE_EXTRA_CA_CERTS", "PYTHONPATH", "_JAVA_OPTIONS", "KEPT"} & found.keys(), {"KEPT"})
            self.assertIn("PATH", found)
            seen = run_checked(["/usr/bin/env"], timeout=10, what="env", cores=os.sched_getaffinity(0))
            self.assertIn("KEPT=x", seen)
            self.assertNotIn("NODE_EXTRA_CA_CERTS", seen)


class Goals(unittest.TestCase):
    def test_judge_the_ratio_or_the_figure(self):
        self.assertTrue(Goal("ratio", ">=", 0.7).met(Outcome(ratio=0.7)))
        self.assertFalse(Goal("ratio", ">=", 1.0).met(Outcome(ratio=0.99)))
        self.assertFalse(Goal("virga", "<=", 3, "ms").met(Outcome(virga=3.1)))

    def test_judge_nothing_without_a_figure(self):
        self.assertIsNone(Goal("virga", "<=", 3, "ms").met(Outcome()))

    def test_judge_a_figure_in_the_details(self):
        goal = Goal("virga.p99", "<=", 4, "ms p99")
        self.assertTrue(goal.met(Outcome(details={"virga": {"p99": 3.9}})))
        self.assertFalse(goal.met(Outcome(details={"virga": {"p99": 4.1}})))
        self.assertIsNone(goal.met(Outcome(details={"virga": {"p50": 1}})))
        self.assertIsNone(goal.met(Outcome()))

    def test_of_several_each_is_to_be_met(self):
        goal = AllOf(Goal("virga", "<=", 1, "ms p50"), Goal("virga.p99", "<=", 4, "ms p99"))
        self.assertEqual(str(goal), "≤ 1 ms p50, ≤ 4 ms p99")
        self.assertTrue(goal.met(Outcome(virga=1, details={"virga": {"p99": 4}})))
        self.assertFalse(goal.met(Outcome(virga=1, details={"virga": {"p99": 5}})))
        self.assertFalse(goal.met(Outcome(virga=2)))  # missed, whatever the other would be
        self.assertIsNone(goal.met(Outcome(virga=1)))

    def test_can_have_words_of_their_own(self):
        self.assertEqual(str(Goal("virga.failed", "<=", 0, text="no error")), "no error")


class Summaries(unittest.TestCase):
    def test_have_a_p99_of_a_hundred_and_more(self):
        self.assertNotIn("p99", summary(range(1, 100)))
        self.assertEqual(summary(range(1, 101))["p99"], 99)
        self.assertEqual(summary(range(1, 1001))["p99"], 990)


class Cgroups(unittest.TestCase):
    def test_of_version_1_have_a_folder_for_memory(self):
        text = "9:name=systemd:/a\n4:memory:/b/c\n2:cpu,cpuacct:/d\n0::/e\n"
        self.assertEqual(parse_cgroup(text), Path("/sys/fs/cgroup/memory/b/c"))

    def test_of_version_2_have_one_folder(self):
        self.assertEqual(parse_cgroup("0::/user.slice/x\n"), Path("/sys/fs/cgroup/user.slice/x"))
        self.assertIsNone(parse_cgroup("9:name=systemd:/a\n"))


class Creation(unittest.TestCase):
    def test_holds_settings_and_variables(self):
        function = Function("nodejs20.x", "index.handler", b"zip", {"A": "1"}, 4096, {"Extra": {"Many": 64}})
        body = function.creation("f")
        self.assertEqual((body["FunctionName"], body["MemorySize"]), ("f", 4096))
        self.assertEqual((body["Environment"], body["Extra"]), ({"Variables": {"A": "1"}}, {"Many": 64}))


class OpenLoop(unittest.TestCase):
    def test_without_its_program_says_how_to_build_it(self):
        with tempfile.TemporaryDirectory() as folder:
            bench = SimpleNamespace(virga=Path(folder) / "virga", repository=Path(folder))
            with self.assertRaisesRegex(BenchError, "tools/build release virga-load"):
                open_loop_program(bench)


class Comparison(unittest.TestCase):
    def test_below_the_limit_rates_are_compared(self):
        rounds = [{"peer": Throughput(50_000, 20, 1), "virga": Throughput(100_000, 10, 1)}] * 3
        outcome = _compare(Outcome(unit="requests/s"), rounds)
        self.assertEqual((outcome.ratio, outcome.virga, outcome.unit), (2.0, 100_000, "requests/s"))

    def test_above_the_limit_cpu_time_is_compared(self):
        rounds = [{"peer": Throughput(155_000, 6, 1), "virga": Throughput(156_000, 8, 1)}] * 3
        outcome = _compare(Outcome(unit="requests/s"), rounds)
        self.assertEqual((outcome.ratio, outcome.virga, outcome.unit), (0.75, 8, "CPU µs/request"))

    def test_one_side_alone_has_a_figure_and_no_ratio(self):
        outcome = _compare(Outcome(unit="requests/s"), [{"peer": Throughput(50_000, 20, 1)}])
        self.assertEqual((outcome.peer, outcome.virga, outcome.ratio), (50_000, None, None))

    def test_cpu_counts_new_processes_in_full_and_ended_ones_not(self):
        self.assertEqual(cpu_used({("a", 1): 5.0, ("gone", 1): 9.0}, {("a", 1): 6.0, ("new", 1): 2.0}), 3.0)


class Rates(unittest.TestCase):
    def driven(self, rate):
        return Driven(rate, 10.0, 1.0, 1000, 1.0, 2.0, 5.0)

    def test_of_each_round_make_the_ratio(self):
        rounds = [{"peer": self.driven(100), "virga": self.driven(rate)} for rate in (200, 300, 900)]
        outcome = compare_rates(Outcome(unit="messages/s"), rounds)
        self.assertEqual((outcome.peer, outcome.virga, outcome.ratio), (100, 300, 3.0))
        self.assertEqual(outcome.details["virga"]["p99_ms"], 2.0)

    def test_of_one_side_alone_have_no_ratio(self):
        outcome = compare_rates(Outcome(unit="messages/s"), [{"virga": self.driven(200)}])
        self.assertEqual((outcome.peer, outcome.virga, outcome.ratio), (None, 200, None))


class Clients(unittest.TestCase):
    """Against a program that prints what virga-clients would."""

    def run_with(self, found):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "bench/clients/virga-clients"
            program.parent.mkdir(parents=True)
            program.write_text(f"#!/bin/sh\ncat <<'E'\n{json.dumps(found)}\nE\n")
            program.chmod(0o755)
            bench = SimpleNamespace(virga=Path(folder) / "virga", repository=Path(folder), load_cores=os.sched_getaffinity(0))
            server = mock.Mock(cpu_seconds=mock.Mock(side_effect=[{("a", 1): 1.0}, {("a", 1): 3.0}]))
            return run_clients(bench, server, ["repeat", "http://127.0.0.1:1/"], NOBODY, connections=1, seconds=4)

    FOUND = {"requests": 30, "failed": 0, "broken": 0, "done": 10, "seconds": 4.0, "rate": 2.5, "statuses": {"200": 30},
             "latency_ms": {"p50": 1, "p99": 2}, "cpu_us_per_request": 3}

    def test_cost_is_counted_for_what_was_done(self):
        driven = self.run_with(self.FOUND)
        self.assertEqual((driven.done_per_second, driven.cpu_us, driven.server_busy), (2.5, 200_000, 0.5))

    def test_a_run_with_failures_has_no_rate(self):
        with self.assertRaisesRegex(BenchError, "1 of 30 answers"):
            self.run_with(self.FOUND | {"failed": 1})
        with self.assertRaisesRegex(BenchError, "answers"):
            self.run_with(self.FOUND | {"done": 0})

    def test_run_time_is_finer_than_ticks(self):
        begin = run_time(os.getpid())
        while run_time(os.getpid()) == begin:
            pass
        self.assertLess(run_time(os.getpid()) - begin, 1_000_000_000)
        self.assertEqual(run_time(0), 0)


class Archives(unittest.TestCase):
    def test_of_equal_files_are_equal(self):
        self.assertEqual(make_zip({"a": (b"x", EXECUTABLE)}), make_zip({"a": (b"x", EXECUTABLE)}))


class Processes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.cores = os.sched_getaffinity(0)

    def start(self, script):
        server = start_server("test", ["/bin/sh", "-c", script], cores=self.cores, log_path=self.folder / "log")
        self.addCleanup(server.stop)
        return server

    def wait_for_log(self, server, text):
        deadline = time.monotonic() + 10
        while text not in server.log_tail():
            self.assertLess(time.monotonic(), deadline, server.log_tail())
            time.sleep(0.005)

    def test_a_child_in_another_session_belongs_to_the_tree_and_ends_with_it(self):
        server = self.start("setsid sh -c 'trap \"\" TERM; echo up; while :; do read x; done' < /dev/zero & wait")
        self.wait_for_log(server, "up")
        tree = server.tree()
        self.assertGreater(len(tree), 1)
        self.assertTrue(any(stat.session != server.pid for stat in tree))
        self.assertGreater(server.stop(), 0)
        for stat in tree:
            now = read_stat(stat.pid)
            self.assertTrue(now is None or now.key != stat.key)

    def test_one_that_ends_on_request_needs_no_force(self):
        server = self.start("echo up; exec cat /dev/zero > /dev/null")
        self.wait_for_log(server, "up")
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.notes, [])

    def test_one_that_died_tells_its_last_words(self):
        server = self.start("echo broken; exit 3")
        server.process.wait()
        with self.assertRaisesRegex(BenchError, "ended with 3: broken"):
            server.require_alive()

    def test_the_tree_of_a_process_holds_the_process(self):
        self.assertIn(os.getpid(), [stat.pid for stat in process_tree(os.getpid())])

    def test_a_missing_command_is_a_reason(self):
        with self.assertRaisesRegex(BenchError, "not installed"):
            run_checked(["virga-no-such-program"], timeout=5, what="test")


class Command(unittest.TestCase):
    def run_bench(self, *arguments):
        return subprocess.run([sys.executable, HERE / "run.py", *arguments], capture_output=True, text=True, timeout=120)

    def test_row_names_are_unique(self):
        names = [row.name for row in ROWS]
        self.assertEqual(len(names), len(set(names)))

    def test_without_a_binary_the_row_says_so_and_the_command_succeeds(self):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "out/bench.json"
            done = self.run_bench("--rows", "idle_memory,ready", "--virga", "/nonexistent/virga", "--json", str(target))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("/nonexistent/virga is not built", done.stdout)
            self.assertTrue(target.exists())

    def test_an_unknown_row_is_refused(self):
        done = self.run_bench("--rows", "no_such_row")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no row is called 'no_such_row'", done.stderr)


if __name__ == "__main__":
    unittest.main()
