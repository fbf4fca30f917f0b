"""The programs Virga is compared with. Each is a function that starts one and yields a `Target`.

To add one: write a function here, decorated with `@contextlib.contextmanager`, and name it in a row.
"""

import contextlib
import json
import os
import platform
import shutil
import sys
import time
from dataclasses import dataclass

from harness.bench import require_tool
from harness.errors import BenchError
from harness.http import free_port, wait_until_ready
from harness.processes import Server, run_checked, start_server

NPM_SECONDS = 180
# Between two attempts to reach a program that starts.
POLL_SECONDS = 0.001


@dataclass
class Target:
    """Something that answers GET http://127.0.0.1:port/path with 200."""

    name: str
    server: Server
    port: int
    path: str = "/"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.path}"


@contextlib.contextmanager
def _serving(bench, name, command, port, directory=None):
    log_path = bench.temporary("logs") / f"{name.replace(' ', '-').replace('/', '-')}.log"
    server = start_server(name, command, cores=bench.server_cores, log_path=log_path, directory=directory)
    try:
        wait_until_ready(server, port)
        yield Target(name, server, port)
    finally:
        server.stop()


def node_command(bench, port):
    return [require_tool("node", "nodejs"), bench.source / "peers/node_http.mjs", port]


def python_command(bench, port):
    return [python_interpreter(), bench.source / "peers/python_http.py", port]


def python_interpreter():
    """The system's Python, which functions run on too, rather than the one that runs the harness."""
    return shutil.which("python3", path="/usr/bin") or sys.executable


@contextlib.contextmanager
def node(bench):
    port = free_port()
    with _serving(bench, "node:http", node_command(bench, port), port) as target:
        yield target


@contextlib.contextmanager
def node_fan_out(bench, backend):
    """`backend`: the program of functions/fan_out/backend.c."""
    port = free_port()
    command = [require_tool("node", "nodejs"), bench.source / "peers/node_fan_out.mjs", port, backend]
    with _serving(bench, "node:http", command, port) as target:
        yield target


@contextlib.contextmanager
def python(bench):
    port = free_port()
    with _serving(bench, "http.server", python_command(bench, port), port) as target:
        yield target


def java_interpreter(bench):
    """The one that functions run on too."""
    manifest = json.loads((bench.repository / "runtimes/java/runtime.json").read_text())
    for path in manifest["interpreters"]:
        if os.access(path, os.X_OK):
            return path
    raise BenchError(f"no Java runtime is installed (Debian: {manifest['package']})")


def java_command(bench):
    """`java -jar` of a program that prints; with a port it serves instead."""
    return [java_interpreter(bench), "-jar", bench.jar("java-hello", bench.source / "peers/java/Hello.java", main="Hello")]


@dataclass
class Started(Target):
    first_answer_ms: float = 0.0  # from the moment the program was executed to the last byte of its first answer


@contextlib.contextmanager
def java(bench):
    port = free_port()
    log_path = bench.temporary("logs") / "java.log"
    server = start_server("java -jar", [*java_command(bench), port], cores=bench.server_cores, log_path=log_path)
    start = time.perf_counter()
    try:
        end = wait_until_ready(server, port, pause=POLL_SECONDS)
        yield Started("java -jar", server, port, first_answer_ms=(end - start) * 1e3)
    finally:
        server.stop()


@contextlib.contextmanager
def _nginx(bench, name, location, upstream=""):
    port = free_port()
    folder = bench.temporary(f"nginx-{port}")
    text = (bench.source / "peers/nginx.conf").read_text()
    for key, value in {"PORT": port, "DIR": folder, "LOCATION": location, "UPSTREAM": upstream}.items():
        text = text.replace(f"@{key}@", str(value))
    (folder / "nginx.conf").write_text(text)
    command = [require_tool("nginx", "nginx-light"), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    with _serving(bench, name, command, port) as target:
        yield target


@contextlib.contextmanager
def nginx(bench):
    with _nginx(bench, "nginx", 'default_type text/plain; return 200 "hello";') as target:
        yield target


@contextlib.contextmanager
def nginx_of_folder(bench, folder):
    with _nginx(bench, "nginx", f"root {folder}; sendfile on; tcp_nopush on;") as target:
        yield target


@contextlib.contextmanager
def nginx_to_node(bench):
    with node(bench) as backend:
        upstream = f"upstream node {{ server 127.0.0.1:{backend.port}; keepalive 64; keepalive_requests 1000000000; }}"
        location = 'proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection "";'
        with _nginx(bench, "nginx to Node", location, upstream) as target:
            yield Target(target.name, _Both(target.server, backend.server), target.port)


class _Both:
    """Two servers counted as one."""

    def __init__(self, *servers):
        self._servers = servers

    @property
    def notes(self):
        return [note for server in self._servers for note in server.notes]

    def cpu_seconds(self):
        return {key: value for server in self._servers for key, value in server.cpu_seconds().items()}

    def raise_priority(self):
        for server in self._servers:
            server.raise_priority()

    def require_alive(self):
        for server in self._servers:
            server.require_alive()


@contextlib.contextmanager
def workerd(bench):
    binary = _workerd_binary(bench)
    port = free_port()
    folder = bench.temporary(f"workerd-{port}")
    shutil.copy(bench.source / "peers/workerd/worker.mjs", folder)
    text = (bench.source / "peers/workerd/config.capnp").read_text()
    (folder / "config.capnp").write_text(text.replace("@PORT@", str(port)))
    command = [binary, "serve", folder / "config.capnp"]
    with _serving(bench, "workerd", command, port, directory=folder) as target:
        yield target


def _workerd_binary(bench):
    """Installs the npm package of bench/peers/workerd/package.json once, outside the source tree."""
    folder = bench.cache / "npm"
    wanted = (bench.source / "peers/workerd/package.json").read_text()
    machine = {"x86_64": "64", "aarch64": "arm64"}.get(platform.machine(), "64")
    binary = folder / f"node_modules/@cloudflare/workerd-linux-{machine}/bin/workerd"
    installed = folder / "package.json"
    if not binary.exists() or not installed.exists() or installed.read_text() != wanted:
        npm = require_tool("npm")
        folder.mkdir(parents=True, exist_ok=True)
        installed.write_text(wanted)
        run_checked(
            [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"],
            timeout=NPM_SECONDS,
            what="npm install workerd",
            cwd=folder,
        )
    if not binary.exists():
        raise BenchError("the npm package workerd has no binary for this machine")
    return binary
