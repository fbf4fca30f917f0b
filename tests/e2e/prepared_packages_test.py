"""What a deployment prepares, so that the first call need not: bytecode of Python packages and layers, code of large Node modules."""

import base64
import json
import os
import shutil
import tempfile
import time
import unittest
from pathlib import Path

from e2e.virga import PROGRAM, ROLE, SOURCE, Virga, main, skip, zip_of

APP = "import helper\ndef handler(event, context): return helper.VALUE\n"


def need_python():
    manifest = json.loads((SOURCE / "runtimes" / "python" / "runtime.json").read_text())
    if not any(os.access(path, os.X_OK) for path in manifest["interpreters"]):
        skip(f"no Python: none of {', '.join(manifest['interpreters'])}")


class PreparedPackages(unittest.TestCase):
    def start(self, *arguments, data=None):
        virga = Virga(*arguments, data=data)
        virga.__enter__()
        self.addCleanup(virga.__exit__, None, None, None)
        return virga

    def create(self, virga, name, files, **options):
        made = virga.client("lambda").create_function(
            FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Code={"ZipFile": zip_of(files)}, **options)
        return tree_of(virga, made["CodeSha256"])

    def call(self, virga, name):
        answer = virga.client("lambda").invoke(FunctionName=name)
        body = json.loads(answer["Payload"].read())
        self.assertIsNone(answer.get("FunctionError"), body)
        return body

    def test_runs_the_bytecode_that_the_deployment_made(self):
        virga = self.start()
        tree = self.create(virga, "bytecode", {"app.py": APP, "helper.py": "VALUE = 'compiled at the deployment'\n"})
        # Only who reads the source would notice.
        (tree / "helper.py").write_text("VALUE = 'compiled at the call'\n")
        self.assertEqual(self.call(virga, "bytecode"), "compiled at the deployment")

    def test_runs_the_bytecode_of_layers(self):
        virga = self.start()
        layers = []
        for name in ("first", "second"):
            made = virga.client("lambda").publish_layer_version(
                LayerName=name, Content={"ZipFile": zip_of({f"python/{name}.py": f"VALUE = 'compiled {name}'\n"})})
            layers.append(made)
        app = "import first, second\ndef handler(event, context): return [first.VALUE, second.VALUE]\n"
        self.create(virga, "layered", {"app.py": app}, Layers=[layer["LayerVersionArn"] for layer in layers])
        for layer, name in zip(layers, ("first", "second")):
            (tree_of(virga, layer["Content"]["CodeSha256"]) / "python" / f"{name}.py").write_text("VALUE = 'compiled at the call'\n")
        self.assertEqual(self.call(virga, "layered"), ["compiled first", "compiled second"])

    def test_loads_what_was_made_of_a_large_node_module(self):
        if not Path("/usr/bin/node").exists() and not Path("/usr/local/bin/node").exists():
            self.skipTest("no Node.js")
        virga = self.start()
        filler = "".join(f"exports.f{number} = function (a) {{ return a + {number}; }};\n" for number in range(2000))
        handler = ("const large = require('./large.js'); const small = require('./small.js'); const dynamic = require('./dynamic.js');\n"
                   "exports.handler = async () => [large.word, small.word, large.isMain, large.loaded, await large.dynamic(), typeof dynamic.f1];\n")
        large = (filler + "exports.word = 'at the deployment'; exports.isMain = require.main === module;\n"
                 "exports.loaded = Object.keys(require.cache).includes(__filename) && module.id === __filename;\n"
                 "exports.dynamic = require('./dynamic.js').imported;\n")
        dynamic = filler + "exports.imported = async () => (await import('./es.mjs')).word;\n"
        made = virga.client("lambda").create_function(
            FunctionName="large", Runtime="nodejs20.x", Handler="index.handler", Role=ROLE, Code={"ZipFile": zip_of({
                "index.js": handler, "large.js": large, "dynamic.js": dynamic, "small.js": "exports.word = 'at the deployment';\n",
                "es.mjs": "export const word = 'imported';\n"})})
        tree = tree_of(virga, made["CodeSha256"])
        self.assertEqual([path.name for path in (tree / ".virga").rglob("*.code")], ["large.js.code"])
        # V8 looks at the size of a source only, so a word of the same size shows what runs.
        for name in ("large.js", "small.js"):
            (tree / name).write_text((tree / name).read_text().replace("at the deployment", "at the first call"))
        self.assertEqual(self.call(virga, "large"), ["at the deployment", "at the first call", False, True, "imported", "function"])

    def test_prepares_new_code_and_a_new_runtime(self):
        virga = self.start()
        self.create(virga, "changing", {"app.py": APP, "helper.py": "VALUE = 1\n"})
        updated = virga.client("lambda").update_function_code(
            FunctionName="changing", ZipFile=zip_of({"app.py": APP, "helper.py": "VALUE = 2\n"}))
        self.assertEqual(len(prepared(tree_of(virga, updated["CodeSha256"]))), 2)
        made = virga.client("lambda").create_function(
            FunctionName="moving", Runtime="nodejs20.x", Handler="index.handler", Role=ROLE,
            Code={"ZipFile": zip_of({"index.js": "exports.handler = async () => 1", "app.py": "def handler(e, c): return 1\n"})})
        tree = tree_of(virga, made["CodeSha256"])
        self.assertFalse((tree / ".virga").exists(), "nothing in it is large enough for Node")
        virga.client("lambda").update_function_configuration(FunctionName="moving", Runtime="python3.11", Handler="app.handler")
        self.assertEqual(len(list((tree / ".virga").glob("python-*"))), 1)

    def test_runs_nothing_of_the_package_at_the_deployment(self):
        virga = self.start()
        # Names that a careless compiler would import from the package.
        traps = {name: "raise SystemExit('imported at the deployment')\n"
                 for name in ("sitecustomize.py", "usercustomize.py", "py_compile.py", "os.py", "importlib/__init__.py")}
        tree = self.create(virga, "traps", {**traps, "app.py": "def handler(event, context): return 1\n"})
        self.assertTrue(any("/app." in path for path in prepared(tree)), prepared(tree))
        self.assertNotIn("not prepared", virga.log_text())

    def test_deploys_what_cannot_be_prepared(self):
        virga = self.start()
        self.create(virga, "broken", {"app.py": "def handler(event, context): return 1\n", "template.py": "def {{ name }}: ("})
        self.assertEqual(self.call(virga, "broken"), 1)
        self.create(virga, "in_the_way", {"app.py": "def handler(event, context): return 2\n", ".virga": "a file"})
        self.assertEqual(self.call(virga, "in_the_way"), 2)
        self.assertEqual(virga.log_text().count("package not prepared"), 1)

    def test_prepares_again_for_another_interpreter(self):
        with tempfile.TemporaryDirectory() as folder:
            data, runtimes = Path(folder) / "data", Path(folder) / "runtimes"
            data.mkdir()
            shutil.copytree(SOURCE / "runtimes", runtimes)
            virga = self.start("--runtimes", str(runtimes), data=data)
            tree = self.create(virga, "renewed", {"app.py": "def handler(event, context): return 1\n"})
            before = [path.name for path in (tree / ".virga").iterdir()]
            virga.stop()
            os.utime(runtimes / "python" / "runtime.json", (0, 0))
            virga = self.start("--runtimes", str(runtimes), data=data)
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and (names(tree) == before or len(names(tree)) != 1):
                time.sleep(0.01)
            self.assertEqual(len(names(tree)), 1)
            self.assertNotEqual(names(tree), before)
            self.assertEqual(self.call(virga, "renewed"), 1)


def tree_of(virga, code_sha256):
    return virga.data / "packages" / base64.b64decode(code_sha256).hex()


def names(tree):
    return [path.name for path in (tree / ".virga").iterdir()]


def prepared(tree):
    return [str(path) for path in (tree / ".virga").rglob("*.pyc")]


if __name__ == "__main__":
    if PROGRAM.exists():
        need_python()
    main()
