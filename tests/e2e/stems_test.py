"""First calls served by stems: runtimes that were booted ahead, in sandboxes that waited for a function.

What a function can see and do must be the same as after a cold start, so most of this compares the two. A variable that a
stem cannot take (NODE_NO_WARNINGS, PYTHONNODEBUGRANGES) makes the cold one.
"""

import json
import os
import signal
import time
import unittest

from virga import ROLE, Virga, main, metric, zip_of

NODE_FACTS = """
const fs = require('fs'), os = require('os'), v8 = require('v8');
const read = (path) => fs.readFileSync(path, 'utf8');
const attempt = (action) => { try { action(); return 'allowed'; } catch (error) { return error.code; } };
let calls = 0;
exports.handler = async () => ({
  calls: ++calls,
  cwd: process.cwd(), argv: process.argv, title: process.title, umask: process.umask(), uid: process.getuid(), pid: process.pid,
  zone: new Date().getTimezoneOffset(), locale: Intl.DateTimeFormat().resolvedOptions().locale,
  heap: v8.getHeapStatistics().heap_size_limit, memory: os.totalmem(), cpus: os.cpus().length,
  environment: Object.keys(process.env).filter((name) => name !== 'NODE_NO_WARNINGS').sort(),
  limits: read('/proc/self/limits'),
  status: read('/proc/self/status').split('\\n').filter((line) => /^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups|NSpid)/.test(line)),
  processes: fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).sort(),
  descriptors: fs.readdirSync('/proc/self/fd').map((fd) => { try { return fs.readlinkSync(`/proc/self/fd/${fd}`).replace(/\\d+/g, 'N'); } catch { return ''; } }).sort(),
  size: fs.statfsSync('/tmp').blocks * fs.statfsSync('/tmp').bsize,
  writes: ['/var/task/x', '/opt/x', '/var/runtime/x', '/usr/x', '/etc/x', '/x', '/var/x', '/tmp/x'].map((path) => attempt(() => fs.writeFileSync(path, 'x'))),
  reads: ['/proc/1/environ', '/proc/sys/kernel/core_pattern', '/proc/kcore', '/etc/shadow'].map((path) => attempt(() => read(path))),
  globals: Object.getOwnPropertyNames(globalThis).sort(),
  console: Object.getOwnPropertyNames(console).length,
  mounts: read('/proc/self/mountinfo').split('\\n').filter((line) => / (\\/var\\/task|\\/tmp|\\/proc) /.test(line)).map((line) => line.split(' ').slice(4, 6).join(' ')).sort(),
  layer: fs.existsSync('/opt/nodejs/node_modules/greeting/index.js') ? require('greeting')() : null,
  run: fs.existsSync('/opt/tool') ? require('child_process').execFileSync('/opt/tool').toString() : null,
});
"""

PYTHON_FACTS = """
import json, os, sys, resource, stat
def attempt(action):
    try:
        action()
        return "allowed"
    except OSError as error:
        return error.errno
def write(path):
    with open(path, "w") as file:
        file.write("x")
def handler(event, context):
    return {
        "cwd": os.getcwd(), "argv": sys.argv, "umask": os.umask(0o77), "uid": os.getuid(), "path": sys.path,
        "flags": str(sys.flags), "encoding": sys.stdout.encoding, "filesystem": sys.getfilesystemencoding(),
        "environment": sorted(set(os.environ) - {"PYTHONNODEBUGRANGES"}),
        "limits": open("/proc/self/limits").read(), "memory": open("/proc/meminfo").readline(),
        "status": [line for line in open("/proc/self/status") if line.startswith(("Cap", "NoNewPrivs", "Seccomp", "Uid", "Gid"))],
        "size": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize,
        "writes": [attempt(lambda: write(path)) for path in ("/var/task/x", "/opt/x", "/usr/x", "/etc/x", "/x", "/tmp/x")],
    }
"""


