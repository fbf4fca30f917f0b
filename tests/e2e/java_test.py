"""Java functions: the forms of a handler, jars and layers, errors, what a deployment prepares, and first calls by a stem."""

import base64
import functools
import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from e2e.virga import PROGRAM, ROLE, SOURCE, Virga, decode_log, main, metric, skip, wait_until, zip_of

STEM_SECONDS = 60  # until one has booted: it yields to everything else that runs here
LIBRARIES = SOURCE / "runtimes" / "java" / "lib"
# What no stem can take: the process must have it when it starts.
COLD = {"Variables": {"JAVA_TOOL_OPTIONS": "-Dcold=yes"}}
SOURCES = Path(__file__).resolve().parent / "java"


def need_java():
    manifest = json.loads((SOURCE / "runtimes" / "java" / "runtime.json").read_text())
    if not any(Path(path).exists() for path in manifest["interpreters"]):
        skip(f"no Java: none of {', '.join(manifest['interpreters'])} (Debian: apt-get install {manifest['package']})")
    if not shutil.which("javac"):
        skip("no javac to compile the functions with (Debian: apt-get install openjdk-17-jdk-headless)")
    if not (LIBRARIES / "bootstrap.jar").exists():
        skip(f"{LIBRARIES} is not made: runtimes/java/prepare says why")


def compile_sources(folder):
    """{"example/Greeter.class": bytes, ...}"""
    core = next(LIBRARIES.glob("aws-lambda-java-core-*.jar"))
    files = sorted(map(str, SOURCES.rglob("*.java")))
    subprocess.run(["javac", "--release", "11", "-cp", str(core), "-d", folder, *files], check=True)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*.class"))}


@functools.cache
def compiled():
    """The classes of the package example by file name, and a jar of the others."""
    with tempfile.TemporaryDirectory() as folder:
        classes = compile_sources(folder)
    code = {name: content for name, content in classes.items() if name.startswith("example/")}
    return code, zip_of({name: content for name, content in classes.items() if name.startswith("helper/")})


class JavaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.code, cls.jar = compiled()
        cls.virga = Virga()
        cls.virga.start()
        cls.addClassCleanup(cls.virga.stop)
        cls.api = cls.virga.client("lambda")

    def create(self, name, handler, files=None, memory=512, **options):
        self.api.create_function(
            FunctionName=name, Runtime="java17", Handler=handler, Role=ROLE, Timeout=20, MemorySize=memory,
            Code={"ZipFile": zip_of({**self.code, **(files or {})})}, **options)

    def call(self, name, event):
        """(answer, kind of error or None, log)"""
        answer = self.api.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        return json.loads(answer["Payload"].read()), answer.get("FunctionError"), decode_log(answer["LogResult"])

    def hello(self, name, event):
        answer, error, log = self.call(name, event)
        self.assertIsNone(error, f"{answer}\n{log}")
        return answer

    # ---- what works

    def test_runs_a_request_handler(self):
        self.create("greeter", "example.Greeter", Environment={"Variables": {"GREETING": "Grüß dich"}})
        answer, error, log = self.call("greeter", {"name": "Zoë"})
        self.assertEqual((answer, error), ("Grüß dich, Zoë! call 1", None), log)
        self.assertIn("greeting Zoë\n", log)
        self.assertIn("printed by greeter\n", log)
        self.assertIn("Init Duration:", log)
        self.assertEqual(self.hello("greeter", {"name": "Ada"}), "Grüß dich, Ada! call 2")

    def test_runs_a_stream_handler(self):
        self.create("streams", "example.Streams::handleRequest")
        self.assertEqual(self.hello("streams", {"a": 1}), {"size": len(json.dumps({"a": 1})), "event": {"a": 1}})

    def test_runs_a_method_of_a_plain_class(self):
        self.create("older", "example.Plain::older")
        self.assertEqual(self.hello("older", {"name": "Ada", "age": 36}), {"name": "Ada", "age": 37})

    def test_knows_where_it_is(self):
        options = {"Variables": {"JAVA_TOOL_OPTIONS": "-Doption=given -Xss2m"}}
        self.create("where", "example.Plain::where", memory=768, Environment=options)
        answer = self.hello("where", {})
        self.assertEqual(answer["folder"], "/var/task/x")
        self.assertEqual(answer["memory"], 768)
        self.assertTrue(0.6 * 768 < answer["heap"] < 0.8 * 768, answer["heap"])
        self.assertTrue(0 < answer["remaining"] <= 20_000, answer["remaining"])
        self.assertTrue(answer["arn"].endswith(":function:where"), answer["arn"])
        self.assertEqual((answer["encoding"], answer["execution"], answer["option"]), ("UTF-8", "AWS_Lambda_java17", "given"))

    def test_lets_the_functions_options_win(self):
        options = {"Variables": {"JAVA_TOOL_OPTIONS": "-XX:MaxRAMPercentage=20 -XX:TieredStopAtLevel=4"}}
        self.create("options", "example.Plain::where", Environment=options)
        self.assertLess(self.hello("options", {})["heap"], 0.3 * 512)

    def test_finds_jars_of_the_package_and_of_layers(self):
        self.create("in_package", "example.Plain::shout", {"lib/helper.jar": self.jar})
        self.assertEqual(self.hello("in_package", "a breeze"), "A BREEZE!")
        layer = self.api.publish_layer_version(LayerName="helper", Content={"ZipFile": zip_of({"java/lib/helper.jar": self.jar})})
        self.create("in_layer", "example.Plain::shout", Layers=[layer["LayerVersionArn"]])
        self.assertEqual(self.hello("in_layer", "a gust"), "A GUST!")

    # ---- errors, as AWS's client reports them

    def test_reports_what_a_handler_throws(self):
        self.create("thrown", "example.Faults::thrown")
        answer, error, log = self.call("thrown", {})
        self.assertEqual(error, "Unhandled")
        self.assertEqual((answer["errorType"], answer["errorMessage"]), ("java.lang.IllegalArgumentException", "no such wind"))
        self.assertTrue(answer["stackTrace"][0].startswith("example.Faults.thrown(Faults.java:"), answer)
        self.assertNotIn("virga", json.dumps(answer))
        self.assertIn("no such wind: java.lang.IllegalArgumentException\n", log)
        answer, _, _ = self.call("thrown", {})  # in the same process
        self.assertEqual(answer["errorType"], "java.lang.IllegalArgumentException")

        self.create("caused", "example.Faults::caused")
        answer, _, _ = self.call("caused", {})
        self.assertEqual(answer["errorType"], "java.lang.IllegalStateException")

    def test_reports_what_cannot_be_loaded(self):
        table = [
            # handler, errorType, part of errorMessage
            ("example.Nothing", "java.lang.ClassNotFoundException", "Class not found: example.Nothing"),
            ("example.Plain::nothing", None, "No public method named nothing with appropriate method signature found on class example.Plain"),
            ("example.Plain::shout", "java.lang.NoClassDefFoundError", "helper/Shout"),
            ("example.Faults$Broken::number", "java.lang.ExceptionInInitializerError", "Error loading class example.Faults$Broken"),
        ]
        for number, (handler, error_type, message) in enumerate(table):
            with self.subTest(handler=handler):
                name = f"refused{number}"
                self.create(name, handler)
                answer, error, log = self.call(name, "text" if handler.endswith("shout") else {})
                self.assertEqual((error, answer.get("errorType")), ("Unhandled", error_type), f"{answer}\n{log}")
                self.assertIn(message, answer["errorMessage"])

    def test_reports_memory_that_is_used_up(self):
        self.create("memory", "example.Faults::memory", memory=256)
        answer, error, log = self.call("memory", {})
        self.assertEqual((error, answer["errorType"]), ("Unhandled", "java.lang.OutOfMemoryError"), log)
        self.assertIn("Java heap space", answer["errorMessage"])

    def test_reports_an_exit_and_a_deep_recursion(self):
        self.create("exit", "example.Faults::exit")
        answer, error, _ = self.call("exit", {})
        self.assertEqual((error, answer["errorType"]), ("Unhandled", "Runtime.ExitError"))
        self.assertIn("exit status 3", answer["errorMessage"])
        self.create("depth", "example.Faults::depth")
        answer, error, _ = self.call("depth", {})
        self.assertEqual((error, answer["errorType"]), ("Unhandled", "java.lang.StackOverflowError"))

    # ---- the class archive

    def test_prepares_an_archive_with_the_functions_classes(self):
        self.create("archived", "example.Plain::shout", {"lib/helper.jar": self.jar},
                    Environment={"Variables": {"JAVA_TOOL_OPTIONS": "-Xlog:class+load:stdout"}})
        answer, error, log = self.call("archived", "a calm")
        self.assertEqual((answer, error), ("A CALM!", None))
        lines = self.log_of("archived")
        for name in ("example.Plain", "helper.Shout", "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"):
            self.assertTrue(any(f"{name} source: shared objects file (top)" in line for line in lines), name)

    def test_starts_without_an_archive_that_does_not_fit(self):
        self.create("damaged", "example.Streams", {"damaged": ""}, Environment=COLD)
        archives = self.archives_of("damaged")
        self.assertTrue(archives)
        for archive in archives:
            archive.write_bytes(bytes(4096) + archive.read_bytes()[4096:])
        self.assertEqual(self.hello("damaged", {"a": 1})["event"], {"a": 1})

    def archives_of(self, name):
        package = base64.b64decode(self.api.get_function(FunctionName=name)["Configuration"]["CodeSha256"]).hex()
        return list((self.virga.data / "packages" / package / ".virga").glob("java-*/classes.jsa"))

    def log_of(self, name):
        ran = subprocess.run([PROGRAM, "logs", name, "--endpoint", self.virga.url, "--json"], env=self.virga.client_environment(),
                             capture_output=True, text=True, timeout=20)
        return ran.stdout.splitlines()


