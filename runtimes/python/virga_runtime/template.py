"""A template: a process that has loaded its function and from then on does nothing but fork. Each fork becomes an instance.

The messages on its socket are described in docs/forks.md. No code of the function runs in a template once it forks, and none runs
in a fork before that is in a Landlock domain of its own.
"""

import _signal
import _socket
import _struct
import errno
import os
import select
import stat
import sys
import time

from . import hooks

_FORK, _FORKED, _FAILED, _ENDED = 1, 2, 3, 4
_MESSAGE = _struct.Struct("<IIQ")  # kind, errno or wait status, serial
_DESCRIPTORS = 6  # that come with FORK: input, output, errors, frames, handshake, a Landlock ruleset
_INT_SIZE = _struct.calcsize("i")
_PRIVATE = ("/tmp", "/dev/shm")  # folders that each fork has of its own, empty
_MOST_NAMES = 3
_LARGE_PAGE = 2 << 20
_COLLAPSE_TIME = 0.5  # seconds: some 2 ms for each large page


class Template:
    """Made before the function is loaded, so that it can tell what the function left behind."""

    def __init__(self, channel, descriptor):
        self._channel = channel
        self._helper = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, descriptor)
        os.set_inheritable(descriptor, False)
        self._descriptors = _open_descriptors()
        self._files = {folder: _names(folder) for folder in _PRIVATE}
        self._children = {}  # process: serial

    # ---- whether it can be forked

    def prepare(self):
        """Runs the hooks that come before forks. Returns why this process cannot be forked; "": it can."""
        try:
            from . import _fork  # noqa: F401
        except ImportError:
            return "Virga's Python runtime was built without a C compiler"
        try:
            hooks.run_before()
        except Exception as error:
            return f"virga.before_fork failed: {type(error).__name__}: {error}"
        why = _find_threads() or _find_processes() or ("" if hooks.after else self._find_leftovers())
        if not why:
            _collapse_memory()
        return why

    def _find_leftovers(self):
        """What a fork would share with others, or not have, unless the function does something about it."""
        opened = _open_descriptors()
        if names := sorted(name for descriptor, name in opened.items() if self._descriptors.get(descriptor) != name):
            return f"its code keeps open {_list(names)}, and registers no virga.after_fork"
        for folder in _PRIVATE:
            if names := _names(folder) - self._files[folder]:
                paths = [f"{folder}/{name}" for name in sorted(names)]
                return f"its code leaves {_list(paths)} while it loads, and registers no virga.after_fork"
        return ""

    # ---- forking

    def serve(self):
        """Forks whenever it is asked to, until Virga ends it. Returns in each fork, which has the descriptors of an instance then."""
        if not self._channel.is_idle():
            os._exit(0)  # END came with BIND
        self._folder = os.getcwd()
        # A fork that ended must be heard of although nothing is asked.
        self._signals, wakeup = os.pipe()
        os.set_blocking(self._signals, False)
        os.set_blocking(wakeup, False)
        self._wakeup = wakeup
        self._old_handler = _signal.signal(_signal.SIGCHLD, lambda *_: None)
        self._old_wakeup = _signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        self._poll = poll = select.poll()
        for descriptor in (self._channel.descriptor, self._helper.fileno(), self._signals):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._signals:
                    self._reap()
                elif descriptor == self._helper.fileno():
                    if self._take_request():
                        return
                else:
                    os._exit(0)  # END, or Virga is gone. The forks go on

    def _take_request(self):
        """Whether this is a fork now."""
        space = _socket.CMSG_SPACE(_DESCRIPTORS * _INT_SIZE)
        message, ancillary, _, _ = self._helper.recvmsg(_MESSAGE.size, space, _socket.MSG_CMSG_CLOEXEC)
        if not message:
            os._exit(0)
        received = []
        for level, kind, data in ancillary:
            if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                received += _struct.unpack(f"{len(data) // _INT_SIZE}i", data)
        kind, _, serial = _MESSAGE.unpack(message)
        if kind != _FORK or len(received) != _DESCRIPTORS:
            self._answer(_FAILED, errno.EBADMSG, serial)
        else:
            try:
                child = os.fork()
            except OSError as error:
                self._answer(_FAILED, error.errno, serial)
            else:
                if child == 0:
                    self._become_instance(received)
                    return True
                self._children[child] = serial
                self._answer(_FORKED, 0, serial)
        for descriptor in received:
            os.close(descriptor)
        return False

    def _answer(self, kind, value, serial):
        self._helper.send(_MESSAGE.pack(kind, value, serial))

    def _reap(self):
        try:
            while os.read(self._signals, 512):
                pass
        except BlockingIOError:
            pass
        while self._children:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child == 0:
                return
            serial = self._children.pop(child, None)
            if serial is not None:
                self._answer(_ENDED, status, serial)

    # ---- in a fork

    def _become_instance(self, received):
        from ._fork import join

        standard, frames, handshake, rules = received[:3], *received[3:]
        # Until then what this process does counts as the template's.
        try:
            join(handshake, rules)
        except OSError:
            os._exit(1)
        _signal.set_wakeup_fd(self._old_wakeup)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL if self._old_handler is None else self._old_handler)
        self._helper.close()
        os.close(self._signals)
        os.close(self._wakeup)
        for descriptor, source in enumerate(standard):
            os.dup2(source, descriptor)
        os.dup2(frames, self._channel.descriptor, inheritable=False)
        for descriptor in (*standard, frames):
            os.close(descriptor)
        os.setsid()
        try:
            os.chdir(self._folder)  # its root is another one now
        except OSError:
            pass  # a folder below /tmp: what comes next goes to the root

        _reseed()


def _reseed():
    """Python reseeds `random` itself (os.register_at_fork), OpenSSL likewise; os.urandom has no state."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _collapse_memory():
    """Most of a fork's time goes into copying an entry for every page: with large pages that is a third, and what a fork writes to
    is copied by small ones all the same. It must come before the first fork, which would keep the pages as they were."""
    from ._fork import collapse

    deadline = time.monotonic() + _COLLAPSE_TIME
    with open("/proc/self/maps") as maps:
        ranges = [line.split() for line in maps]
    for fields in ranges:
        if fields[1] != "rw-p" or (len(fields) > 5 and fields[5] != "[heap]"):
            continue
        begin, end = (int(address, 16) for address in fields[0].split("-"))
        for at in range(-(-begin // _LARGE_PAGE) * _LARGE_PAGE, end - _LARGE_PAGE + 1, _LARGE_PAGE):
            collapse(at, _LARGE_PAGE)
            if time.monotonic() > deadline:
                return


def _find_threads():
    count = len(_names("/proc/self/task")) - 1
    return f"its code leaves {_count(count, 'thread')} running" if count > 0 else ""


def _find_processes():
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        return ""
    return "its code leaves a process running"


def _open_descriptors():
    """What each descriptor stands for, without character devices, which have no state."""
    opened = {}
    for name in _names("/proc/self/fd"):
        try:
            descriptor = int(name)
            if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
                opened[descriptor] = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            pass  # the one with which the folder was read
    return opened


def _names(folder):
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def _count(number, noun):
    return f"a {noun}" if number == 1 else f"{number} {noun}s"


def _list(names):
    """For one line of text: "socket, /tmp/a, /tmp/b and 2 more"."""
    shown = [name.partition(":[")[0].encode("ascii", "backslashreplace").decode() for name in names[:_MOST_NAMES]]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(shown) + more
