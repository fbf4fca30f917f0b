"""Talks to virga-sandbox-run, and looks at the machine from outside. Standard library only."""

import glob
import json
import os
import queue
import subprocess
import threading
import time


MARKER = "marker"  # a file that the code of every task has: when a stem sees it, it is bound


# How many times longer than usual everything may take: an emulated machine is slow.
PATIENCE = float(os.environ.get("VIRGA_PATIENCE", "1"))


class Runner:
    """One helper with its sandboxes. Events of a sandbox are handed to whoever waits for its id.

    `as_stems`: each sandbox waits without a task first and is then bound to what was asked for.
    `as_forks`: each is the one fork of a template of its own, which ends with it; the code has template.c's program."""

    def __init__(self, program, state, blanks=4, privilege=None, prefix=(), allow=(), as_stems=False, as_forks=False):
        self.as_stems = as_stems
        self.as_forks = as_forks
        self.templates = {}  # by fork
        command = [*prefix, program, "--state", state, "--blanks", str(blanks)]
        if privilege:
            command += ["--privilege", privilege]
        for range_ in allow:
            command += ["--allow", range_]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.next_id = 1
        self.lock = threading.Lock()
        self.events = {}
        self.other = queue.Queue()
        first = self.process.stdout.readline()
        self.hello = json.loads(first) if first else {"event": "no_helper", "message": "virga-sandbox-run ended"}
        if self.hello["event"] != "ready":
            raise RuntimeError(self.hello["message"])
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "ended" and event["id"] in self.templates:
                self.send(do="kill", id=self.templates.pop(event["id"]))
            if "id" in event:
                self._queue(event["id"]).put(event)
            else:
                self.other.put(event)

    def _queue(self, sandbox):
        with self.lock:
            return self.events.setdefault(sandbox, queue.Queue())

    def send(self, **request):
        with self.lock:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()

    def start(self, arguments, **options):
        with self.lock:
            sandbox = self.next_id
            self.next_id += 1
        self._queue(sandbox)
        options.setdefault("environment", ["PATH=/usr/bin:/bin", "HOME=/tmp"])
        if self.as_stems:
            self._start_stem(sandbox, arguments, options)
            return sandbox
        if self.as_forks:
            self._start_fork(sandbox, arguments, options)
            return sandbox
        self.send(do="start", id=sandbox, arguments=arguments, **options)
        return sandbox

    def _start_fork(self, sandbox, arguments, options):
        with self.lock:
            template = self.next_id
            self.next_id += 1
        of_fork = {name: options[name] for name in ("memory", "cpus", "init_cpus", "processes", "files", "tmp", "log")
                   if name in options}
        of_template = {name: value for name, value in options.items() if name != "log"}
        of_template["environment"] = [*options["environment"], "BARE=1"]
        self.send(do="start", id=template, template=True, arguments=["/var/task/template", "honest", *arguments],
                  **of_template)
        started = self.wait(template, "started")
        if started["event"] != "started":
            self._queue(sandbox).put(started)
            return
        self.templates[sandbox] = template
        self.send(do="fork", id=sandbox, of=template, **of_fork)

    def _start_stem(self, sandbox, arguments, options):
        at_start = {name: options.pop(name) for name in ("environment", "runtime", "log") if name in options}
        waiting = ["/bin/sh", "-c", f'until [ -e /var/task ] && cd /var/task && [ -e {MARKER} ]; do sleep 0.01; done; exec "$@"', "sh"]
        self.send(do="start", id=sandbox, stem=True, arguments=waiting + arguments, **at_start)
        started = self.wait(sandbox, "started")
        if started["event"] == "started":
            self.send(do="bind", id=sandbox, **options)
            bound = self.wait(sandbox, "bound")
            if bound["event"] != "bound":
                raise RuntimeError(f"the stem was not bound: {bound}")
        self._queue(sandbox).put(started)

    def wait(self, sandbox, event, seconds=20):
        """The next event of this kind; a start_failed ends any wait."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            found = self._queue(sandbox).get(timeout=max(0.01, deadline - time.monotonic()))
            if found["event"] in (event, "start_failed", "bind_failed"):
                return found

    def forget(self, sandbox):
        with self.lock:
            self.events.pop(sandbox, None)

    def close(self):
        if self.process.stdin:
            self.process.stdin.close()
            self.process.stdin = None
        self.process.wait(timeout=30)


def host_pids():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def status_field(pid, field):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return line.split(":", 1)[1].split()
    except OSError:
        return None
    return None


def sandbox_pids(first=200000, count=1 << 20):
    """Host pids of processes with a sandbox's user id."""
    found = {}
    for pid in host_pids():
        uid = status_field(pid, "Uid")
        if uid and first <= int(uid[0]) < first + count:
            found[pid] = int(uid[0])
    return found


def children_of(parent):
    """Host pids below a process."""
    below = {}
    for pid in host_pids():
        above = status_field(pid, "PPid")
        if above:
            below.setdefault(int(above[0]), []).append(pid)
    found, todo = [], [parent]
    while todo:
        for pid in below.get(todo.pop(), []):
            found.append(pid)
            todo.append(pid)
    return found


def cgroup_name(state):
    value = 0xCBF29CE484222325
    for byte in state.encode():
        value = ((value ^ byte) * 0x100000001B3) & ((1 << 64) - 1)
    return f"virga-{value:016x}"


def cgroups_of(state):
    """Folders of all groups made for this state folder."""
    name = cgroup_name(state)
    found = []
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        if os.path.basename(folder) == name:
            found.append(folder)
            found += [os.path.join(folder, child) for child in names]
            names[:] = []
    return found


def namespaces():
    """Every namespace that a process of this machine is in."""
    seen = set()
    for pid in host_pids():
        for kind in ("net", "mnt", "pid", "user", "ipc", "uts", "cgroup"):
            try:
                seen.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
            except OSError:
                pass
    return seen


def loops_of(folder):
    """Loop devices whose file lies in this folder, or did while it had a name."""
    found = []
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                if file.read().startswith(folder + "/"):
                    found.append(path.split("/")[3])
        except OSError:
            pass  # let go of at this moment
    return found
