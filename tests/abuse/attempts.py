"""The hostile attempts that Python can express, most of them as bare system calls. Same names and lines as attempts.c."""

import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"


def verdict(name, allowed, number=0, detail=""):
    print(name, "allowed" if allowed else "blocked", 0 if allowed else number, detail, flush=True)


def attempt(name, action, reached=()):
    """Allowed if the action returns, or if it fails with an error that says it got through."""
    try:
        action()
        verdict(name, True)
    except OSError as error:
        verdict(name, error.errno in reached, error.errno or 0, error.strerror or "")


def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def in_child(name, action):
    child = os.fork()
    if child == 0:
        code = 0
        try:
            action()
        except OSError as error:
            code = error.errno or 250
        os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        verdict(name, False, os.WTERMSIG(status), "signal")
    else:
        verdict(name, os.WEXITSTATUS(status) == 0, os.WEXITSTATUS(status))


def read(path):
    with open(path, "rb") as file:
        if not file.read(64):
            raise OSError(errno.ENODATA, "empty")


def create(path):
    with open(path, "wb"):
        pass
    os.unlink(path)


def dial(host, port, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        client.connect(host if family == socket.AF_UNIX else (host, port))


def link_to(target):
    if os.path.lexists("/tmp/pylink"):
        os.unlink("/tmp/pylink")
    os.symlink(target, "/tmp/pylink")
    try:
        read("/tmp/pylink")
    finally:
        os.unlink("/tmp/pylink")


def main():
    secret = os.environ.get("SECRET", "/nonexistent")
    attempt("01.shadow", lambda: read("/etc/shadow"))
    attempt("02.secret", lambda: read(secret))
    attempt("03.dotdot", lambda: read("../../../../../../../.." + secret))
    for name, path in (("task", "/var/task"), ("usr", "/usr"), ("root", ""), ("etc", "/etc")):
        attempt("04.write-" + name, lambda: create(path + "/made"))
    attempt("05.core-pattern", lambda: os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)))
    attempt("06.sysrq", lambda: os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY)))
    for name in ("kcore", "kallsyms", "keys"):
        attempt("06." + name, lambda: read("/proc/" + name))
    attempt("07.init-mem", lambda: os.close(os.open("/proc/1/mem", os.O_RDONLY)))
    attempt("07.init-environ", lambda: os.close(os.open("/proc/1/environ", os.O_RDONLY)))
    attempt("09.self-exe", lambda: os.close(os.open("/proc/self/exe", os.O_WRONLY)), (errno.ETXTBSY,))
    attempt("10.dev-kmsg", lambda: os.close(os.open("/dev/kmsg", os.O_RDONLY)))
    attempt("10.mknod", lambda: (os.mknod("/tmp/pyblock", 0o060600, os.makedev(7, 0)), os.unlink("/tmp/pyblock")))
    in_child("11.chroot", lambda: os.chroot("/tmp"))
    if "VICTIM" in os.environ:
        attempt("18.kill-host", lambda: os.kill(int(os.environ["VICTIM"]), signal.SIGKILL))
    for name, family, kind, protocol in (("22.alg", 38, 5, 0), ("23.packet", 17, 3, 0), ("23.raw", 2, 3, 1),
                                         ("24.vsock", 40, 1, 0), ("25.netfilter", 16, 3, 12), ("25.xfrm", 16, 3, 6)):
        attempt(name, lambda: socket.socket(family, kind, protocol).close())
    attempt("27.metadata", lambda: dial("169.254.169.254", 80))
    if "PORT" in os.environ:
        attempt("28.host-port", lambda: dial("127.0.0.1", int(os.environ["PORT"])))
        attempt("28.host-abstract", lambda: dial("\0" + os.environ["ABSTRACT"], 0, socket.AF_UNIX))
    attempt("29.hostname", lambda: socket.sethostname("owned"))
    in_child("30.setuid", lambda: os.setuid(0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def raise_files():
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1000, hard + 1000))
        except ValueError:
            raise OSError(errno.EPERM, "") from None

    in_child("31.files", raise_files)
    in_child("31.nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, -20))
    in_child("31.realtime", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10)))
    attempt("36.cgroupfs", lambda: os.stat("/sys/fs/cgroup"))
    attempt("38.hardlink", lambda: (os.link("/var/task/marker", "/tmp/pyhard"), os.unlink("/tmp/pyhard")))
    attempt("38.symlink", lambda: link_to(secret))
    attempt("51.core-pattern", lambda: read("/proc/sys/kernel/core_pattern"))
    if X86:
        in_child("12.unshare-user", lambda: call(272, 0x10000000))
        in_child("16.traceme", lambda: call(101, 0, 0, 0, 0))
        attempt("19.keyctl", lambda: call(250, 0, -3, 0))
        attempt("20.bpf", lambda: call(321, 0, None, 0), (errno.EINVAL, errno.E2BIG, errno.EFAULT))
        attempt("21.io-uring", lambda: call(425, 1, None), (errno.EFAULT,))
        in_child("32.personality", lambda: call(135, 0x0040000))
    print("end")


if __name__ == "__main__":
    sys.exit(main())
