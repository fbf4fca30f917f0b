"""virga-clients: many clients, each of which waits for its answer before it asks again (clients/README.md)."""

import os
from dataclasses import dataclass

from harness.load import built_program, run_json
from harness.errors import BenchError
from harness.processes import cpu_used, plain_environment

EXTRA_SECONDS = 60


@dataclass(frozen=True)
class Credentials:
    service: str  # "": nothing is signed
    key_id: str = ""
    secret: str = ""


NOBODY = Credentials("")


@dataclass
class Driven:
    done_per_second: float  # requests, or messages of a queue
    cpu_us: float  # of all server processes, for each that was done
    server_busy: float  # cores the server used
    requests: int
    p50_ms: float
    p99_ms: float
    client_cpu_us: float  # of the clients, for each request


def run_clients(bench, server, arguments, credentials, *, connections, seconds=None, requests=None):
    """One run of `virga-clients repeat` or `queue`; refuses runs with failures, as their rate means nothing."""
    server.raise_priority()
    server.require_alive()
    command = [built_program(bench, "virga-clients", "bench/clients"), *arguments, "--connections", connections]
    command += ["--requests", requests] if requests else ["--seconds", seconds]
    environment = plain_environment()
    if credentials.service:
        command += ["--sign", credentials.service]
        environment |= {"AWS_ACCESS_KEY_ID": credentials.key_id, "AWS_SECRET_ACCESS_KEY": credentials.secret}
    before = server.cpu_seconds()
    limit = (seconds or 600) + EXTRA_SECONDS
    found = run_json(command, timeout=limit, what="virga-clients", cores=bench.load_cores, env=environment)
    cpu = cpu_used(before, server.cpu_seconds())
    if found["failed"] or found["broken"] or not found["done"]:
        raise BenchError(f"{found['failed']} of {found['requests']} answers were none that was hoped for: {found['statuses']}")
    return Driven(
        done_per_second=found["rate"],
        cpu_us=cpu / found["done"] * 1e6,
        server_busy=cpu / found["seconds"],
        requests=found["requests"],
        p50_ms=found["latency_ms"]["p50"],
        p99_ms=found["latency_ms"]["p99"],
        client_cpu_us=found["cpu_us_per_request"],
    )


def signed(daemon, service):
    return Credentials(service, *daemon.key())


def body_file(bench, name, size):
    """A file of that many bytes that no file system makes smaller."""
    path = bench.temporary("bodies") / name
    path.write_bytes(os.urandom(size))
    return path
