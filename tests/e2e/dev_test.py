"""`virga dev` deploys what changes, and what cannot be deployed leaves the version before in place."""

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import unittest
import urllib.request
from pathlib import Path

from virga import PROGRAM, main

SECONDS = 40  # for anything that has to come


def says(text):
    return f"exports.handler = async () => ({{ says: {json.dumps(text)} }});\n"


def one_function(**more):
    return {"runtime": "nodejs20.x", "handler": "index.handler", "url": {"auth": "NONE"}, **more}


class Session:
    """One `virga dev DIR`, and what it prints."""

    def __init__(self, folder, *options):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VIRGA_"))}
        self.process = subprocess.Popen(
            [PROGRAM, "dev", "functions", "--port", "0", *options], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=kept)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def line(self, wanted):
        """The next line for which `wanted` is true."""
        seen = []
        while True:
            try:
                line = self.lines.get(timeout=SECONDS)
            except queue.Empty:
                raise AssertionError(f"not printed within {SECONDS} s; what came: {seen}") from None
            if wanted(line):
                return line
            seen.append(line)

    def event(self, name, function=None):
        def wanted(line):
            event = json.loads(line)
            return event.get("event") == name and (function is None or event["name"] == function)

        return json.loads(self.line(wanted))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


class Changes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        self.folder = self.top / "functions"
        self.write("one/index.js", says("first"))
        self.functions = {"one": one_function(code="one")}
        self.write_manifest()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write_manifest(self):
        self.write("virga.json", json.dumps({"functions": self.functions}))

    def ask(self, url):
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return json.load(answer)["says"]

    def expect(self, url, text):
        self.assertEqual(self.ask(url), text)

    def expect_soon(self, session, url, text):
        """After one deployment, or after some if the writes were too far apart to be taken for one change."""
        session.event("deployed")
        while self.ask(url) != text:
            session.event("deployed")

    def test_a_function_is_deployed_again_when_its_files_change(self):
        with Session(self.top, "--json") as session:
            url = session.event("ready")["functions"][0]["url"]
            self.expect(url, "first")
            self.write("one/index.js", says("second"))
            event = session.event("deployed", "one")
            self.assertEqual(event["change"], "updated")
            self.assertGreaterEqual(event["ms"], 0)
            self.expect(url, "second")
            # A file in a folder that was not there before.
            self.write("one/lib/text.js", "module.exports = 'third';\n")
            self.write("one/index.js", "exports.handler = async () => ({ says: require('./lib/text.js') });\n")
            self.expect_soon(session, url, "third")
            self.write("one/lib/text.js", "module.exports = 'fourth';\n")
            self.expect_soon(session, url, "fourth")

    def test_what_cannot_be_deployed_leaves_the_old_version_in_place(self):
        with Session(self.top, "--json") as session:
            url = session.event("ready")["functions"][0]["url"]
            self.write("virga.json", '{"functions": {')
            self.assertIn("[VIRGA0039]", session.event("deploy_failed")["error"])
            self.expect(url, "first")
            self.write_manifest()
            os.mkfifo(self.folder / "one" / "pipe")
            self.write("one/index.js", says("second"))
            self.assertIn("[VIRGA0030]", session.event("deploy_failed", "one")["error"])
            self.expect(url, "first")
            (self.folder / "one" / "pipe").unlink()
            self.expect_soon(session, url, "second")

    def test_new_functions_appear_and_removed_ones_stay(self):
        with Session(self.top, "--json") as session:
            session.event("ready")
            self.write("two/index.js", says("two"))
            self.functions["two"] = one_function(code="two")
            self.write_manifest()
            event = session.event("deployed", "two")
            self.assertEqual(event["change"], "created")
            self.expect(event["url"], "two")
            self.write("two/index.js", says("two again"))
            self.expect_soon(session, event["url"], "two again")
            del self.functions["two"]
            self.write_manifest()
            session.event("removed", "two")
            self.expect(event["url"], "two again")

    def test_one_line_says_what_was_deployed_and_how_long_it_took(self):
        with Session(self.top) as session:
            session.line(lambda line: "Ctrl-C stops" in line)
            self.write("one/index.js", says("second"))
            self.assertRegex(session.line(lambda line: "deployed" in line), r"^one redeployed in \d+ ms\n$")
            self.write("virga.json", "{")
            line = session.line(lambda line: "not deployed" in line)
            self.assertRegex(line, r"^functions not deployed: .*\[VIRGA0039\]; what was deployed goes on answering\n$")


if __name__ == "__main__":
    main()
