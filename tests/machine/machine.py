"""A Debian machine in a window: boots Debian's own kernel in qemu, with this machine's files as its own.

    machine = Machine(work_folder, keep=[checkout])   # raises Unavailable: qemu or the kernel cannot be had here
    for line in machine.run(["/path/program"], seconds=120): ...

The guest's root is this machine's, shared read-only (virtiofs), with a disk of its own above it (overlay) that is gone
afterwards; /tmp is that disk itself, but for the folders named by `keep`. So the guest runs what was built here, at the same
paths, and can change nothing. It has no network but loopback, and control groups of version 2 with all controllers, as a
fresh Debian has them. KVM makes it fast where the processor has it; without, qemu computes every instruction itself.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = ["virtio_pci", "virtio_blk", "virtiofs", "overlay"]
VIRTIOFSD = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"]
DISK_BYTES = 8 << 30  # sparse
MEMORY_MIB = 2048
CPUS = 2


class Unavailable(Exception):
    """No machine can be had here; the message says why."""


def find(program, package):
    found = shutil.which(program) or next((path for path in [program] if os.access(path, os.X_OK)), None)
    if not found:
        raise Unavailable(f"{program} is missing (apt-get install {package})")
    return found


class Kernel:
    """Debian's kernel package, taken apart in a folder and not installed."""

    def __init__(self, folder):
        self.folder = Path(folder)
        images = sorted((self.folder / "boot").glob("vmlinuz-*"))
        if not images:
            self._fetch()
            images = sorted((self.folder / "boot").glob("vmlinuz-*"))
        if not images:
            raise Unavailable(f"no kernel in {self.folder}")
        self.image = images[-1]
        self.release = self.image.name.removeprefix("vmlinuz-")
        self.modules = self.folder / "lib" / "modules" / self.release

    def _fetch(self):
        """The package that linux-image-cloud-amd64 stands for: 27 MB from the machine's own package sources."""
        for tool, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg"), ("busybox", "busybox-static")):
            find(tool, package)
        shown = subprocess.run(["apt-cache", "depends", "--important", "linux-image-cloud-amd64"], capture_output=True,
                               text=True, check=False).stdout
        name = re.search(r"Depends: (linux-image-\S+)", shown)
        if not name:
            raise Unavailable("the package sources know no linux-image-cloud-amd64")
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as place:
            done = subprocess.run(["apt-get", "download", name[1]], cwd=place, capture_output=True, text=True, check=False,
                                  timeout=300)
            packages = list(Path(place).glob("*.deb"))
            if done.returncode or not packages:
                raise Unavailable(f"{name[1]} could not be downloaded: {done.stderr.strip().splitlines()[-1:]}")
            unpacked = Path(place) / "kernel"
            subprocess.run(["dpkg-deb", "-x", packages[0], unpacked], check=True)
            release = name[1].removeprefix("linux-image-")
            subprocess.run(["busybox", "depmod", "-b", unpacked, release], check=True, capture_output=True)
            shutil.rmtree(self.folder, ignore_errors=True)
            unpacked.rename(self.folder)

    def closure(self, wanted):
        """Files of these modules and of all they need, the needed ones first."""
        needs = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            file, _, others = line.partition(":")
            needs[Path(file).stem.replace("-", "_")] = [file, *others.split()]
        files = []
        for module in wanted:
            # Those built in are not in the list.
            for file in reversed(needs.get(module, [])):
                if file not in files:
                    files.append(file)
        return files


