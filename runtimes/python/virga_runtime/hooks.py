"""What a function wants done around its forks (modules/virga.py hands these out as `virga.before_fork` and `virga.after_fork`)."""

before = []
after = []


def before_fork(function):
    """Calls `function()` in a process that is going to be forked: once, when the function is loaded, before the first fork. May be
    used as a decorator. In the order of their registration, reversed: what was made last goes first."""
    return _register(before, function)


def after_fork(function):
    """Calls `function()` in every fork, before its first event. May be used as a decorator. In the order of their registration."""
    return _register(after, function)


def _register(functions, function):
    if not callable(function):
        raise TypeError(f"a hook must be callable, not {type(function).__name__}")
    functions.append(function)
    return function


def run_before():
    for function in reversed(before):
        function()


def run_after():
    for function in after:
        function()
