#!/usr/bin/env python3
"""What a sandbox with a way out reaches, and what not. Runs in a network of its own with a small internet beside it, so the
machine's own network is neither needed nor touched.

    egress.py --runner virga-sandbox-run --attempts attempts
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time

import harness

SKIPPED = 77
PORT = 8080
HOST = "203.0.113.1"
INTERNET = "203.0.113.2"
PRIVATE = "10.9.9.9"
ALLOWED = "10.9.8.8"
METADATA = "169.254.169.254"

SERVER = """
import socket, sys, threading, time
def serve(port):
    s = socket.create_server(("", port))
    while True: s.accept()[0].close()
for port in map(int, sys.argv[1:]): threading.Thread(target=serve, args=(port,), daemon=True).start()
print("up", flush=True)
time.sleep(600)
"""

CLIENT = """
import socket, sys
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1.5).close()
        print(target, "open", flush=True)
    except OSError as error:
        print(target, "closed", error.errno, flush=True)
"""


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def reaches(host, port):
    try:
        socket.create_connection((host, port), timeout=1.5).close()
        return True
    except OSError:
        return False


def build():
    """This namespace is the host; another one is the internet, with addresses that a sandbox must not reach as well."""
    ip("link", "set", "lo", "up")
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
        file.write("1")
    beyond = subprocess.Popen(["unshare", "--net", sys.executable, "-c", SERVER, str(PORT), "25"], stdout=subprocess.PIPE,
                              text=True)
    assert beyond.stdout.readline() == "up\n"
    ip("link", "add", "out", "type", "veth", "peer", "name", "in", "netns", str(beyond.pid))
    ip("address", "add", HOST + "/24", "dev", "out")
    ip("link", "set", "out", "up")
    inside = ["nsenter", "--net", "--target", str(beyond.pid), "ip"]
    for words in (["address", "add", INTERNET + "/24", "dev", "in"], ["link", "set", "in", "up"],
                  ["link", "set", "lo", "up"], ["address", "add", PRIVATE + "/32", "dev", "lo"],
                  ["address", "add", ALLOWED + "/32", "dev", "lo"],
                  ["address", "add", METADATA + "/32", "dev", "lo"]):
        subprocess.run(inside + words, check=True)
    for address in (PRIVATE, ALLOWED, METADATA):
        ip("route", "add", address + "/32", "via", INTERNET)
    return beyond


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--attempts", required=True)
    parser.add_argument("--inside", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: egress needs root")
        return SKIPPED
    for program in ("/usr/sbin/nft", "/usr/bin/unshare", "/usr/bin/nsenter", "/usr/bin/python3"):
        if not os.path.exists(program):
            print(f"skipped: {program} is not there")
            return SKIPPED
    if not options.inside:
        return subprocess.run(["unshare", "--net", sys.executable, *sys.argv, "--inside"], check=False).returncode

    failures = []

    def check(name, good, detail=""):
        print(f"{'ok  ' if good else 'FAIL'} {name} {detail}", flush=True)
        if not good:
            failures.append(name)

    beyond = build()
    mine = socket.create_server(("", 7000))  # stands for the control plane
    with tempfile.TemporaryDirectory(prefix="virga-egress-") as folder:
        os.chmod(folder, 0o755)
        runner = harness.Runner(options.runner, os.path.join(folder, "state"), blanks=1, allow=["10.9.8.0/24"])
        try:
            neighbour = runner.start(["/usr/bin/python3", "-c", SERVER, "9000"], network="egress")
            event = runner.wait(neighbour, "started")
            if event["event"] != "started" and event["code"] == "unimplemented":
                print("skipped:", event["message"])
                return SKIPPED
            check("a sandbox with a way out starts", event["event"] == "started", str(event))
            time.sleep(0.5)
            open_ones = [f"{INTERNET}:{PORT}", f"{ALLOWED}:{PORT}"]
            closed_ones = [f"{INTERNET}:25", f"{ALLOWED}:25", f"{PRIVATE}:{PORT}", f"{METADATA}:{PORT}", f"{HOST}:7000", "198.18.0.1:7000",
                           "198.18.0.5:7000", "198.18.0.2:9000"]
            for target in open_ones + closed_ones[:5]:
                host, port = target.rsplit(":", 1)
                check(f"control: the host reaches {target}", reaches(host, int(port)))

            def results(network):
                log = os.path.join(folder, network)
                number = runner.start(["/usr/bin/python3", "-c", CLIENT, *open_ones, *closed_ones], network=network, log=log)
                runner.wait(number, "started")
                runner.wait(number, "ended", 60)
                with open(log, encoding="utf-8") as file:
                    return dict(line.split()[:2] for line in file if line.count(" ") >= 1)

            seen = results("egress")
            for target in open_ones:
                check(f"egress reaches {target}", seen.get(target) == "open", str(seen.get(target)))
            for target in closed_ones:
                check(f"egress does not reach {target}", seen.get(target) == "closed", str(seen.get(target)))
            seen = results("loopback")
            for target in open_ones + closed_ones:
                check(f"without a way out, not {target}", seen.get(target) == "closed", str(seen.get(target)))
            check("the host does not reach into a sandbox", not reaches("198.18.0.2", 9000))
        finally:
            runner.close()
            mine.close()
        left = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
        check("no interface is left", "vg" not in left, left)
        tables = subprocess.run(["/usr/sbin/nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
        check("no table is left", "virga" not in tables, tables)
    beyond.kill()
    beyond.wait()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
