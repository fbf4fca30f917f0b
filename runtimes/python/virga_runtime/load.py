"""Finds the handler that a function's setting names: `pkg/mod.func` or `pkg.mod.func`."""

import os
import sys
from importlib import import_module

from .errors import Fault


# Last on the path: what a function brings under the same name comes before it.
_MODULES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "modules")


def extend_path(task_root, environment):
    """The function's folder first, then the layers', then what the function's PYTHONPATH adds, then Python's own, then Virga's.

    Returns those that come before Python's own."""
    layers = f"/opt/python/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    added = [path for path in environment.get("PYTHONPATH", "").split(":") if path]
    own = [task_root, layers, "/opt/python", *added]
    sys.path[0:1] = own  # [0] was the bootstrap's folder
    sys.path.append(_MODULES)
    return own


def load(setting):
    """Raises Fault, or what the function's own code raised while loading."""
    try:
        name, function = setting.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{setting}': {error}") from None
    if name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {name} as a handler module")
    try:
        module = import_module(name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{name}': {error}", trace) from error
    try:
        return getattr(module, function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{name}'") from None
