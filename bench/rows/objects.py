"""Objects of 64 KiB over Amazon S3's protocol: read, against nginx with the same file, and written, against s3rver."""

import contextlib

from harness import service_peers, virga
from harness.clients import body_file, run_clients, signed
from harness.errors import BenchError
from harness.outcome import Goal, Outcome, median
from harness.service_peers import Service
from rows.queues import compare_rates
from rows.row import Row, alternate

SIZE = 64 << 10
CLIENTS = 32
WARM_UP_SECONDS = 1
PATH = "bench/object"
# With less of its core in use a server waits for the clients, and its rate says nothing.
SATURATED = 0.9
# More than are written in a run, so that each is a new object.
KEYS_PER_SECOND = 8_000


@contextlib.contextmanager
def _virga(bench, content):
    with virga.daemon(bench) as daemon:
        for path, body in (("/bench", b""), (f"/{PATH}", content)):
            answer = daemon.ask("s3", "PUT", path, body)
            if answer.status != 200:
                raise BenchError(f"PUT {path} answered {answer.status}: {answer.body[:200]!r}")
        yield Service("Virga", daemon.server, daemon.port, signed(daemon, "s3"))


def _measure_get(bench):
    content = body_file(bench, "object", SIZE).read_bytes()

    def run(service, warm_up):
        seconds = WARM_UP_SECONDS if warm_up else bench.seconds
        arguments = ["repeat", service.url + PATH]
        return run_clients(bench, service.server, arguments, service.credentials, connections=CLIENTS, seconds=seconds)

    outcome = Outcome(peer_name="nginx", unit="objects/s")
    sides = {"peer": lambda: service_peers.nginx_file(bench, content), "virga": lambda: _virga(bench, content)}
    rounds = alternate(bench, outcome, sides, run)
    compare_rates(outcome, rounds)
    pairs = [figures for figures in rounds if len(figures) == 2]
    if pairs and min(run.server_busy for figures in pairs for run in figures.values()) < SATURATED:
        outcome.ratio = median(figures["peer"].cpu_us / figures["virga"].cpu_us for figures in pairs)
        outcome.peer, outcome.virga = outcome.details["peer"]["cpu_us"], outcome.details["virga"]["cpu_us"]
        outcome.unit = "CPU µs/object"
        outcome.note("a server waited for its clients: CPU time is compared")
    outcome.note("every request to Virga is signed, and checked")
    return outcome


def _measure_put(bench):
    body = body_file(bench, "object", SIZE)
    runs = 0

    def run(service, warm_up):
        nonlocal runs
        runs += 1
        seconds = WARM_UP_SECONDS if warm_up else bench.seconds
        paths = bench.temporary("paths") / "put"
        paths.write_text("".join(f"/bench/{runs}/{number}\n" for number in range(int(seconds * KEYS_PER_SECOND))))
        arguments = ["repeat", service.url, "--method", "PUT", "--body", body, "--paths", paths]
        return run_clients(bench, service.server, arguments, service.credentials, connections=CLIENTS, seconds=seconds)

    outcome = Outcome(peer_name="s3rver (not synced)", unit="objects/s")
    sides = {"peer": lambda: service_peers.s3rver(bench), "virga": lambda: _virga(bench, body.read_bytes())}
    return compare_rates(outcome, alternate(bench, outcome, sides, run))


GET = Row("object_get", "object of 64 KiB read, 32 clients", Goal("ratio", ">=", 0.7), _measure_get)
PUT = Row("object_put", "64 KiB written and synced, 32 clients", Goal("virga", ">=", 3_000, "objects/s"), _measure_put)