def wait_for(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Stems(unittest.TestCase):
    def setUp(self):
        self.virga = Virga()
        self.virga.start()
        self.addCleanup(self.virga.stop)
        self.api = self.virga.client("lambda", retries={"max_attempts": 0})
        self.number = 0

    def deploy(self, files, runtime="nodejs20.x", handler="index.handler", **options):
        self.number += 1
        name = f"function-{self.number}"
        self.api.create_function(FunctionName=name, Runtime=runtime, Handler=handler, Role=ROLE, Timeout=20,
                                 Code={"ZipFile": zip_of(files)}, **options)
        return name

    def wait_for_stems(self, count=1):
        wait_for(lambda: metric(self.virga, "virga_stems_booted") >= count, f"{count} booted stems")

    def call(self, name, payload=b"{}"):
        """The answer, and what the call found: "stem", "cold; REASON" or None."""
        answer = self.api.invoke(FunctionName=name, Payload=payload)
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        value = json.loads(answer["Payload"].read())
        self.assertNotIn("FunctionError", answer, value)
        return value, headers.get("x-virga-start")

    def layer(self, name, files):
        return self.api.publish_layer_version(LayerName=name, Content={"ZipFile": zip_of(files)})["LayerVersionArn"]

    def both(self, files, cold_variable, **options):
        """The same function through a stem and from a cold start."""
        warm = self.deploy(files, **options)
        self.wait_for_stems()
        first, start = self.call(warm)
        self.assertEqual(start, "stem")
        cold = self.deploy(files, Environment={"Variables": {cold_variable: "1"}}, **options)
        second, start = self.call(cold)
        self.assertEqual(start, f"cold; {cold_variable} is set")
        return warm, first, second

    def assert_same(self, first, second):
        for fact in first:
            self.assertEqual(first[fact], second[fact], fact)

    def test_a_node_function_is_the_same_through_a_stem(self):
        layers = [self.layer("one", {"nodejs/node_modules/greeting/index.js": "module.exports = () => 'one';", "data": "1"}),
                  self.layer("two", {"nodejs/node_modules/other/index.js": "", "tool": "#!/bin/sh\necho tool runs\n"})]
        warm, first, second = self.both({"index.js": NODE_FACTS}, "NODE_NO_WARNINGS", MemorySize=256, Layers=layers)
        self.assertEqual(first["layer"], "one")
        self.assertEqual(first["run"], "tool runs\n")
        self.assertEqual(first["writes"], ["EROFS"] * 7 + ["allowed"])
        self.assert_same(first, second)
        again, start = self.call(warm)
        self.assertEqual((again["calls"], start), (2, None))  # once bound it stays, and is warm

    def test_a_python_function_is_the_same_through_a_stem(self):
        _, first, second = self.both({"app.py": PYTHON_FACTS}, "PYTHONNODEBUGRANGES", runtime="python3.11", handler="app.handler",
                                     MemorySize=256)
        first["flags"] = second["flags"] = None  # the variable shows in them
        self.assert_same(first, second)

    def test_modules_of_the_function_come_before_those_a_python_stem_knows(self):
        files = {"app.py": "import uuid, hmac\ndef handler(e, c): return [uuid.WHOSE, hmac.WHOSE]\n",
                 "uuid.py": "WHOSE = 'mine'\n", "hmac/__init__.py": "WHOSE = 'mine too'\n"}
        name = self.deploy(files, runtime="python3.11", handler="app.handler")
        self.wait_for_stems()
        self.assertEqual(self.call(name), (["mine", "mine too"], "stem"))

    def test_what_a_stem_cannot_take_starts_cold_and_says_why(self):
        source = {"index.js": "exports.handler = async () => process.execArgv.concat(process.env.NODE_OPTIONS ?? []);"}
        plain = self.deploy(source)
        self.wait_for_stems()
        options = self.deploy(source, Environment={"Variables": {"NODE_OPTIONS": "--max-old-space-size=99"}})
        libraries = self.deploy({**source, "lib/nothing.so": ""})
        native = self.deploy({"bootstrap": "#!/bin/sh\nexit 1\n"}, runtime="provided.al2023")
        self.assertEqual(self.call(options), (["--max-old-space-size=99"], "cold; NODE_OPTIONS is set"))
        self.assertEqual(self.call(libraries)[1], "cold; its package or a layer has a folder lib")
        self.assertEqual(self.call(plain)[1], "stem")
        answer = self.api.invoke(FunctionName=native)
        self.assertEqual(answer["ResponseMetadata"]["HTTPHeaders"]["x-virga-start"], "cold; its package brings the program")

    def test_nothing_of_one_tenant_is_found_by_the_next(self):
        source = """
const fs = require('fs');
const seen = { global: globalThis.left ?? null, variable: process.env.LEFT ?? null, files: fs.readdirSync('/tmp'),
  shared: fs.readdirSync('/dev/shm'), patched: Array.prototype.left ?? null, random: Math.random(), device: fs.statSync('/tmp').dev };
exports.handler = async () => {
  globalThis.left = process.env.LEFT = Array.prototype.left = process.env.SECRET;
  fs.writeFileSync('/tmp/left', process.env.SECRET);
  fs.writeFileSync('/dev/shm/left', process.env.SECRET);
  require('child_process').spawn('/bin/sleep', ['100'], { detached: true }).unref();
  return { ...seen, processes: fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length };
};
"""
        names = [self.deploy({"index.js": source}, Environment={"Variables": {"SECRET": f"of {i}"}}) for i in range(3)]
        seen = []
        for name in names:
            self.wait_for_stems()
            facts, start = self.call(name)
            self.assertEqual(start, "stem")
            seen.append(facts)
        for facts in seen:
            self.assertEqual((facts["global"], facts["variable"], facts["patched"]), (None, None, None))
            self.assertEqual((facts["files"], facts["shared"]), ([], []))
            self.assertEqual(facts["processes"], 2)  # itself and its own sleep; init is hidden
        self.assertEqual(len({facts["random"] for facts in seen}), 3)
        self.assertEqual(len({facts["device"] for facts in seen}), 3)

    def test_two_python_stems_hash_differently(self):
        source = {"app.py": "import random\ndef handler(e, c): return [hash('x'), random.random()]\n"}
        names = [self.deploy(source, runtime="python3.11", handler="app.handler") for _ in range(2)]
        values = []
        for name in names:
            self.wait_for_stems()
            value, start = self.call(name)
            self.assertEqual(start, "stem")
            values.append(value)
        self.assertNotEqual(values[0][0], values[1][0])
        self.assertNotEqual(values[0][1], values[1][1])

    def test_a_small_function_that_makes_garbage_lives_through_a_stem(self):
        # Eight times its memory, little of it kept: a heap limit that fits the function's memory makes V8 collect in time. While
        # loading, where no CPU quota holds.
        source = {"index.js": """
const kept = [];
for (let i = 0; i < 2000; ++i) kept[i % 40] = new Array(65536).fill(i);
exports.handler = async () => kept[39][0];
"""}
        _, first, second = self.both(source, "NODE_NO_WARNINGS", MemorySize=128)
        self.assertEqual((first, second), (1999, 1999))

    def test_a_stem_that_dies_is_replaced_and_nobody_notices(self):
        name = self.deploy({"index.js": "exports.handler = async () => 1;"})
        self.wait_for_stems()
        [waiting] = self.interpreters("/node")
        os.kill(waiting, signal.SIGKILL)
        wait_for(lambda: metric(self.virga, "virga_stems_lost_total") >= 1, "the loss counted")
        self.wait_for_stems()
        self.assertEqual(self.call(name), (1, "stem"))

    def test_no_runtime_waits_that_no_function_uses(self):
        time_to_boot = 1.0
        self.assertEqual(metric(self.virga, "virga_stems_waiting"), 0)
        name = self.deploy({"index.js": "exports.handler = async () => 1;"})
        self.wait_for_stems()
        self.api.delete_function(FunctionName=name)
        wait_for(lambda: metric(self.virga, "virga_stems_waiting") == 0, "the stem's end")
        wait_for(lambda: self.interpreters("/node") == [], "the end of its process", time_to_boot + 10)

    def interpreters(self, ending):
        """Processes of this daemon's sandboxes that run such a program."""
        below, found = {self.virga.process.pid}, []
        parents = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    parents[int(pid)] = int(file.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
        grown = True
        while grown:
            grown = [pid for pid, parent in parents.items() if parent in below and pid not in below]
            below.update(grown)
        for pid in below:
            try:
                if os.readlink(f"/proc/{pid}/exe").endswith(ending):
                    found.append(pid)
            except OSError:
                continue
        return found


if __name__ == "__main__":
    main()
