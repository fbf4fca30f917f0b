"""The AWS SDK for JavaScript v3, unmodified (aws_sdk_js/)."""

import base64
import shutil
import subprocess
import unittest
from pathlib import Path

from e2e.virga import SOURCE, Virga, main, skip, zip_of

MODULES = SOURCE / "build" / "npm" / "node_modules"
SCRIPTS = Path(__file__).parent / "aws_sdk_js"
ECHO = {"index.js": "exports.handler = async (event) => event"}
TAKES = "exports.handler = async () => ({ batchItemFailures: [] })"


class SdkForJavaScript(unittest.TestCase):
    def run_script(self, name, *arguments, virga=None):
        if virga is None:
            with Virga() as started:
                return self.run_script(name, *arguments, virga=started)
        environment = {**virga.client_environment(), "NODE_PATH": str(MODULES)}
        done = subprocess.run(["node", SCRIPTS / name, *arguments], env=environment, text=True, capture_output=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def run_with_queue(self, name, *arguments, prepare=None):
        with Virga() as virga:
            url = virga.client("sqs").create_queue(QueueName="q")["QueueUrl"]
            if prepare:
                prepare(virga)
            self.run_script(name, url, "arn:aws:sqs:us-east-1:000000000000:q", *arguments, virga=virga)

    def test_lambda(self):
        self.run_script("lambda.cjs", base64.b64encode(zip_of(ECHO)).decode())

    def test_sqs(self):
        self.run_script("sqs.cjs")

    def test_s3(self):
        self.run_script("s3.cjs")

    def test_eventbridge(self):
        self.run_with_queue("eventbridge.cjs")

    def test_scheduler(self):
        self.run_with_queue("scheduler.cjs")

    def test_sns(self):
        self.run_with_queue("sns.cjs")

    def test_event_source_mappings(self):
        self.run_with_queue("mappings.cjs", "take", prepare=lambda virga: virga.create_node("take", TAKES))


if __name__ == "__main__":
    if not shutil.which("node"):
        skip("there is no node")
    if not (MODULES / "@aws-sdk" / "client-lambda").exists():
        skip("the JavaScript test clients are not installed (tools/test-clients)")
    main()