class JavaStemTest(unittest.TestCase):
    """A daemon each: then the stem that waits is the one of the function at hand."""

    def setUp(self):
        self.virga = Virga()
        self.virga.start()
        self.addCleanup(self.virga.stop)
        self.api = self.virga.client("lambda")

    def create(self, name, variables, runtime="java17"):
        code, _ = compiled()
        self.api.create_function(
            FunctionName=name, Runtime=runtime, Handler="example.Facts", Role=ROLE, Timeout=20, MemorySize=640,
            Environment={"Variables": variables}, Code={"ZipFile": zip_of({**code, "salt": name})})

    def wait_for_stem(self):
        wait_until(lambda: metric(self.virga, "virga_stems_booted") >= 1, STEM_SECONDS, "a booted stem")

    def call(self, name):
        """(answer, what it was started from)"""
        answer = self.api.invoke(FunctionName=name, Payload=b"{}")
        value = json.loads(answer["Payload"].read())
        self.assertNotIn("FunctionError", answer, value)
        return value, answer["ResponseMetadata"]["HTTPHeaders"].get("x-virga-start")

    def test_a_function_is_the_same_through_a_stem(self):
        for runtime in ("java17", "java21"):
            with self.subTest(runtime=runtime):
                self.create(f"by_stem_{runtime}", {"GREETING": "Grüß dich"}, runtime)
                self.wait_for_stem()
                first, start = self.call(f"by_stem_{runtime}")
                self.assertEqual(start, "stem")
                self.create(f"by_itself_{runtime}", {"GREETING": "Grüß dich", **COLD["Variables"]}, runtime)
                second, start = self.call(f"by_itself_{runtime}")
                self.assertEqual(start, "cold; JAVA_TOOL_OPTIONS is set")
                self.assertEqual((first["calls"], first["greeting"], first["folder"]), (1, "Grüß dich", "/var/task/x"))
                self.assertTrue(0.6 * 640 < first["heap"] / (1 << 20) < 0.8 * 640, first["heap"])
                self.assertEqual(first["writes"][-1], "allowed")
                # The variable that made the other one cold is all that tells them apart.
                second["variables"].remove("JAVA_TOOL_OPTIONS")
                del second["properties"]["cold"]
                for fact in first:
                    self.assertEqual(first[fact], second[fact], fact)
                again, start = self.call(f"by_stem_{runtime}")
                self.assertEqual((again["calls"], start), (2, None))  # once bound it stays, and is warm

    def test_a_stem_serves_one_function_and_no_other(self):
        for number in range(3):
            self.create(f"one_of_{number}", {f"OF_{number}": "x", "GREETING": f"of {number}"})
        for number in range(3):
            self.wait_for_stem()
            facts, start = self.call(f"one_of_{number}")
            self.assertEqual((start, facts["calls"], facts["greeting"]), ("stem", 1, f"of {number}"))
            self.assertEqual([name for name in facts["variables"] if name.startswith("OF_")], [f"OF_{number}"])
            self.assertEqual(len(facts["processes"]), 1)


if __name__ == "__main__":
    if PROGRAM.exists():
        need_java()
    main()
