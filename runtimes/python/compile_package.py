"""Compiles the Python sources of a package or a layer into /var/output, at its deployment. It reads the user's code and runs none
of it: isolated (-I), so that nothing below /var/task can be imported.

The files are laid out as under PYTHONPYCACHEPREFIX, and marked as valid whatever the time of their source (PEP 552, unchecked
hashes), for a package never changes. virga_runtime/prepared.py finds them.
"""

import os
import py_compile
import sys
import time

ROOTS = ("/var/task", "/opt")
TIME_LIMIT = 15  # seconds: what is done by then is kept, the rest is compiled at each start


def main():
    sys.pycache_prefix = "/var/output"
    deadline = time.monotonic() + TIME_LIMIT
    for root in ROOTS:
        for folder, _, names in os.walk(root):
            for name in names:
                if time.monotonic() > deadline:
                    return
                if name.endswith(".py"):
                    compile_file(os.path.join(folder, name))


def compile_file(path):
    try:
        py_compile.compile(path, doraise=True, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except (py_compile.PyCompileError, SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        pass  # a template, a test of a parser: it fails, if ever, when it is imported


main()
