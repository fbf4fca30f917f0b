"""A disk that can lose power: what would be left of a folder, from the journal that disk_watch/ wrote.

    disk = Disk(folder)
    for entry in read_journal(path):
        disk.apply(entry)
        disk.leave(place, Loss.STRICT)    # the folder as a start would find it now

Each entry is one change, one sync, or one answer (disk_watch/). A sync of a file vouches for the bytes that were written
before it began; a sync of a folder vouches for its names, and for no other folder's. Everything else may be lost.
"""

import enum
import os
import random
import re
import struct
from pathlib import Path

_HEAD = struct.Struct("<IHHQQQIIQ")
_MAGIC = 0x44575431


class Kind(enum.IntEnum):
    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC_BEGIN = 4
    SYNC_END = 5
    DIRECTORY_SYNC_BEGIN = 6
    DIRECTORY_SYNC_END = 7
    RENAME = 8
    LINK = 9
    UNLINK = 10
    MKDIR = 11
    RMDIR = 12
    FOLDER_SYNC_BEGIN = 13
    FOLDER_FILE = 14
    FOLDER_SYNC_END = 15
    SEND = 16
    ALLOCATE = 17
    MODE = 18


class Loss(enum.Enum):
    """What goes when the power does."""

    NOTHING = "nothing"  # the process was killed, the machine goes on
    STRICT = "strict"  # everything that no sync vouches for
    TORN = "torn"  # of each file and folder the changes from some moment on, the one of that moment by half
    HOLES = "holes"  # of each file any of the writes, wherever they lie; the file is as long as it was: zeros lie between


class Entry:
    def __init__(self, kind, failed, number, inode, offset, path, other, data):
        self.kind, self.failed, self.number, self.inode, self.offset = Kind(kind), bool(failed), number, inode, offset
        self.path, self.other, self.data = path, other, data


def read_journal(path):
    bytes_ = Path(path).read_bytes()
    at = 0
    # What was cut off by the kill was not done.
    while at + _HEAD.size <= len(bytes_):
        magic, kind, failed, number, inode, offset, path_size, other_size, size = _HEAD.unpack_from(bytes_, at)
        if magic != _MAGIC:
            raise AssertionError(f"the journal is damaged at {at}")
        at += _HEAD.size
        if at + path_size + other_size + size > len(bytes_):
            return
        name = bytes_[at:at + path_size].decode()
        other = bytes_[at + path_size:at + path_size + other_size].decode()
        at += path_size + other_size
        yield Entry(kind, failed, number, inode, offset, name, other, bytes_[at:at + size])
        at += size


_REQUEST = re.compile(rb"(?i)\r\nx-amzn-requestid: ([^\r]+)\r\n")


def answered_requests(entry):
    """The ids of the requests whose answers begin in this piece."""
    return [one.decode() for one in _REQUEST.findall(entry.data)] if entry.kind == Kind.SEND else []


def _write(content, offset, data):
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


def _truncate(content, size):
    del content[size:]
    content.extend(bytes(size - len(content)))


class _File:
    def __init__(self, mode=0o600):
        self.mode = mode
        self.now = bytearray()
        self.safe = bytearray()
        self.open = []  # changes that no sync vouches for: (offset, data), or (size, None) for a truncation
        self.syncs = {}

    def change(self, offset, data):
        self.open.append((offset, data))
        _apply(self.now, offset, data)

    def begin(self, sync):
        self.syncs[sync] = len(self.open)

    def end(self, sync, failed):
        count = self.syncs.pop(sync)
        if not failed:
            for offset, data in self.open[:count]:
                _apply(self.safe, offset, data)
        # After a failure nothing vouches for these pages any more, whatever a later sync says.
        del self.open[:count]
        self.syncs = {one: max(0, at - count) for one, at in self.syncs.items()}

    def left(self, loss, chance):
        if loss == Loss.NOTHING:
            return self.now
        content = bytearray(self.safe)
        if loss == Loss.STRICT or not self.open:
            return content
        if loss == Loss.TORN:
            kept = self.open[:chance.randint(0, len(self.open))]
            for offset, data in kept[:-1]:
                _apply(content, offset, data)
            if kept:
                offset, data = kept[-1]
                _apply(content, offset, data if data is None else data[:chance.randint(0, len(data))])
        else:
            for offset, data in self.open:
                if chance.random() < 0.5:
                    _apply(content, offset, data)
                elif data is not None and len(content) < offset + len(data):
                    _truncate(content, offset + len(data))
        return content


def _apply(content, offset, data):
    if data is None:
        _truncate(content, offset)
    else:
        _write(content, offset, data)