def newc(entries):
    """The bytes of a cpio archive (initramfs-buffer-format.rst): (path, mode, content) each."""
    out = bytearray()
    for number, (path, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        name = path.encode() + b"\0"
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def initramfs(kernel, busybox):
    modules = kernel.closure(MODULES)
    entries = [(path, 0o040755, b"") for path in ("bin", "dev", "proc", "sys", "modules", "host", "disk", "root")]
    entries.append(("bin/busybox", 0o100755, Path(busybox).read_bytes()))
    entries.append(("init", 0o100755, (HERE / "init.sh").read_bytes()))
    names = []
    for file in modules:
        names.append(Path(file).name)
        entries.append(("modules/" + names[-1], 0o100644, (kernel.modules / file).read_bytes()))
    entries.append(("modules/order", 0o100644, "".join(name + "\n" for name in names).encode()))
    return newc(entries)


def can_virtualize():
    """KVM runs Debian's kernel only with the processor's own virtualization; other kinds want a kernel made for them."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return bool(flags) and bool({"vmx", "svm"} & set(flags[1].split()))


class Machine:
    def __init__(self, folder, keep=()):
        self.folder = Path(folder)
        self.keep = [str(path) for path in keep]
        if os.geteuid() != 0:
            raise Unavailable("sharing this machine's files with the guest needs root")
        self.qemu = find("qemu-system-x86_64", "qemu-system-x86")
        self.busybox = find("busybox", "busybox-static")
        self.mkfs = find("/sbin/mkfs.ext4", "e2fsprogs")
        find("unshare", "util-linux")
        self.virtiofsd = next((path for path in VIRTIOFSD if os.access(path, os.X_OK)), None)
        if not self.virtiofsd:
            raise Unavailable("virtiofsd is missing (apt-get install qemu-system-common)")
        self.kernel = Kernel(self.folder / "kernel")
        self.accelerator = "kvm" if can_virtualize() else "tcg"

    def run(self, command, seconds):
        """Runs it as the guest's first program. Yields the console's lines until the guest is off or the time is over."""
        with tempfile.TemporaryDirectory(prefix="virga-machine-") as place, contextlib.ExitStack() as stack:
            share = self._share(stack, place)
            guest = subprocess.Popen(self._arguments(place, share, command), stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
            stack.callback(end, guest)
            stack.callback(guest.stdout.close)
            limit = threading.Timer(seconds, guest.kill)
            limit.daemon = True
            limit.start()
            stack.callback(limit.cancel)
            for line in guest.stdout:
                yield line.rstrip("\r\n")

    def _arguments(self, place, share, command):
        disk = os.path.join(place, "disk")
        with open(disk, "wb") as file:
            file.truncate(DISK_BYTES)
        subprocess.run([self.mkfs, "-q", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", disk], check=True)
        archive = os.path.join(place, "initramfs")
        Path(archive).write_bytes(initramfs(self.kernel, self.busybox))
        kernel_line = ["console=ttyS0", "loglevel=1", "panic=-1", "cgroup_no_v1=all", f"virga.modules={self.kernel.modules}",
                       f"virga.keep={','.join(self.keep)}", "--", *command]
        return [
            self.qemu, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
            "-accel", "kvm" if self.accelerator == "kvm" else "tcg,thread=multi",
            "-cpu", "host" if self.accelerator == "kvm" else "max", "-smp", str(CPUS),
            "-machine", "q35,memory-backend=memory", "-m", str(MEMORY_MIB),
            "-object", f"memory-backend-memfd,id=memory,size={MEMORY_MIB}M,share=on",
            "-chardev", f"socket,id=share,path={share}", "-device", "vhost-user-fs-pci,chardev=share,tag=host",
            "-drive", f"file={disk},format=raw,if=virtio,cache=unsafe,discard=unmap",
            "-kernel", str(self.kernel.image), "-initrd", archive, "-append", " ".join(kernel_line)]

    def _share(self, stack, place):
        """Starts virtiofsd on a read-only view of / that it alone sees. Returns its socket."""
        path, view = os.path.join(place, "share"), os.path.join(place, "view")
        os.mkdir(view)
        with open(os.path.join(place, "share.log"), "w+", encoding="utf-8") as log:
            daemon = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", SHARE, "share",
                                       view, self.virtiofsd, path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            stack.callback(end, daemon)
            deadline = time.monotonic() + 10
            while not os.path.exists(path):
                if daemon.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise Unavailable(f"virtiofsd did not start: {log.read().strip()[-300:]}")
                time.sleep(0.02)
        return path


# $1: an empty folder, $2: virtiofsd, $3: its socket.
SHARE = """
set -e
mount --rbind / "$1"
mount -o remount,bind,ro=recursive "$1" 2>/dev/null || mount -o remount,bind,ro "$1"
exec "$2" --socket-path="$3" -o source="$1" -o cache=always -o sandbox=chroot -o log_level=err
"""


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
