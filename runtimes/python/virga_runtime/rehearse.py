"""What a process that waits for its function does meanwhile: it loads what BIND and most functions will need."""

import gc
import importlib
import os
import sys

# What functions import most often, as far as it is small: what a stem has loaded counts as its function's memory. Those that a
# Python does not have are left out.
_COMMON = (
    "json", "logging", "traceback", "datetime", "time", "os", "re", "base64", "hashlib", "hmac", "uuid", "random", "collections",
    "functools", "itertools", "typing", "dataclasses", "enum", "io", "string", "copy", "math", "urllib.parse", "threading", "socket",
)
_FOLDER = os.path.join(os.path.dirname(__file__), "rehearsal")


_added = frozenset()  # names of modules that only the rehearsal loaded


def rehearse(is_idle):
    """`is_idle` tells that the function has not come yet; when it has, there is no time left."""
    from . import aws, errors, load, marshal_json, prepared  # noqa: F401

    global _added
    before = set(sys.modules)
    for name in _COMMON:
        if not is_idle():
            break
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    _added = frozenset(set(sys.modules) - before)
    if not is_idle():
        return
    # The way of a function's own module: found in a folder that was not looked into before, read, compiled.
    sys.path.insert(0, _FOLDER)
    importlib.import_module("virga_rehearsal").handler({}, None)
    sys.path.remove(_FOLDER)
    del sys.modules["virga_rehearsal"]
    sys.path_importer_cache.pop(_FOLDER, None)
    marshal_json.make_encoder(ensure_ascii=True)(marshal_json.parse('{"a": [1, "b"]}'))
    # So that the collection before the function's module is loaded finds nothing to do, and the pages stay shared.
    gc.collect()
    gc.freeze()


def forget_shadowed(folders):
    """A function may bring modules of its own under names that are loaded already; after a cold start it would get its own."""
    for folder in folders:
        try:
            entries = os.listdir(folder)
        except OSError:
            continue
        for name in _added.intersection(entry.partition(".")[0] for entry in entries):
            for loaded in [module for module in sys.modules if module == name or module.startswith(name + ".")]:
                del sys.modules[loaded]
