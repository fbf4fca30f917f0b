"""A small HTTP/1.1 client: one connection, timed from a request's first byte to its response's last."""

import socket
import time
from dataclasses import dataclass

from harness.errors import BenchError

READ_SIZE = 65536


@dataclass
class Response:
    status: int
    headers: dict  # lower-case names
    body: bytes
    milliseconds: float  # first byte sent to last byte received; the connection stood already


class Connection:
    def __init__(self, host, port, timeout=30.0):
        self._host = f"{host}:{port}"
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout)
        except OSError as error:
            raise BenchError(f"cannot connect to {host}:{port}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def request(self, method, path, body=b"", headers=None):
        lines = [f"{method} {path} HTTP/1.1"]
        fields = {"host": self._host, **{name.lower(): value for name, value in (headers or {}).items()}}
        if body or method in ("POST", "PUT"):
            fields["content-length"] = str(len(body))
        lines += [f"{name}: {value}" for name, value in fields.items()]
        message = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
        try:
            start = time.perf_counter_ns()
            self._socket.sendall(message)
            status, received_headers, received = self._receive()
            end = time.perf_counter_ns()
        except OSError as error:
            raise BenchError(f"{method} {path}: {error}") from error
        return Response(status, received_headers, received, (end - start) / 1e6)

    def _receive(self):
        data = bytearray()
        while (end := data.find(b"\r\n\r\n")) < 0:
            self._read_more(data)
        status_line, *lines = data[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        status = int(status_line.split()[1])
        del data[: end + 4]
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return status, headers, self._chunks(data)
        if status in (204, 304):
            return status, headers, b""
        if "content-length" not in headers:
            raise BenchError("the response has neither Content-Length nor chunks")
        size = int(headers["content-length"])
        while len(data) < size:
            self._read_more(data)
        return status, headers, bytes(data[:size])

    def _chunks(self, data):
        body = bytearray()
        while True:
            while (end := data.find(b"\r\n")) < 0:
                self._read_more(data)
            size = int(data[:end].split(b";")[0], 16)
            while len(data) < end + 2 + size + 2:
                self._read_more(data)
            body += data[end + 2 : end + 2 + size]
            del data[: end + 2 + size + 2]
            if size == 0:
                return bytes(body)

    def _read_more(self, data):
        piece = self._socket.recv(READ_SIZE)
        if not piece:
            raise BenchError("the server closed the connection inside a response")
        data += piece


def request(host, port, method, path, body=b"", headers=None, timeout=30.0):
    with Connection(host, port, timeout) as connection:
        return connection.request(method, path, body, headers)


def wait_until_ready(server, port, path="/", timeout=20.0, pause=0.01):
    """Polls until the server answers 200; returns the moment (time.perf_counter) of the answer."""
    deadline = time.monotonic() + timeout
    reason = "no answer"
    while time.monotonic() < deadline:
        server.require_alive()
        try:
            response = request("127.0.0.1", port, "GET", path, timeout=5.0)
            if response.status == 200:
                return time.perf_counter()
            reason = f"status {response.status}"
        except BenchError as error:
            reason = str(error)
        time.sleep(pause)
    raise BenchError(f"{server.name} is not ready after {timeout:g} s ({reason}): {server.log_tail()}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
