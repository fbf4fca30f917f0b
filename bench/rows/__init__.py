"""The rows of the table, in its order. To add one: a file that makes `Row`s, and a line here.

A row is a name, what it shows, a goal or None, and a function from `Bench` to `Outcome`.
"""

from rows import accepts, burst, cold, forks, instances, keepalive, latency, memory, objects, peak, queued, queues, ready, registered, sandbox, throughput

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
    cold.JAVA,
    cold.NODE_WITHOUT_STEM,
    cold.PYTHON_WITHOUT_STEM,
    forks.SCALE_OUT,
    burst.ONE,
    burst.MANY,
    peak.HELLO,
    peak.WORK,
    accepts.ACCEPT,
    accepts.START,
    queues.MESSAGES,
    queues.BATCHES,
    queues.MOTO,
    objects.GET,
    objects.PUT,
    queued.MILLION,
    sandbox.RUNC,
    instances.NATIVE,
    instances.PYTHON,
    forks.IDLE,
    instances.NODE,
    memory.IDLE,
    registered.REGISTERED,
    keepalive.KEEPALIVE,
    ready.READY,
]
