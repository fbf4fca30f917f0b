"""The Java bootstrap against the frames contract, without a sandbox. What AWS's client does is in tests/e2e/java_test.py."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

from frames import END, ERROR, INIT_ERROR, READY, RESULT, RUNTIMES, Process, frame, interpreter, manifest

REHEARSE, BOOTED = 4, 21

JAVA = RUNTIMES / "java"
HANDLERS = """
package example;
import com.amazonaws.services.lambda.runtime.Context;
import java.util.Map;
public class Handlers {
  public Map<String, Object> echo(Map<String, Object> event, Context context) {
    System.out.println("line of " + event.get("n"));
    System.out.print("rest");
    return Map.of("event", event, "id", context.getAwsRequestId(), "arn", context.getInvokedFunctionArn(),
        "wind", System.getenv().getOrDefault("WIND", "none"), "trace", System.getProperty("com.amazonaws.xray.traceHeader", ""));
  }
  public String fail(Map<String, Object> event, Context context) {
    context.getLogger().log("before");
    throw new IllegalStateException("becalmed");
  }
  public byte[] full(Map<String, Object> event) {
    byte[][] all = new byte[1 << 20][];
    for (int i = 0;; i++) all[i] = new byte[1 << 20];
  }
  public static class Broken implements com.amazonaws.services.lambda.runtime.RequestHandler<String, String> {
    private static final int NUMBER = Integer.parseInt("broken");
    @Override public String handleRequest(String event, Context context) { return event + NUMBER; }
  }
  public String large(Map<String, Object> event) {
    return "x".repeat(7 << 20);
  }
  public String child(Map<String, Object> event) throws Exception {
    return new String(new ProcessBuilder("/bin/sh", "-c", "echo $WIND; pwd; ls /proc/self/fd").start().getInputStream().readAllBytes());
  }
}
"""


def reason_to_skip():
    if not interpreter("java"):
        return "no Java at the places that runtimes/java/runtime.json names"
    if not shutil.which("javac"):
        return "no javac (Debian: apt-get install openjdk-17-jdk-headless)"
    if not (JAVA / "lib" / "bootstrap.jar").exists():
        return "runtimes/java/lib is not made: runtimes/java/prepare says why"
    return None


@unittest.skipIf(reason_to_skip(), reason_to_skip())
class JavaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        source = cls.root / "Handlers.java"
        source.write_text(HANDLERS)
        core = next((JAVA / "lib").glob("aws-lambda-java-core-*.jar"))
        (cls.root / "task").mkdir()
        subprocess.run(["javac", "-cp", core, "-d", cls.root / "task", source], check=True)
        # The options name files in the sandbox; here they lie elsewhere.
        options = cls.root / "options"
        options.write_text((JAVA / "options").read_text().replace("/var/runtime", str(JAVA)))
        cls.arguments = []
        for argument in manifest("java")["arguments"]:
            if "${prepared}" in argument:
                continue
            for place, value in {"${interpreter}": interpreter("java"), "${memory_mb}": "256", "@/var/runtime/options": f"@{options}",
                                 "/var/task": str(cls.root / "task")}.items():
                argument = argument.replace(place, value)
            cls.arguments.append(argument)

    def start(self):
        process = Process(self.arguments, {"LC_ALL": "C.UTF-8"})
        process.__enter__()
        self.addCleanup(process.__exit__, None, None, None)
        return process

    def ready(self, method, **bind):
        process = self.start()
        bound = process.bind(self.root / "task", f"example.Handlers::{method}", **bind)
        self.assertEqual(bound.type, READY, bound)
        return process

    def test_takes_its_environment_from_bind_after_a_rehearsal(self):
        process = self.start()
        process.send(frame(REHEARSE))
        self.assertEqual(process.next_frame(), (BOOTED, 0, b""))
        bound = process.bind(self.root / "task", "example.Handlers::echo", environment={"WIND": "Böe\n", "_HANDLER": "h"})
        self.assertEqual(bound.type, READY, bound)
        answer = process.invoke({"n": 1}, trace="Root=1-2-3", arn="arn:x")
        self.assertEqual(answer.type, RESULT, answer)
        said = answer.json
        self.assertEqual((said["wind"], said["trace"], said["arn"]), ("Böe\n", "Root=1-2-3", "arn:x"))
        self.assertEqual(answer.logs, ["line of 1", "rest"])

    def test_gives_its_environment_and_folder_to_what_it_starts(self):
        process = self.ready("child", environment={"WIND": "gust"})
        wind, folder, *descriptors = process.invoke({}).json.split()
        self.assertEqual((wind, folder), ("gust", str(self.root / "task")))
        self.assertEqual(set(descriptors) - {"0", "1", "2", "3"}, set())  # 3: the folder that ls reads

    def test_runs_what_lies_in_its_socket_one_after_the_other(self):
        process = self.ready("echo")
        numbers = [process.start({"n": n}) for n in range(20)]
        for n, number in enumerate(numbers):
            answer = process.next_answer()
            self.assertEqual((answer.type, answer.number, answer.json["event"]), (RESULT, number, {"n": n}))
            self.assertEqual(answer.logs, [f"line of {n}", "rest"])

    def test_logs_an_error_before_it_answers(self):
        process = self.ready("fail")
        for _ in range(2):
            number = process.start({})
            process.start({})  # its answer leaves when the loop goes on
            answer = process.next_answer()
            self.assertEqual((answer.type, answer.number), (ERROR, number))
            self.assertEqual((answer.json["errorType"], answer.json["errorMessage"]), ("java.lang.IllegalStateException", "becalmed"))
            self.assertEqual(answer.logs[0], "before")
            self.assertTrue(answer.logs[1].startswith("becalmed: java.lang.IllegalStateException\n"), answer.logs)
            process.next_answer()

    def test_says_that_an_error_was_the_last(self):
        process = self.ready("full")
        answer = process.invoke({})
        self.assertEqual((answer.type, answer.json["errorType"]), (ERROR, "java.lang.OutOfMemoryError"))
        self.assertTrue(process.said_last)
        self.assertEqual(process.wait(), 1)

    def test_refuses_an_answer_that_is_too_large(self):
        process = self.ready("large")
        self.assertEqual(process.invoke({}).json["errorType"], "Function.ResponseSizeTooLarge")

    def test_reports_what_it_cannot_load(self):
        process = self.start()
        bound = process.bind(self.root / "task", "example.Handlers$Broken")
        self.assertEqual((bound.type, bound.json["errorType"]), (INIT_ERROR, "java.lang.ExceptionInInitializerError"), bound)
        self.assertEqual(process.wait(), 1)

    def test_reports_what_it_cannot_find_when_it_is_called(self):
        table = [("example.Nothing::echo", "Class not found: example.Nothing"), ("example.Handlers::nothing", "No public method named nothing")]
        for handler, message in table:
            with self.subTest(handler=handler):
                process = self.start()
                self.assertEqual(process.bind(self.root / "task", handler).type, READY)
                answer = process.invoke({})
                self.assertEqual(answer.type, ERROR)
                self.assertIn(message, answer.json["errorMessage"])

    def test_ends_when_told_to(self):
        process = self.ready("echo")
        process.invoke({"n": 1})
        process.send(frame(END))
        self.assertEqual(process.wait(), 0)


if __name__ == "__main__":
    unittest.main()
