"""The AWS SDK for JavaScript v3, unmodified (aws_sdk_js/lambda.cjs)."""

import base64
import shutil
import subprocess
import unittest
from pathlib import Path

from e2e.virga import SOURCE, Virga, main, skip, zip_of

MODULES = SOURCE / "build" / "npm" / "node_modules"
SCRIPT = Path(__file__).parent / "aws_sdk_js" / "lambda.cjs"
ECHO = {"index.js": "exports.handler = async (event) => event"}


class SdkForJavaScript(unittest.TestCase):
    def test_the_whole_script(self):
        with Virga() as virga:
            environment = {**virga.client_environment(), "NODE_PATH": str(MODULES)}
            code = base64.b64encode(zip_of(ECHO)).decode()
            done = subprocess.run(["node", SCRIPT, code], env=environment, text=True, capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    if not shutil.which("node"):
        skip("there is no node")
    if not (MODULES / "@aws-sdk" / "client-lambda").exists():
        skip("the JavaScript test clients are not installed (tools/test-clients)")
    main()
