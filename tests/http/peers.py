"""HTTP servers that say which requests they saw: Virga's own, Node's, and three proxies in front of a recorder.

Each is started from a configuration of its own in `folder`, listens on a free loopback port or a socket file, and is
ended by its process. A record is (method, bytes of the body, target), in the order in which the requests were whole.
"""

import os
import queue
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

START_SECONDS = 10
HERE = Path(__file__).resolve().parent


class Missing(Exception):
    """The program is not on this machine."""


def find(program, package):
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not found:
        raise Missing(f"{program} is not installed (apt-get install {package})")
    return found


class Peer:
    """A server under observation. `connect()` opens a connection to it; `records` gets what it saw."""

    def __init__(self, name):
        self.name = name
        self.records = queue.Queue()
        self.process = None
        self.address = None

    def connect(self):
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(START_SECONDS)
        try:
            connection.connect(self.address)
        except OSError:
            connection.close()
            raise
        return connection

    def start(self, command, log):
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect().close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise AssertionError(f"{self.name} does not start: {log.read_text(errors='replace')}") from None
                time.sleep(0.01)  # the socket is not there yet

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


class Printing(Peer):
    """A program that prints its port and then its records."""

    def __init__(self, name, command):
        super().__init__(name)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.address = ("127.0.0.1", int(self.process.stdout.readline()))
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            method, size, target = line.decode("latin-1").rstrip("\n").split(" ", 2)
            self.records.put((method, int(size), target))


class Recorder:
    """What stands behind a proxy. Proxies write sound messages, so the simplest parser does."""

    def __init__(self, path, records):
        self.records = records
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        os.chmod(path, 0o777)  # a proxy may run as a user of its own
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            try:
                connection.settimeout(START_SECONDS)
                record = read_request(connection, stream)
                if record:
                    self.records.put(record)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nseen\n")
            except OSError:
                pass  # the proxy gave the request up

    def stop(self):
        self.listener.close()


def read_request(connection, stream):
    """The record of the next request, or None if it is cut off: then the proxy gave it up."""
    start = stream.readline().decode("latin-1").split(" ")
    if len(start) != 3:
        return None
    fields = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.strip().lower()] = value.strip()
    if "expect" in fields:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if fields.get("transfer-encoding", "").lower() == "chunked":
        size = 0
        while piece := int(stream.readline().split(b";")[0] or b"0", 16):
            body = stream.read(piece + 2)
            if len(body) < piece + 2:
                return None
            size += piece
        while stream.readline() not in (b"\r\n", b""):
            pass
        return start[0], size, start[1]
    size = int(fields.get("content-length", "0"))
    return (start[0], size, start[1]) if len(stream.read(size)) == size else None


class Proxy(Peer):
    def __init__(self, name, folder):
        super().__init__(name)
        self.folder = folder / name
        self.folder.mkdir(mode=0o755)
        self.behind = self.folder / "behind.sock"
        self.recorder = Recorder(self.behind, self.records)
        self.log = self.folder / "log"

    def run(self, command, configuration):
        (self.folder / "conf").write_text(configuration)
        self.start([*command, str(self.folder / "conf")], self.log)
        return self

    def stop(self):
        super().stop()
        self.recorder.stop()


def nginx(folder):
    program = find("nginx", "nginx-light")
    peer = Proxy("nginx", folder)
    peer.address = str(peer.folder / "front.sock")
    temporary = "".join(f"{kind}_temp_path {peer.folder}/{kind};" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    return peer.run([program, "-e", str(peer.log), "-p", str(peer.folder), "-c"], f"""
{user} daemon off; master_process off; pid {peer.folder}/pid; error_log {peer.log};
events {{ worker_connections 64; }}
http {{
  access_log off; {temporary}
  server {{
    listen unix:{peer.address};
    location / {{
      proxy_pass http://unix:{peer.behind}:;
      proxy_http_version 1.1;
      proxy_ignore_client_abort on;
    }}
  }}
}}
""")


def haproxy(folder):
    program = find("haproxy", "haproxy")
    peer = Proxy("haproxy", folder)
    peer.address = str(peer.folder / "front.sock")
    return peer.run([program, "-db", "-f"], f"""
global
  maxconn 64
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
  option http-server-close
listen front
  bind unix@{peer.address}
  server behind unix@{peer.behind}
""")


def apache(folder):
    program = find("apache2", "apache2-bin")
    peer = Proxy("apache", folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        peer.address = free.getsockname()
    modules = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in
                      ("mpm_prefork", "authz_core", "proxy", "proxy_http"))
    user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
    return peer.run([program, "-X", "-d", str(peer.folder), "-f"], f"""
{modules}{user}ServerName a
Listen 127.0.0.1:{peer.address[1]}
PidFile {peer.folder}/pid
DefaultRuntimeDir {peer.folder}
ErrorLog {peer.folder}/error
KeepAliveTimeout 5
AllowEncodedSlashes NoDecode
ProxyRequests Off
ProxyPass / unix:{peer.behind}|http://a/ disablereuse=on nocanon
""")


def node(_folder):
    return Printing("node", [find("node", "nodejs"), str(HERE / "echo_server.js")])


def virga(program):
    return Printing("virga", [program])


PEERS = [node, nginx, haproxy, apache]
