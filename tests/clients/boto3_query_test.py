"""An old boto3, unmodified, in an environment of its own (boto3_query/sqs.py)."""

import subprocess
import unittest
from pathlib import Path

from e2e.virga import SOURCE, Virga, main, skip

PYTHON = SOURCE / "build" / "venv-query" / "bin" / "python3"
SCRIPT = Path(__file__).parent / "boto3_query" / "sqs.py"


class OldBoto3(unittest.TestCase):
    def test_the_whole_script(self):
        with Virga() as virga:
            done = subprocess.run([PYTHON, SCRIPT], env=virga.client_environment(), text=True, capture_output=True,
                                  timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    if not PYTHON.exists():
        skip("the old boto3 is not installed (tools/test-clients)")
    main()
