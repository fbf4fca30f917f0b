"""The frames channel over one inherited AF_UNIX socket: blocking reads into one buffer, answers gathered into one write."""

import _socket  # the C module: `socket` costs 2 ms of start and adds nothing that is used here
import _struct
import _thread
import os

BIND, INVOKE, END, REHEARSE = 1, 2, 3, 4
READY, INIT_ERROR, RESULT, ERROR, LOG, BOOTED = 16, 17, 18, 19, 20, 21
LAST_ERROR = ERROR | 1 << 8  # with its flag: the process ends now and begins no other invocation

MAX_BODY = 16 * 1024 * 1024
READ_SIZE = 256 * 1024
FLUSH_SIZE = 64 * 1024  # from here on a write does not wait for the end of the batch

_HEADER = _struct.Struct("<IBBHQ")  # size, type, flags, reserved, invocation number
HEADER_SIZE = _HEADER.size
_pack_header = _HEADER.pack
_unpack_header = _HEADER.unpack_from


class Channel:
    """Reads are for one thread; writes may come from any."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, descriptor)
        os.set_inheritable(descriptor, False)
        self._lock = _thread.allocate_lock()
        self._out = []  # frames that wait for `flush`
        self._out_size = 0
        self.buffer = bytearray(READ_SIZE)
        self._view = memoryview(self.buffer)
        self._begin = 0  # what was received and not yet handed out lies in buffer[_begin:_end]
        self._end = 0

    def is_idle(self):
        """Whether nothing has arrived that was not handed out."""
        if self._begin < self._end:
            return False
        try:
            return not self._socket.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True

    def next_frame(self):
        """(type, number, begin, end), the body being `buffer[begin:end]` until the next call; None when Virga is gone.

        Answers that wait are sent before it blocks.
        """
        while True:
            begin = self._begin
            have = self._end - begin
            size = 0
            if have >= HEADER_SIZE:
                size, kind, _, _, number = _unpack_header(self.buffer, begin)
                if size > MAX_BODY:
                    raise RuntimeError(f"Virga sent a frame of {size} bytes; {MAX_BODY} is the limit.")
                body = begin + HEADER_SIZE
                if have >= HEADER_SIZE + size:
                    self._begin = body + size
                    return kind, number, body, body + size
            if self._out:
                self.flush()
            self._make_room(HEADER_SIZE + size)
            received = self._socket.recv_into(self._view[self._end:])
            if received == 0:
                return None
            self._end += received

    def _make_room(self, size):
        """Moves what is left to the front, and sees that a frame of `size` bytes fits and that there is room to receive."""
        begin, have = self._begin, self._end - self._begin
        if have == 0:
            self._begin = self._end = 0
            if len(self.buffer) > READ_SIZE and size <= READ_SIZE:
                self.buffer = bytearray(READ_SIZE)
                self._view = memoryview(self.buffer)
            return
        if begin + size <= len(self.buffer) and self._end < len(self.buffer):
            return
        if size > len(self.buffer):
            larger = bytearray(size + READ_SIZE)
            larger[:have] = self._view[begin:self._end]
            self.buffer = larger
            self._view = memoryview(larger)
        else:
            self._view[:have] = bytes(self._view[begin:self._end])
        self._begin, self._end = 0, have

    def write(self, kind, number, body):
        """Queues a frame for the next `flush`. The caller sees that the body is not over MAX_BODY."""
        with self._lock:
            self._out.append(_pack_header(len(body), kind & 0xFF, kind >> 8, 0, number))
            self._out.append(body)
            self._out_size += HEADER_SIZE + len(body)
        if self._out_size > FLUSH_SIZE:
            self.flush()

    def flush(self):
        with self._lock:
            if not self._out:
                return
            data = b"".join(self._out)
            self._out.clear()
            self._out_size = 0
            try:
                self._socket.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # Virga is gone; the next read says so
