"""Functions with a way out resolve names through the daemon, which withholds addresses they may not reach.

Runs in a network and with a resolv.conf of its own, so the machine's network is neither needed nor touched.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from virga import PROGRAM, ROLE, Virga, main, request, skip, zip_of

INSIDE = "VIRGA_TEST_INSIDE"
PUBLIC = "93.184.216.34"
NAMES = {
    "public.test": [PUBLIC],
    "private.test": ["10.0.0.1"],
    "rebound.test": [PUBLIC, "127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "long.test": [f"93.184.{i}.1" for i in range(60)],
}
LOOKUP = """
import socket
def handler(event, context):
    found = {}
    for name in event:
        try:
            found[name] = sorted({entry[4][0] for entry in socket.getaddrinfo(name, 80, socket.AF_INET)})
        except OSError as error:
            found[name] = type(error).__name__
    with open("/etc/resolv.conf") as file:
        return {"found": found, "resolv_conf": file.read()}
"""


def answer(question, truncate):
    """What a name server says: the addresses of NAMES, or that there is no such name."""
    name, at = [], 12
    while question[at]:
        name.append(question[at + 1:at + 1 + question[at]].decode())
        at += 1 + question[at]
    asked = question[12:at + 5]
    (type_,) = struct.unpack(">H", question[at + 1:at + 3])
    known = ".".join(name).lower() in NAMES
    addresses = NAMES.get(".".join(name).lower(), []) if type_ == 1 else []
    flags = 0x8180 | (0 if known else 3)
    if truncate and len(addresses) > 20:
        return question[:2] + struct.pack(">5H", flags | 0x200, 1, 0, 0, 0) + asked
    records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
                       for address in addresses)
    return question[:2] + struct.pack(">5H", flags, 1, len(addresses), 0, 0) + asked + records


class NameServer:
    """On 127.0.0.1:53 over UDP and TCP, in daemon threads."""

    def __init__(self):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 53))
        self.tcp = socket.create_server(("127.0.0.1", 53))
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def serve_udp(self):
        while True:
            question, peer = self.udp.recvfrom(4096)
            self.udp.sendto(answer(question, truncate=True), peer)

    def serve_tcp(self):
        while True:
            connection, _ = self.tcp.accept()
            with connection:
                data = connection.recv(4096)
                reply = answer(data[2:], truncate=False)
                connection.sendall(struct.pack(">H", len(reply)) + reply)


def create(virga, name, network):
    api = virga.client("lambda")

    def add_network(params, **_):
        params["body"] = json.dumps({**json.loads(params["body"]), "VirgaConfig": {"Network": network}}).encode()

    api.meta.events.register("before-call.lambda.CreateFunction", add_network)
    api.create_function(FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Timeout=30,
                        Code={"ZipFile": zip_of({"app.py": LOOKUP})})


def look_up(virga, function, *names):
    answer_ = virga.client("lambda").invoke(FunctionName=function, Payload=json.dumps(names).encode())
    result = json.load(answer_["Payload"])
    if "FunctionError" in answer_:
        raise AssertionError(result)
    return result


class Names(unittest.TestCase):
    def test_names_resolve_without_private_addresses(self):
        with Virga() as virga:
            create(virga, "out", "egress")
            seen = look_up(virga, "out", *NAMES, "missing.test")
            self.assertEqual(seen["resolv_conf"], "nameserver 127.0.0.53\n")
            self.assertEqual(seen["found"], {
                "public.test": [PUBLIC],
                "private.test": "gaierror",
                "rebound.test": "gaierror",
                "metadata.test": "gaierror",
                "long.test": sorted(NAMES["long.test"]),
                "missing.test": "gaierror",
            })
            # The control: the name server itself does say these addresses.
            for name in ("private.test", "metadata.test"):
                self.assertEqual(socket.gethostbyname(name), NAMES[name][0])
            self.assertIn("withheld from a function", virga.log_text())
            metrics = dict(line.rsplit(" ", 1) for line in request(virga.url + "/metrics").text.splitlines()
                           if line.startswith("virga_names_"))
            self.assertGreaterEqual(float(metrics["virga_names_withheld_total"]), 3)

            # Each new sandbox is served, also by a new helper.
            (keeper,) = map(int, Path(f"/proc/{virga.process.pid}/task/{virga.process.pid}/children").read_text().split())
            (helper,) = map(int, Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split())
            os.kill(helper, signal.SIGKILL)
            deadline = time.monotonic() + 15
            while "started anew" not in virga.log_text() and time.monotonic() < deadline:
                time.sleep(0.02)
            self.assertEqual(look_up(virga, "out", "public.test")["found"], {"public.test": [PUBLIC]})

    def test_a_range_that_was_allowed_resolves(self):
        with Virga("--egress-allow", "10.0.0.0/24") as virga:
            create(virga, "out", "egress")
            seen = look_up(virga, "out", "private.test", "metadata.test")
            self.assertEqual(seen["found"], {"private.test": ["10.0.0.1"], "metadata.test": "gaierror"})

    def test_a_range_that_is_none_is_refused(self):
        for text in ("10.0.0.0/33", "fd00::/8", "nonsense", "10.0.0.0/8; flush ruleset"):
            done = subprocess.run([PROGRAM, "serve", "--port", "0", "--data", "/tmp/virga-e2e-none", "--egress-allow", text],
                                  capture_output=True, text=True, timeout=20)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(text, done.stdout + done.stderr)

    def test_a_function_without_a_way_out_resolves_nothing(self):
        with Virga() as virga:
            create(virga, "in", "lo")
            seen = look_up(virga, "in", "public.test")
            self.assertEqual(seen["found"], {"public.test": "gaierror"})
            self.assertEqual(seen["resolv_conf"], "")


def run_inside():
    """This script again, in namespaces of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write("nameserver 127.0.0.1\n")
        file.flush()
        script = ('ip link set lo up && echo 1 > /proc/sys/net/ipv4/ip_forward && mount --bind "$1" /etc/resolv.conf && '
                  'shift && exec "$@"')
        command = ["unshare", "--net", "--mount", "sh", "-c", script, "-", file.name, sys.executable, *sys.argv]
        sys.exit(subprocess.run(command, env={**os.environ, INSIDE: "1"}, check=False).returncode)


if __name__ == "__main__":
    if os.geteuid() != 0:
        skip("a way out needs root")
    if not PROGRAM.exists():
        skip(f"{PROGRAM} is not built")
    for program in ("/usr/sbin/nft", "/usr/bin/unshare", "/usr/bin/python3"):
        if not Path(program).exists():
            skip(f"{program} is not there")
    if INSIDE not in os.environ:
        run_inside()
    NameServer()
    main()
