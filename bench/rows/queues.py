"""Messages a second through a queue: sent, received and deleted over Amazon SQS's JSON protocol, by clients that sign.

Every step is a request that waits for its answer. With Virga each of the three is on the disk, synced, when it is answered; the
peers keep messages in memory.
"""

import contextlib
import json

from harness import service_peers, virga
from harness.clients import run_clients, signed
from harness.errors import BenchError
from harness.outcome import Goal, Outcome, median
from harness.service_peers import Service
from rows.row import Row, alternate

CLIENTS = 64
MESSAGE_BYTES = 100
WARM_UP_SECONDS = 5  # a JVM compiles for as long


@contextlib.contextmanager
def _virga(bench):
    with virga.daemon(bench) as daemon:
        body = json.dumps({"QueueName": "bench"}).encode()
        target = {"x-amz-target": "AmazonSQS.CreateQueue", "content-type": "application/x-amz-json-1.0"}
        answer = daemon.ask("sqs", "POST", "/", body, target)
        if answer.status != 200:
            raise BenchError(f"CreateQueue answered {answer.status}: {answer.body[:200]!r}")
        queue = json.loads(answer.body)["QueueUrl"]
        yield Service("Virga", daemon.server, daemon.port, signed(daemon, "sqs"), queue)


def _measure(peer_name, start_peer, batch):
    def measure(bench):
        def run(service, warm_up):
            arguments = ["queue", service.url, "--queue", service.queue, "--batch", batch, "--bytes", MESSAGE_BYTES]
            seconds = WARM_UP_SECONDS if warm_up else bench.seconds
            return run_clients(bench, service.server, arguments, service.credentials, connections=CLIENTS, seconds=seconds)

        outcome = Outcome(peer_name=peer_name, unit="messages/s")
        rounds = alternate(bench, outcome, {"peer": lambda: start_peer(bench), "virga": lambda: _virga(bench)}, run)
        return compare_rates(outcome, rounds)

    return measure


def compare_rates(outcome, rounds):
    """Fills the outcome by what was done a second on each side."""
    for side in ("peer", "virga"):
        runs = [figures[side] for figures in rounds if side in figures]
        if runs:
            setattr(outcome, side, median(run.done_per_second for run in runs))
            outcome.details[side] = {
                name: median(getattr(run, name) for run in runs)
                for name in ("done_per_second", "cpu_us", "server_busy", "p50_ms", "p99_ms", "client_cpu_us")
            }
    pairs = [figures for figures in rounds if len(figures) == 2]
    outcome.ratio = median(figures["virga"].done_per_second / figures["peer"].done_per_second for figures in pairs)
    outcome.rounds = [{side: vars(run) for side, run in figures.items()} for figures in rounds]
    return outcome


MESSAGES = Row(
    "queue_messages",
    "queue: sent, received, deleted, singly",
    Goal("virga", ">=", 8_000, "messages/s"),
    _measure("elasticmq (in memory)", service_peers.elasticmq, 1),
)
BATCHES = Row(
    "queue_batches",
    "queue: the same, ten at a time",
    Goal("virga", ">=", 40_000, "messages/s"),
    _measure("elasticmq (in memory)", service_peers.elasticmq, 10),
)
MOTO = Row("queue_moto", "queue: singly, against moto", None, _measure("moto (in memory)", service_peers.moto, 1))
