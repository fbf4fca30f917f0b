"""Starts, watches and ends the processes under test.

Every server gets a session of its own, so that it has a scheduling group of its own (see
`raise_priority`), and is pinned to the cores its row names; children inherit both the cores and
the end: when the harness dies, the kernel sends the server SIGTERM.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import BenchError

PR_SET_PDEATHSIG = 1
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
LOG_TAIL_BYTES = 2000
END_SECONDS = 2.0
# Variables of whoever runs the harness that change how a program starts. With NODE_EXTRA_CA_CERTS, Node takes 50 ms in place of 20.
START_VARIABLES = ("NODE_", "PYTHON", "JAVA_", "JDK_", "_JAVA_", "LD_", "SSL_", "OPENSSL_", "MALLOC_", "GLIBC_", "UV_")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class ProcessStat:
    """One line of /proc/PID/stat. `started` makes a pid unique: the kernel reuses pids."""

    pid: int
    parent: int
    session: int
    cpu_ticks: int
    started: int

    @property
    def key(self):
        return (self.pid, self.started)


def read_stat(pid):
    """None when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command name stands in parentheses and may hold spaces: fields count from the last one.
    fields = text[text.rindex(")") + 2 :].split()
    if fields[0] in "ZX":
        return None
    return ProcessStat(int(pid), int(fields[1]), int(fields[3]), int(fields[11]) + int(fields[12]), int(fields[19]))


def process_tree(root_pid):
    """The process, its descendants, and what shares its session: what a server consists of."""
    stats = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := read_stat(entry)):
            stats[stat.pid] = stat
    found = {pid for pid, stat in stats.items() if pid == root_pid or stat.session == root_pid}
    children = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat.pid)
    pending = list(found)
    while pending:
        for child in children.get(pending.pop(), ()):
            if child not in found:
                found.add(child)
                pending.append(child)
    return [stats[pid] for pid in sorted(found)]


def read_memory(pid):
    """(RSS, PSS) in KiB, or None when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    values = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return values.get("Rss", 0), values.get("Pss", 0)


def read_pss_parts(pid):
    """(PSS that is not of files, PSS of files) in KiB, or None when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    values = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    files = values.get("Pss_File", 0)
    return values.get("Pss", 0) - files, files


def run_time(pid):
    """Nanoseconds that the threads which a process has now were on a processor: finer than the ticks of `cpu_ticks`."""
    total = 0
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total


@dataclass
class Server:
    """A started server: one session of processes, ended by `stop`."""

    name: str
    process: subprocess.Popen
    log_path: Path
    notes: list = field(default_factory=list)

    @property
    def pid(self):
        return self.process.pid

    def tree(self):
        return process_tree(self.pid)

    def cpu_seconds(self):
        """utime + stime per live process, by its key."""
        return {stat.key: stat.cpu_ticks / TICKS_PER_SECOND for stat in self.tree()}

    def raise_priority(self):
        """Lifts the scheduling group of every process of the server.

        With sched_autogroup `nice` only counts within a session. A process that made its own
        session (a sandbox does) has its own group, so each one is lifted, not just the first.
        """
        for stat in self.tree():
            if reason := lift_autogroup(stat.pid):
                if reason not in self.notes:
                    self.notes.append(reason)

    def log_tail(self):
        with contextlib.suppress(OSError):
            return self.log_path.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
        return ""

    def require_alive(self):
        if self.process.poll() is not None:
            raise BenchError(f"{self.name} ended with {self.process.returncode}: {self.log_tail() or 'no output'}")

    def stop(self, timeout=10.0):
        """SIGTERM to the first process, SIGKILL to what is left. Returns how many had to be killed."""
        known = self.tree()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        left = _wait_for_end(known)
        for stat in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(stat.pid, signal.SIGKILL)
        self.process.wait()
        _wait_for_end(left)
        if left:
            self.notes.append(f"{self.name}: {len(left)} processes outlived SIGTERM and were killed")
        return len(left)


def _wait_for_end(stats):
    """Returns what is still there after a while."""
    deadline = time.monotonic() + END_SECONDS
    while left := [stat for stat in stats if (now := read_stat(stat.pid)) and now.key == stat.key]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return left


def lift_autogroup(pid="self"):
    """Returns None, or why the group of `pid` keeps its priority."""
    try:
        Path(f"/proc/{pid}/autogroup").write_text("-20")
    except FileNotFoundError:
        return None if pid != "self" else "no sched_autogroup: priorities as they are"
    except OSError as error:
        return f"autogroup priority refused ({error.strerror}): figures suffer from other load"
    return None


def plain_environment():
    """What is measured starts as on a machine where nobody has set anything for it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(START_VARIABLES)}


def in_own_session(cores):
    """For Popen's preexec_fn: a session of its own, lifted, on `cores`, ended with the harness."""
    harness = os.getpid()

    def prepare():
        os.setsid()
        lift_autogroup()
        os.sched_setaffinity(0, cores)
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != harness:
            os._exit(1)

    return prepare


def start_server(name, command, *, cores, log_path, environment=None, directory=None):
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("wb") as log:
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=plain_environment() if environment is None else environment,
                cwd=directory,
                preexec_fn=in_own_session(cores),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise BenchError(f"cannot start {name}: {error}") from error
    server = Server(name, process, log_path)
    if reason := lift_autogroup(process.pid):
        server.notes.append(reason)
    return server


def cpu_used(before, after):
    """Seconds between two `cpu_seconds`; what ended in between counts as nothing, what began in full."""
    return sum(seconds - before.get(key, 0.0) for key, seconds in after.items())


def run_checked(command, *, timeout, what, cores=None, **options):
    """Runs a command to its end and returns its standard output. On `cores` it is measured; without them it is a tool."""
    if cores:
        options.setdefault("env", plain_environment())
    try:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            preexec_fn=in_own_session(cores) if cores else None,
            **options,
        )
    except FileNotFoundError as error:
        raise BenchError(f"{what}: {error.filename} is not installed") from error
    except OSError as error:
        raise BenchError(f"{what}: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{what}: no end within {timeout:g} s") from error
    if done.returncode != 0:
        raise BenchError(f"{what} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout
