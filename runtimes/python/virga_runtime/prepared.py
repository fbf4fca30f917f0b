"""Modules of the package and its layers are taken from the bytecode that compile_package.py made at the deployment.

PYTHONPYCACHEPREFIX would do that for the package and undo it for Python's own library, whose bytecode lies beside its sources.
"""

import marshal
import sys
from _frozen_importlib_external import MAGIC_NUMBER
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)

_HEADER = MAGIC_NUMBER + (1).to_bytes(4, "little")  # PEP 552: by hash, and nobody checks it
_SUFFIX = f".{sys.implementation.cache_tag}.pyc"
_roots = {}  # "/var/task/": where its bytecode lies


def bytecode_path(path):
    for root, prepared in _roots.items():
        if path.startswith(root):
            return prepared + path[:-3] + _SUFFIX
    return None


class PreparedLoader(SourceFileLoader):
    def get_code(self, fullname):
        try:
            data = self.get_data(bytecode_path(self.path))
            if data[:8] == _HEADER:
                return marshal.loads(memoryview(data)[16:])
        except (OSError, EOFError, ValueError, TypeError):
            pass
        return super().get_code(fullname)


def use(prepared, task_root):
    """`prepared`: the folder in the package's tree and in each layer's ("/.virga/NAME"), as BIND names it."""
    if sys.flags.optimize:
        return  # other bytecode than was made
    for root in (task_root, "/opt"):
        _roots[root + "/"] = root + prepared
    find = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES), (PreparedLoader, SOURCE_SUFFIXES), (SourcelessFileLoader, BYTECODE_SUFFIXES))

    def find_prepared(path):
        if path != task_root and bytecode_path(path) is None:
            raise ImportError
        return find(path)

    sys.path_hooks.insert(0, find_prepared)
