"""Servers that speak what Virga's services speak. They are installed once, into build/bench-tools/.

None of them syncs before it acknowledges: elasticmq and moto keep messages in memory, s3rver writes files and leaves them to the
kernel. A ratio against them sets a durable service beside one that is not.
"""

import contextlib
import json
import shutil
import sys
from dataclasses import dataclass

from harness.bench import require_tool
from harness.clients import Credentials
from harness.errors import BenchError
from harness.http import free_port, request, wait_until_ready
from harness.peers import nginx_of_folder
from harness.processes import Server, run_checked, start_server

INSTALL_SECONDS = 300
START_SECONDS = 60
MOTO = "moto[server]==5.2.1"
S3RVER = "s3rver@3.7.1"


@dataclass
class Service:
    name: str
    server: Server
    port: int
    credentials: Credentials
    queue: str = ""  # URL

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"


@contextlib.contextmanager
def _serving(bench, name, command, port, ready_path, credentials):
    server = start_server(name, command, cores=bench.server_cores, log_path=bench.temporary("logs") / f"{name}.log")
    try:
        wait_until_ready(server, port, ready_path, START_SECONDS)
        yield Service(name, server, port, credentials)
    finally:
        server.stop()


def _make_queue(service):
    """Without a signature: both take any."""
    headers = {
        "x-amz-target": "AmazonSQS.CreateQueue",
        "content-type": "application/x-amz-json-1.0",
        "authorization": "AWS4-HMAC-SHA256 Credential=bench/20250101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
    }
    answer = request("127.0.0.1", service.port, "POST", "/", json.dumps({"QueueName": "bench"}).encode(), headers)
    if answer.status != 200:
        raise BenchError(f"{service.name} makes no queue: {answer.status} {answer.body[:200]!r}")
    service.queue = json.loads(answer.body)["QueueUrl"]


@contextlib.contextmanager
def elasticmq(bench):
    folder = bench.cache / "elasticmq"
    if not folder.is_dir():
        partial = bench.cache / "elasticmq.partial"
        shutil.rmtree(partial, ignore_errors=True)
        command = [require_tool("mvn", "maven"), "-q", "-f", bench.source / "peers/elasticmq.xml", "dependency:copy-dependencies"]
        run_checked([*command, f"-DoutputDirectory={partial}"], timeout=INSTALL_SECONDS, what="fetching elasticmq")
        partial.rename(folder)
    port = free_port()
    config = bench.temporary("elasticmq") / f"{port}.conf"
    config.write_text((bench.source / "peers/elasticmq.conf").read_text().replace("@PORT@", str(port)))
    java = require_tool("java", "openjdk-17-jre-headless")
    command = [java, f"-Dconfig.file={config}", "-cp", f"{folder}/*", "org.elasticmq.server.Main"]
    with _serving(bench, "elasticmq", command, port, "/health", Credentials("")) as service:
        _make_queue(service)
        yield service


@contextlib.contextmanager
def moto(bench):
    folder = bench.cache / "moto"
    python = folder / "bin/python"
    if not (folder / "bin/moto_server").exists():
        run_checked([sys.executable, "-m", "venv", folder], timeout=INSTALL_SECONDS, what="making a folder for moto")
        run_checked([python, "-m", "pip", "install", "-q", MOTO], timeout=INSTALL_SECONDS, what="pip install moto")
    port = free_port()
    command = [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
    with _serving(bench, "moto", command, port, "/moto-api/", Credentials("sqs", "bench", "bench")) as service:
        _make_queue(service)
        yield service


@contextlib.contextmanager
def s3rver(bench):
    """With a bucket of the name `bench`."""
    folder = bench.cache / "s3rver"
    program = folder / "node_modules/.bin/s3rver"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [require_tool("npm"), "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent", "--prefix", folder, S3RVER]
        run_checked(command, timeout=INSTALL_SECONDS, what="npm install s3rver")
    port = free_port()
    data = bench.temporary(f"s3rver-{port}")
    command = [require_tool("node", "nodejs"), program, "-d", data, "-a", "127.0.0.1", "-p", port, "--silent", "--configure-bucket", "bench"]
    with _serving(bench, "s3rver", command, port, "/", Credentials("s3", "S3RVER", "S3RVER")) as service:
        yield service


@contextlib.contextmanager
def nginx_file(bench, content):
    """One file, at /bench/object."""
    folder = bench.temporary("nginx-files")
    (folder / "bench").mkdir(exist_ok=True)
    (folder / "bench/object").write_bytes(content)
    (folder / "index.html").write_text("ready")
    with nginx_of_folder(bench, folder) as target:
        yield Service("nginx", target.server, target.port, Credentials(""))
