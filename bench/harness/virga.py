"""The daemon under test: start it, deploy functions, ask it about phases."""

import base64
import contextlib
import http.client
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from harness.errors import BenchError
from harness.http import Connection, free_port, request, wait_until_ready
from harness.peers import Target
from harness.processes import Server, start_server
from harness.sigv4 import sign

READY_SECONDS = 60.0
ACTIVE_SECONDS = 30.0
# One whole CPU and a little more, so that no function is throttled below what its peer has.
MEMORY_MB = 2048
# Calls that create functions, at once.
API_CONNECTIONS = 8
# The name of the start's kind in X-Virga-Phases.
START_KIND = "kind"


@dataclass
class Daemon:
    server: Server
    port: int
    data: str  # the data folder, where the root key lies

    def call_api(self, method, path, body=None, expected=(200, 201, 202, 204)):
        """One signed call of the Lambda API; returns the parsed answer."""
        with contextlib.closing(self.open_api()) as api:
            return api.call(method, path, body, expected)

    def open_api(self):
        return _Api(self.port, *self.key())

    def key(self):
        """The root key: (id, secret)."""
        with open(os.path.join(self.data, "root-key.json"), encoding="utf-8") as file:
            key = json.load(file)
        return key["access_key_id"], key["secret_access_key"]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, service, method, path, body=b"", extra=None):
        """One signed request to any service; returns its `Response`, whatever its status."""
        key_id, secret = self.key()
        host = f"127.0.0.1:{self.port}"
        headers = sign(method, host, path, body, key_id=key_id, secret=secret, service=service, extra=extra)
        del headers["host"]
        return request("127.0.0.1", self.port, method, path, body, headers)

    def deploy(self, name, function, api=None):
        """Creates the function with a public URL and waits until it may be called; runs nothing."""
        own = api or self.open_api()
        try:
            own.call("POST", "/2015-03-31/functions", function.creation(name))
            own.call("POST", f"/2021-10-31/functions/{name}/url", {"AuthType": "NONE"})
            self._wait_until_active(name, own)
            return self.target(name)
        finally:
            if api is None:
                own.close()

    def create_many(self, names, function):
        """Creates one function under many names, several at once, and waits for nothing."""
        body = function.creation("")
        self._for_each(names, lambda api, name: api.call("POST", "/2015-03-31/functions", body | {"FunctionName": name}))

    def deploy_many(self, names, function):
        """As `deploy`, one function under many names, several at once."""

        def finish(api, name):
            api.call("POST", f"/2021-10-31/functions/{name}/url", {"AuthType": "NONE"})
            self._wait_until_active(name, api)

        self.create_many(names, function)
        self._for_each(names, finish)
        return [self.target(name) for name in names]

    def _for_each(self, names, action):
        def run(share):
            with contextlib.closing(self.open_api()) as api:
                for name in share:
                    action(api, name)

        with ThreadPoolExecutor(API_CONNECTIONS) as pool:
            list(pool.map(run, [names[first::API_CONNECTIONS] for first in range(API_CONNECTIONS)]))

    def _wait_until_active(self, name, api):
        deadline = time.monotonic() + ACTIVE_SECONDS
        while True:
            state = api.call("GET", f"/2015-03-31/functions/{name}/configuration").get("State", "Active")
            if state == "Active":
                return
            if state == "Failed" or time.monotonic() > deadline:
                raise BenchError(f"function {name} is {state}, not Active")
            time.sleep(0.02)

    def figure(self, name):
        """The value of a figure without labels at /metrics."""
        with Connection("127.0.0.1", self.port) as connection:
            text = connection.request("GET", "/metrics").body.decode()
        found = next((line for line in text.splitlines() if line.startswith(name + " ")), None)
        if found is None:
            raise BenchError(f"/metrics has no {name}")
        return float(found.rsplit(" ", 1)[1])

    def target(self, function_name):
        return Target("Virga", self.server, self.port, f"/fn/{function_name}/")


class _Api:
    """One kept-alive connection to the Lambda API."""

    def __init__(self, port, key_id, secret):
        self._key_id, self._secret = key_id, secret
        self._host = f"127.0.0.1:{port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_SECONDS)

    def close(self):
        self._connection.close()

    def call(self, method, path, body=None, expected=(200, 201, 202, 204)):
        data = json.dumps(body).encode() if body is not None else b""
        headers = sign(method, self._host, path, data, key_id=self._key_id, secret=self._secret, service="lambda")
        if data:
            headers["content-type"] = "application/json"
        try:
            self._connection.request(method, path, data, headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise BenchError(f"{method} {path}: {error!r}") from error
        if response.status not in expected:
            raise BenchError(f"{method} {path} answered {response.status}: {text[:300].decode(errors='replace')}")
        return json.loads(text) if text.strip() else {}


@dataclass
class Function:
    runtime: str
    handler: str
    archive: bytes
    environment: dict = field(default_factory=dict)
    memory_mb: int = MEMORY_MB
    settings: dict = field(default_factory=dict)  # further members of CreateFunction

    def creation(self, name):
        return self.settings | {
            "FunctionName": name,
            "Runtime": self.runtime,
            "Handler": self.handler,
            "Role": "arn:aws:iam::000000000000:role/bench",
            "MemorySize": self.memory_mb,
            "Timeout": 30,
            "Environment": {"Variables": self.environment},
            "Code": {"ZipFile": base64.b64encode(self.archive).decode()},
        }


def require_virga(bench):
    if not os.access(bench.virga, os.X_OK):
        raise BenchError(f"{bench.virga} is not built")
    return bench.virga


def start(bench, data, port, cores=None):
    """Starts `virga serve` without waiting for it."""
    command = [require_virga(bench), "serve", "--port", port, "--listen", "127.0.0.1", "--data", data]
    log_path = bench.temporary("logs") / f"virga-{port}.log"
    server = start_server("Virga", command, cores=cores or bench.server_cores, log_path=log_path)
    return Daemon(server, port, str(data))


@contextlib.contextmanager
def daemon(bench, data=None):
    """A ready daemon with a new data folder, pinned to the server cores."""
    port = free_port()
    started = start(bench, data or bench.temporary(f"virga-{port}"), port)
    try:
        wait_until_ready(started.server, port, "/readyz", READY_SECONDS)
        yield started
    finally:
        started.server.stop()


@contextlib.contextmanager
def serving(bench, make_function):
    """A daemon with one warm function; yields its `Target`."""
    with daemon(bench) as running:
        target = running.deploy("hello", make_function(bench))
        wait_until_ready(running.server, running.port, target.path)
        yield target


def read_start_kind(response):
    """What an instance was made from (a stem, a fork, nothing), by `kind=...` among the phases; None if it is not told."""
    for part in _phase_parts(response):
        name, _, value = part.partition("=")
        if name.strip() == START_KIND:
            return value.strip()
    return None


def read_start(response):
    """What the call found when it had to wait for a start, as X-Virga-Start says it: "stem", "fork; REASON"; "": nothing."""
    return response.headers.get("x-virga-start", "")


def _phase_parts(response):
    return response.headers.get("x-virga-phases", "").replace(";", ",").split(",")


def read_phases(response):
    """Phases of a start in ms, by name, from `X-Virga-Phases: queue=0.01,start=1.2,...`; {} without it."""
    phases = {}
    for part in _phase_parts(response):
        name, separator, value = part.partition("=")
        with contextlib.suppress(ValueError):
            if separator:
                phases[name.strip()] = float(value)
    return phases
