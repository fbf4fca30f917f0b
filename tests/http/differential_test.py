"""Virga's HTTP server reads no message in another way than llhttp, nginx, haproxy and Apache do.

Request smuggling needs two servers that disagree about where a request ends. So each message that Virga takes is sent to
the others as well, with two requests behind it, and all have to see the same requests with bodies of the same length.
What Virga refuses can smuggle nothing, whatever the others make of it.
"""

import os
import queue
import re
import socket
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import peers

PROGRAM = Path(os.environ.get("VIRGA", "build/release/virga")).parent / "tests/http/virga-http-echo"
SKIPPED = 77
BEHIND = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\nGET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

# (peer, pattern of the message's name, why the difference cannot be used). Each has to be met, or it goes.
EXCEPTIONS = [
    ("node", "sound: Upgrade to h2c with a body",
     "takes an Upgrade for the end of HTTP on the connection and reads none of what stands behind the request"),
    ("node", "(before|after) the method: 0x2d", "knows a list of methods and refuses every other one"),
    ("node", "after (the length|chunked): 0x09", "refuses a tab behind the value, which RFC 9110 §5.5 allows"),
    ("nginx", "(before|after) (the host|the length|chunked): 0x09",
     "refuses a tab around the value, which RFC 9110 §5.5 allows"),
    ("nginx", "sound: asterisk", "refuses the target *"),
    ("nginx", "sound: dots", "refuses a path that leads out of the root; Virga joins no path to a folder"),
    ("apache", "sound: asterisk", "answers OPTIONS * itself instead of forwarding it"),
    ("apache", "after the host: 0x3a", "refuses an empty port, which RFC 3986 §3.2.3 allows"),
]

BYTES = bytes([*range(0x21), *b'"+,-./0:;=\\_', 0x7F, 0x80, 0x85, 0xA0, 0xFF])
POST = "POST / HTTP/1.1\r\nHost: a\r\n"
# (Bodies that have a length are no method, which a server that saw no length could take them for.)
# Sound messages with one place, {}, where a byte more must not make two servers disagree.
TEMPLATES = {
    "before the method": "{}GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "after the method": "GET{} / HTTP/1.1\r\nHost: a\r\n\r\n",
    "after the target": "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
    "in the query": "GET /?a{}b HTTP/1.1\r\nHost: a\r\n\r\n",
    "before the version": "GET / {}HTTP/1.1\r\nHost: a\r\n\r\n",
    "after the version": "GET / HTTP/1.1{}\r\nHost: a\r\n\r\n",
    "before the host": "GET / HTTP/1.1\r\nHost:{}a\r\n\r\n",
    "after the host": "GET / HTTP/1.1\r\nHost: a{}\r\n\r\n",
    "before a name": "GET / HTTP/1.1\r\nHost: a\r\n{}X: y\r\n\r\n",
    "in a name": "GET / HTTP/1.1\r\nHost: a\r\nX{}Z: y\r\n\r\n",
    "after a name": "GET / HTTP/1.1\r\nHost: a\r\nX{}: y\r\n\r\n",
    "in a value": "GET / HTTP/1.1\r\nHost: a\r\nX: y{}z\r\n\r\n",
    "after a value": "GET / HTTP/1.1\r\nHost: a\r\nX: y{}\r\n\r\n",
    "before the end of the head": "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
    "before Content-Length": POST + "{}Content-Length: 5\r\n\r\n(<;>)",
    "in Content-Length": POST + "Content{}Length: 5\r\n\r\n(<;>)",
    "after Content-Length": POST + "Content-Length{}: 5\r\n\r\n(<;>)",
    "before the length": POST + "Content-Length:{}5\r\n\r\n(<;>)",
    "in the length": POST + "Content-Length: 0{}5\r\n\r\n(<;>)",
    "after the length": POST + "Content-Length: 5{}\r\n\r\n(<;>)",
    "before Transfer-Encoding": POST + "{}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "in Transfer-Encoding": POST + "Transfer{}Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "after Transfer-Encoding": POST + "Transfer-Encoding{}: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "before chunked": POST + "Transfer-Encoding:{}chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "after chunked": POST + "Transfer-Encoding: chunked{}\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "before a chunk size": POST + "Transfer-Encoding: chunked\r\n\r\n{}5\r\nhello\r\n0\r\n\r\n",
    "after a chunk size": POST + "Transfer-Encoding: chunked\r\n\r\n5{}\r\nhello\r\n0\r\n\r\n",
    "in a chunk extension": POST + "Transfer-Encoding: chunked\r\n\r\n5;a{}b\r\nhello\r\n0\r\n\r\n",
    "in a quoted chunk extension": POST + 'Transfer-Encoding: chunked\r\n\r\n5;a="b{}"\r\nhello\r\n0\r\n\r\n',
    "after a chunk": POST + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello{}\r\n0\r\n\r\n",
    "before the last chunk": POST + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n{}0\r\n\r\n",
    "after the last chunk": POST + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0{}\r\n\r\n",
    "in a trailer": POST + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX{}: y\r\n\r\n",
    "before the end": POST + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{}\r\n",
}


