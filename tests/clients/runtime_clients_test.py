"""The official AWS Lambda runtime clients, each running its vendor's own hello example as a `provided` function."""

import io
import json
import os
import sys
import unittest
import zipfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "e2e")]

import build_clients  # noqa: E402
from virga import ROLE, Virga, decode_log, main  # noqa: E402


def zip_folder(folder):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return out.getvalue()


class RuntimeClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = Virga()
        cls.virga.start()
        cls.addClassCleanup(cls.virga.stop)
        cls.api = cls.virga.client("lambda", read_timeout=60)

    def hello(self, client, event, expected):
        folder, reason = build_clients.build(client)
        if folder is None:
            self.skipTest(reason)
        self.api.create_function(
            FunctionName=client,
            Runtime="provided.al2023",
            Handler="app.handler",
            Role=ROLE,
            Timeout=30,
            MemorySize=512,
            Code={"ZipFile": zip_folder(folder)},
        )
        for _ in range(3):
            answer = self.api.invoke(FunctionName=client, Payload=json.dumps(event), LogType="Tail")
            body = answer["Payload"].read().decode()
            self.assertIsNone(answer.get("FunctionError"), body + decode_log(answer["LogResult"]))
            self.assertIn(expected, body)

    def test_npm_aws_lambda_ric(self):
        self.hello("node", {"name": "Virga"}, "Hello")

    def test_pypi_awslambdaric(self):
        self.hello("python", {"name": "Virga"}, "Hello")

    def test_go_aws_lambda_go(self):
        self.hello("go", {"name": "Virga"}, "Hello")

    def test_cargo_lambda_runtime(self):
        self.hello("rust", {"firstName": "Virga"}, "Virga")


if __name__ == "__main__":
    main()