class _Folder:
    def __init__(self, mode=0o700):
        self.mode = mode
        self.now = {}
        self.safe = {}
        self.open = []  # (name, node or None)
        self.syncs = {}

    def change(self, name, node):
        self.open.append((name, node))
        _name(self.now, name, node)

    def begin(self, sync):
        self.syncs[sync] = len(self.open)

    def end(self, sync, failed):
        count = self.syncs.pop(sync)
        if not failed:
            for name, node in self.open[:count]:
                _name(self.safe, name, node)
        del self.open[:count]
        self.syncs = {one: max(0, at - count) for one, at in self.syncs.items()}

    def left(self, loss, chance):
        if loss == Loss.NOTHING:
            return self.now
        names = dict(self.safe)
        if loss != Loss.STRICT:
            for name, node in self.open[:chance.randint(0, len(self.open))]:
                _name(names, name, node)
        return names


def _name(names, name, node):
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


class Disk:
    """A folder on such a disk. It begins empty."""

    def __init__(self, folder, keeps_syncs=True):
        self._keeps_syncs = keeps_syncs
        self._root = _Folder()
        self._prefix = len(str(folder))
        self._files = {}  # by inode

    def _find(self, path):
        node = self._root
        for name in path[self._prefix:].split("/"):
            if name:
                node = node.now.get(name) if isinstance(node, _Folder) else None
        return node

    def _parent(self, path):
        parent, name = path.rsplit("/", 1)
        return self._find(parent), name

    def _set(self, path, node):
        parent, name = self._parent(path)
        if parent is not None:
            parent.change(name, node)

    def _file(self, entry):
        # A file that was there before this process made itself known is of no interest here.
        return self._files.get(entry.inode) or _File()

    def apply(self, entry):
        kind = entry.kind
        if kind == Kind.CREATE:
            self._files[entry.inode] = _File()
            self._set(entry.path, self._files[entry.inode])
        elif kind == Kind.WRITE:
            self._file(entry).change(entry.offset, entry.data)
        elif kind == Kind.TRUNCATE:
            self._file(entry).change(entry.offset, None)
        elif kind == Kind.MKDIR:
            self._set(entry.path, _Folder())
        elif kind in (Kind.UNLINK, Kind.RMDIR):
            self._set(entry.path, None)
        elif kind == Kind.LINK:
            self._set(entry.other, self._find(entry.path))
        elif kind == Kind.RENAME:
            node = self._find(entry.path)
            if node is not None:
                self._set(entry.other, node)
                self._set(entry.path, None)
        elif kind in (Kind.SYNC_BEGIN, Kind.SYNC_END):
            self._sync(self._file(entry), entry)
        elif kind in (Kind.DIRECTORY_SYNC_BEGIN, Kind.DIRECTORY_SYNC_END):
            folder = self._find(entry.path)
            if isinstance(folder, _Folder):
                self._sync(folder, entry)
        elif kind == Kind.MODE:
            node = self._find(entry.path) if entry.path else self._file(entry)
            if node is not None:
                node.mode = entry.offset & 0o777  # taken for safe: what depends on it writes the file first
        elif kind == Kind.FOLDER_FILE:
            self._take_over(entry)
        elif kind == Kind.FOLDER_SYNC_END and not entry.failed:
            if self._keeps_syncs:
                self._save_all(self._root)

    def _sync(self, node, entry):
        if entry.kind in (Kind.SYNC_BEGIN, Kind.DIRECTORY_SYNC_BEGIN):
            node.begin(entry.offset)
        elif entry.offset in node.syncs:
            node.end(entry.offset, entry.failed or not self._keeps_syncs)

    def _take_over(self, entry):
        """A file that another process made."""
        if entry.inode == 0:
            if self._find(entry.path) is None:
                self._set(entry.path, _Folder(entry.offset & 0o777))
            return
        file = self._files[entry.inode] = _File(entry.offset & 0o777)
        file.change(0, entry.data)
        self._set(entry.path, file)

    def _save_all(self, node):
        # What is written while the whole file system is synced is not told apart from what was before.
        if isinstance(node, _File):
            node.safe, node.open, node.syncs = bytearray(node.now), [], dict.fromkeys(node.syncs, 0)
            return
        node.safe, node.open, node.syncs = dict(node.now), [], dict.fromkeys(node.syncs, 0)
        for child in node.now.values():
            self._save_all(child)

    def leave(self, place, loss, chance=None):
        """Writes what is left into a new folder."""
        self._leave(self._root, Path(place), loss, chance or random.Random(0), {})

    def _leave(self, node, place, loss, chance, written):
        place.mkdir(mode=node.mode)
        for name, child in node.left(loss, chance).items():
            target = place / name
            if isinstance(child, _Folder):
                self._leave(child, target, loss, chance, written)
            elif child in written:
                os.link(written[child], target)
            else:
                target.write_bytes(child.left(loss, chance))
                target.chmod(child.mode)
                written[child] = target
