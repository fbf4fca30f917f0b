"""What a row is given: options, folders, cores, and the machine it runs on."""

import copy
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import BenchError
from harness.processes import run_checked

COMPILE_SECONDS = 120


@dataclass
class Bench:
    repository: Path
    virga: Path  # the binary under test; need not exist
    work: Path  # a temporary folder, removed at the end
    rounds: int
    seconds: float
    cold_starts: int
    functions: int  # how many the "ready" row has
    idle_seconds: float
    registered: int  # how many the "registered" row has
    at_once: int  # first calls of a burst
    full_peak: bool  # a million calls in a minute instead of the same rate for a short while
    queued: int = 1_000_000  # events that wait in the row of that name
    server_cores: set = field(default_factory=set)
    load_cores: set = field(default_factory=set)
    _compiled: dict = field(default_factory=dict)

    def __post_init__(self):
        cores = sorted(os.sched_getaffinity(0))
        self.server_cores = {cores[0]}
        self.load_cores = {cores[1 % len(cores)]}

    def on_all_cores(self):
        """The same bench with servers and load beside each other on both cores."""
        shared = copy.copy(self)
        shared.server_cores = shared.load_cores = self.server_cores | self.load_cores
        return shared

    @property
    def source(self):
        return self.repository / "bench"

    @property
    def cache(self):
        """Kept between runs: compiled clients, npm packages."""
        return self.repository / "build" / "bench-tools"

    def compile(self, name, source, *flags):
        """Compiles one C file; once per run, so that it is never older than its source."""
        if name not in self._compiled:
            target = self.cache / name
            target.parent.mkdir(parents=True, exist_ok=True)
            compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang-19", "clang")), "cc")
            run_checked(
                [compiler, "-O2", "-Wall", "-Wextra", "-std=gnu11", *flags, source, "-o", target],
                timeout=COMPILE_SECONDS,
                what=f"compiling {source.name}",
            )
            self._compiled[name] = target
        return self._compiled[name]

    def classes(self, name, source, classpath=None):
        """Compiles one Java file, once per run; returns the folder of its classes."""
        if name not in self._compiled:
            folder = self.cache / name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            path = ["-cp", classpath] if classpath else []
            command = [require_tool("javac", "openjdk-17-jdk-headless"), "--release", "17", *path, "-d", folder, source]
            run_checked(command, timeout=COMPILE_SECONDS, what=f"compiling {source.name}")
            self._compiled[name] = folder
        return self._compiled[name]

    def jar(self, name, source, main):
        """The same as a jar that `java -jar` runs."""
        target = self.cache / f"{name}.jar"
        if target not in self._compiled:
            folder = self.classes(name, source)
            command = [require_tool("jar", "openjdk-17-jdk-headless"), "--create", "--file", target, "--main-class", main, "-C", folder, "."]
            run_checked(command, timeout=COMPILE_SECONDS, what=f"packing {target.name}")
            self._compiled[target] = target
        return target

    def temporary(self, name):
        folder = self.work / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def require_tool(name, package=None):
    for folder in (None, "/usr/sbin:/usr/local/sbin:/sbin"):
        if path := shutil.which(name, path=folder):
            return path
    raise BenchError(f"{name} is not installed (Debian: {package or name})")


def _version(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = (done.stdout or done.stderr).strip()
    return text.splitlines()[0] if text else None


def describe_machine(bench):
    model = None
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    cgroup = "v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "v1"
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "memory_mib": memory_kib // 1024,
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cgroup": cgroup,
        "root": os.geteuid() == 0,
        "load_average": os.getloadavg()[0],
        "server_cores": sorted(bench.server_cores),
        "load_cores": sorted(bench.load_cores),
        "versions": {
            "node": _version("node", "--version"),
            "python": platform.python_version(),
            "nginx": _version("/usr/sbin/nginx", "-v"),
            "runc": _version("runc", "--version"),
            "commit": _version("git", "-C", str(bench.repository), "rev-parse", "--short=12", "HEAD"),
        },
    }
