"""What the kernel counts for the sandboxes of a server: memory of their processes, and its own for them."""

import os
from pathlib import Path

from harness.processes import read_pss_parts

V1 = Path("/sys/fs/cgroup/memory")
V2 = Path("/sys/fs/cgroup")
KIB_PER_MIB = 1024
BYTES_PER_MIB = 1024 * 1024


def parse_cgroup(text):
    """The folder of the memory cgroup in the text of /proc/PID/cgroup; None if it names none."""
    folder = None
    for line in text.splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return V1 / path.lstrip("/")
        if hierarchy == "0" and not controllers:
            folder = V2 / path.lstrip("/")
    return folder


def memory_cgroup(pid):
    """None when the process is gone."""
    try:
        return parse_cgroup(Path(f"/proc/{pid}/cgroup").read_text())
    except OSError:
        return None


def _namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def sandboxed(server):
    """(pid, folder of its memory cgroup) of each process that runs in a sandbox of this server."""
    own_namespace, own_folder = _namespace(server.pid), memory_cgroup(server.pid)
    found = [(stat.pid, _namespace(stat.pid), memory_cgroup(stat.pid)) for stat in server.tree()]
    return [(pid, folder) for pid, namespace, folder in found if namespace not in (None, own_namespace) and folder != own_folder]


def _number(path):
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _kernel_bytes(folder):
    """Stacks, page tables, sockets, descriptors of a cgroup's processes. 0 where it is not counted."""
    if (found := _number(folder / "memory.kmem.usage_in_bytes")) is not None:
        return found
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("kernel ")), 0)


def idle_memory(server):
    """(PSS that is not of files, PSS of files, the kernel's memory) in MiB of everything in a sandbox of this server."""
    processes = sandboxed(server)
    parts = [parts for pid, _ in processes if (parts := read_pss_parts(pid))]
    anonymous, files = (sum(part[index] for part in parts) for index in (0, 1))
    kernel = sum(_kernel_bytes(folder) for folder in {folder for _, folder in processes} if folder)
    return anonymous / KIB_PER_MIB, files / KIB_PER_MIB, kernel / BYTES_PER_MIB


def peak_memory(server):
    """The most that all sandboxes of this server took at once, in MiB; None if the kernel does not tell.

    They lie in one folder, made anew by each daemon. The daemon itself is not in it.
    """
    folders = {folder.parent for _, folder in sandboxed(server) if folder}
    for folder in folders:
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            if (found := _number(folder / name)) is not None:
                return found / BYTES_PER_MIB
    return None
