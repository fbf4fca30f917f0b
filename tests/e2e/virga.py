"""Starts the program under test in a folder of its own and ends it again.

    with Virga() as virga:
        virga.client("lambda").list_functions()

The program is $VIRGA, or build/virga of the checkout.
"""

import base64
import io
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

SOURCE = Path(os.environ.get("VIRGA_SOURCE") or Path(__file__).resolve().parents[2])
PROGRAM = Path(os.environ.get("VIRGA") or SOURCE / "build" / "virga")
ROLE = "arn:aws:iam::000000000000:role/any"
SKIPPED = 77
READY_SECONDS = 20
STOP_SECONDS = 20


class Virga:
    """One running daemon. `data` is kept when it is given, so that a second daemon can start on it; `prefix` is a command
    that becomes the daemon."""

    def __init__(self, *arguments, data=None, environment=None, prefix=()):
        self.arguments = arguments
        self.prefix = prefix
        self.environment = {**os.environ, **(environment or {})}
        self._folder = None
        if data is None:
            self._folder = tempfile.TemporaryDirectory(prefix="virga-e2e-")
            data = self._folder.name
        self.data = Path(data)
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        if self._folder:
            self._folder.cleanup()

    def start(self):
        command = [*self.prefix, PROGRAM, "serve", "--port", "0", "--data", self.data, "--json", *self.arguments]
        self._log = open(self.data / "daemon.log", "ab")  # noqa: SIM115
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self.environment,
        )
        ready = self._read_ready_line()
        self.url = ready["url"]
        key = json.loads(Path(ready["key_file"]).read_text())
        self.key_id, self.secret = key["access_key_id"], key["secret_access_key"]

    def _read_ready_line(self):
        deadline = time.monotonic() + READY_SECONDS
        line = b""
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            piece = os.read(self.process.stdout.fileno(), 4096) if readable else b""
            if not piece:
                self.stop(signal.SIGKILL)
                raise AssertionError(f"virga was not ready within {READY_SECONDS} s: {self.log_text()[-2000:]}")
            line += piece
        return json.loads(line)

    def stop(self, with_signal=signal.SIGTERM):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"virga did not stop within {STOP_SECONDS} s: {self.log_text()[-2000:]}") from None
        finally:
            self.process.stdout.close()
            self._log.close()
            self.process = None

    def log_text(self):
        return (self.data / "daemon.log").read_text(errors="replace")

    def client_environment(self):
        """What AWS's own tools need to find this daemon and nothing else."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }

    def client(self, service, **options):
        import boto3
        from botocore.config import Config

        config = {"retries": {"max_attempts": 1}, "read_timeout": 30, "connect_timeout": 5}
        return boto3.session.Session().client(
            service,
            endpoint_url=self.url,
            aws_access_key_id=options.pop("key_id", self.key_id),
            aws_secret_access_key=options.pop("secret", self.secret),
            region_name="us-east-1",
            config=Config(**{**config, **options}),
        )

    def create_node(self, name, source, **options):
        return self.client("lambda").create_function(
            FunctionName=name,
            Runtime="nodejs20.x",
            Handler="index.handler",
            Role=ROLE,
            Code={"ZipFile": zip_of({"index.js": source})},
            **options,
        )


def zip_of(files):
    """The bytes of a zip with these files ({name: text or bytes}), the same for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o755 << 16
            archive.writestr(info, content)
    return out.getvalue()


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


def request(url, method="GET", body=None, headers=None, timeout=30):
    """One HTTP request; an error status is an answer like any other."""
    prepared = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(prepared, timeout=timeout) as answer:
            return Response(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Response(error.code, error.headers, error.read())


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def descendants(pid):
    """Every process below this one."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def metric(virga, name, labels=""):
    """The sum of a figure's values at /metrics, of those lines that hold `labels`."""
    lines = request(virga.url + "/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines
               if line.startswith(name + " ") or line.startswith(name + "{") and labels in line)


def decode_log(text):
    return base64.b64decode(text).decode()


def skip(reason):
    print(reason)
    sys.exit(SKIPPED)


def main():
    """Runs the tests of the calling script, or skips them if there is no program."""
    if not PROGRAM.exists():
        skip(f"{PROGRAM} is not built")
    unittest.main(verbosity=2)