def messages():
    """{name: bytes}: those of the unit tests, and every template with every byte in its place."""
    found = {}
    listing = subprocess.run([PROGRAM, "corpus"], capture_output=True, text=True, check=True, timeout=20).stdout
    for line in listing.splitlines():
        kind, name, content = line.split(" ")
        found[f"{kind}: {bytes.fromhex(name).decode('latin-1')}"] = bytes.fromhex(content)
    for place, template in TEMPLATES.items():
        for byte in BYTES:
            found[f"{place}: {byte:#04x}"] = template.replace("{}", chr(byte)).encode("latin-1")
    return found


class Observer:
    """Sends messages to one peer, one at a time."""

    def __init__(self, peer):
        self.peer = peer
        self.count = 0

    def send(self, content, patience):
        """Sends it and reads to the end, which comes after `/last` or when the peer gives the connection up.

        A peer that waits for more is told after `patience` seconds of silence that there is none.
        """
        with self.peer.connect() as connection:
            connection.settimeout(patience)
            try:
                connection.sendall(content)
                while connection.recv(65536):
                    pass
            except TimeoutError:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(5)
                try:
                    while connection.recv(65536):
                        pass
                except OSError:
                    pass
            except OSError:
                pass  # refused while it was still being written

    def saw(self, content, patience=0.15):
        """[(method, bytes of the body)] of the message and what stands behind it."""
        self.send(content + BEHIND, patience)
        self.count += 1
        mark = f"/mark-{self.count}"
        self.send(f"GET {mark} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode(), 10)
        seen = []
        while True:
            try:
                method, size, target = self.peer.records.get(timeout=10)
            except queue.Empty:
                raise AssertionError(f"{self.peer.name} answers no more") from None
            if target == mark:
                return seen
            seen.append((method, size))


class Differential(unittest.TestCase):
    def compare(self, peer, expected):
        """{name: what the peer saw} where it is not what Virga saw."""
        observer = Observer(peer)
        different = {}
        for name, (content, seen) in expected.items():
            # Twice, the second time with more patience: a busy machine is no disagreement.
            if observer.saw(content) != seen and (again := observer.saw(content, patience=1)) != seen:
                different[name] = again
        return different

    def test_what_virga_takes_the_others_read_alike(self):
        with tempfile.TemporaryDirectory(prefix="virga-http-") as folder:
            os.chmod(folder, 0o755)
            running = [peers.virga(PROGRAM)]
            try:
                for make in peers.PEERS:
                    try:
                        running.append(make(Path(folder)))
                    except peers.Missing as missing:
                        print(f"without {make.__name__}: {missing}")
                if len(running) == 1:
                    self.skipTest("no other HTTP server is installed")
                self.run_with(running[0], running[1:])
            finally:
                for peer in running:
                    peer.stop()

    def run_with(self, virga, others):
        observer = Observer(virga)
        taken = {}
        total = 0
        for name, content in messages().items():
            total += 1
            seen = observer.saw(content)
            if name.startswith("refused: "):
                self.assertEqual(seen, [], name)
            elif name.startswith("sound: "):
                self.assertNotEqual(seen, [], name)
            if seen:
                taken[name] = (content, seen)
        self.assertGreater(len(taken), 100)
        with ThreadPoolExecutor(len(others)) as pool:
            results = dict(zip((peer.name for peer in others),
                               pool.map(lambda peer: self.compare(peer, taken), others), strict=True))
        print(f"{total} messages, {len(taken)} taken; compared with {', '.join(results)}")
        unused = {row for row in EXCEPTIONS if row[0] in results}
        failures = []
        for peer, different in results.items():
            for name, seen in different.items():
                excuse = next((row for row in EXCEPTIONS if row[0] == peer and re.fullmatch(row[1], name)), None)
                if excuse:
                    unused.discard(excuse)
                else:
                    failures.append(f"{peer}: {name}: virga saw {taken[name][1]}, {peer} {seen}")
        self.assertEqual(failures, [], "\n" + "\n".join(failures))
        self.assertEqual(unused, set(), "exceptions that nothing needs")


if __name__ == "__main__":
    if not PROGRAM.exists():
        print(f"{PROGRAM} is not built")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
