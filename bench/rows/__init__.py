"""The rows of the table, in its order. To add one: a file that makes `Row`s, and a line here.

A row is a name, what it shows, a goal or None, and a function from `Bench` to `Outcome`.
"""

from rows import cold, latency, memory, ready, sandbox, throughput

ROWS = [
    throughput.WARM_NODE,
    throughput.WARM_PYTHON,
    throughput.WARM_NATIVE,
    throughput.NGINX_NODE,
    throughput.WORKERD,
    latency.NODE,
    latency.PYTHON,
    latency.NATIVE,
    cold.NATIVE,
    cold.NODE,
    cold.PYTHON,
    sandbox.RUNC,
    memory.IDLE,
    ready.READY,
]
