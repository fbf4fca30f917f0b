"""The AWS command line, unmodified: a function from upload to removal."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from e2e.virga import ROLE, Virga, main, request, zip_of

AWS = Path(sys.executable).parent / "aws"
SOURCE = {"index.js": "exports.handler = async (event) => ({ statusCode: 200, body: `hi ${event.name ?? 'you'}` })"}


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = cls.enterClassContext(Virga())
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

    def run_aws(self, *arguments):
        return subprocess.run([AWS, *arguments], env=self.virga.client_environment(), cwd=self.folder, text=True,
                              capture_output=True, timeout=60, check=False)

    def aws(self, *arguments):
        done = self.run_aws(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def test_errors_are_told(self):
        done = self.run_aws("lambda", "get-function", "--function-name", "nope")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("ResourceNotFoundException", done.stderr)
        self.assertIn("Function not found: arn:aws:lambda:us-east-1:000000000000:function:nope", done.stderr)

    def test_a_function_from_upload_to_removal(self):
        self.assertEqual(self.aws("sts", "get-caller-identity")["Account"], "000000000000")
        (self.folder / "code.zip").write_bytes(zip_of(SOURCE))
        made = self.aws("lambda", "create-function", "--function-name", "hi", "--runtime", "nodejs20.x", "--handler",
                        "index.handler", "--role", ROLE, "--zip-file", "fileb://code.zip")
        self.assertEqual(made["State"], "Active")
        self.aws("lambda", "wait", "function-active-v2", "--function-name", "hi")
        called = self.aws("lambda", "invoke", "--function-name", "hi", "--payload", '{"name":"cli"}', "out.json")
        self.assertEqual(called["StatusCode"], 200)
        self.assertEqual(json.loads((self.folder / "out.json").read_text())["body"], "hi cli")
        url = self.aws("lambda", "create-function-url-config", "--function-name", "hi", "--auth-type", "NONE")["FunctionUrl"]
        self.assertEqual(request(url).text, "hi you")
        self.aws("lambda", "update-function-configuration", "--function-name", "hi", "--timeout", "7")
        self.aws("lambda", "wait", "function-updated-v2", "--function-name", "hi")
        self.assertEqual(self.aws("lambda", "publish-version", "--function-name", "hi")["Version"], "1")
        names = [function["FunctionName"] for function in self.aws("lambda", "list-functions")["Functions"]]
        self.assertEqual(names, ["hi"])
        self.aws("lambda", "delete-function", "--function-name", "hi")
        self.assertEqual(self.aws("lambda", "list-functions")["Functions"], [])


if __name__ == "__main__":
    main()
