#!/usr/bin/env python3
"""The daemon is killed again and again under a load of asynchronous calls; no acknowledged one may be lost.

    async_crash_test.py [--kills 100] [--rate 500] [--seed N] [--minutes 6]

Every acknowledgement is written to a log of this program, and synced, before it counts. A seeded schedule kills the daemon
with SIGKILL. At the end every acknowledged call must have ended, with success or after all its attempts, and with at most 1 + its retries of
them; one whose success was seen before a kill must not have been attempted again. The daemon should be ready within half a second
of its start in 99 of 100 cases (a figure, shown and not judged: the machine may be busy). The seed is printed, so that a run can be repeated.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from signed import Connection
from virga import Virga, zip_of

CLIENTS = 8
RETRIES = 2
# One call in ten may fail, and some of these three times.
FUNCTION = """
exports.handler = async (event, context) => {
  if (event.number % 10 === 0 && Math.random() < 0.3) throw new Error('this time not');
  return event.number;
};
"""


class Acknowledged:
    """The calls that were acknowledged, on a synced log of its own."""

    def __init__(self, path):
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self.ids = []

    def add(self, call):
        os.write(self._file, (call + "\n").encode())
        os.fdatasync(self._file)
        with self._lock:
            self.ids.append(call)

    def sample(self, chance, count):
        with self._lock:
            return chance.sample(self.ids, min(count, len(self.ids)))


class Load:
    """Sends events at a rate from several threads, whatever happens to the daemon."""

    def __init__(self, virga, acknowledged, rate):
        self._virga, self._acknowledged = virga, acknowledged
        self._pause = CLIENTS / rate
        self._number = iter(range(1 << 60))
        self._over = threading.Event()
        self.is_up = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        connection, due = None, time.monotonic()
        while not self._over.is_set():
            if not self.is_up.wait(0.1):
                continue
            due = max(due + self._pause, time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()))
            try:
                connection = connection or Connection(self._virga)
                status, fields, _ = connection.send("POST", "/2015-03-31/functions/count/invocations",
                                                    json.dumps({"number": next(self._number)}), "lambda",
                                                    {"X-Amz-Invocation-Type": "Event"})
                if status == 202:
                    self._acknowledged.add(fields["x-virga-invocation"])
            except (OSError, ValueError):
                connection = None  # the daemon is gone: nothing was acknowledged

    def stop(self):
        self._over.set()
        self.is_up.set()
        for thread in self._threads:
            thread.join()


def invocation(connection, call, wait=0):
    status, _, body = connection.send("GET", f"/_virga/v1/invocations/{call}?wait={wait}", "", "virga")
    if status != 200:
        raise AssertionError(f"{call}: {status} {body[:200]}")
    return json.loads(body)


def start(virga):
    begin = time.monotonic()
    virga.start()  # returns when it says that it is ready
    return time.monotonic() - begin


def check_all(virga, acknowledged):
    """Every acknowledged call must end well."""
    calls = list(acknowledged.ids)
    local = threading.local()

    def check(call):
        if not hasattr(local, "connection"):
            local.connection = Connection(virga)
        found = invocation(local.connection, call, wait=120)
        state, attempts = found["state"], len(found["attempts"])
        has_ended = state == "succeeded" or (state == "failed" and attempts == 1 + RETRIES)
        return call, has_ended, attempts

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(check, calls))


def run(options, folder):
    chance = random.Random(options.seed)
    virga = Virga(data=folder / "data")
    virga.data.mkdir()
    acknowledged = Acknowledged(folder / "acknowledged")
    starts, seen = [start(virga)], {}
    api = virga.client("lambda")
    api.create_function(FunctionName="count", Runtime="nodejs20.x", Handler="index.handler",
                        Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": zip_of({"index.js": FUNCTION})})
    api.get_waiter("function_active_v2").wait(FunctionName="count")
    api.tag_resource(Resource="arn:aws:lambda:us-east-1:000000000000:function:count",
                     Tags={"virga:retry-delays": "50,100"})
    load = Load(virga, acknowledged, options.rate)
    deadline = time.monotonic() + options.minutes * 60
    kills = 0
    try:
        while kills < options.kills and time.monotonic() < deadline:
            load.is_up.set()
            time.sleep(chance.uniform(0.05, 1.5))
            # Some successes as they are known now: they must stay as they are.
            connection = Connection(virga)
            for call in acknowledged.sample(chance, 5):
                found = invocation(connection, call)
                if found["state"] == "succeeded":
                    seen[call] = len(found["attempts"])
            load.is_up.clear()
            virga.stop(signal.SIGKILL)
            kills += 1
            starts.append(start(virga))
    finally:
        load.stop()
    try:
        ended = check_all(virga, acknowledged)
    finally:
        virga.stop()
    lost = [call for call, has_ended, _ in ended if not has_ended]
    too_often = [call for call, _, attempts in ended if attempts > 1 + RETRIES]
    again = [call for call, _, attempts in ended if call in seen and attempts != seen[call]]
    starts.sort()
    slowest = starts[int(len(starts) * 0.99) - 1]
    print(f"seed {options.seed}: {kills} kills, {len(ended)} acknowledged, {len(lost)} lost, {len(too_often)} attempted too "
          f"often, {len(again)} of {len(seen)} run again after their success; ready after {slowest * 1000:.0f} ms (p99)")
    for name, calls in (("lost", lost), ("too often", too_often), ("run again", again)):
        if calls:
            print(f"{name}: {calls[:10]}")
    return kills > 0 and len(ended) > kills and not lost and not too_often and not again


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rate", type=float, default=500, help="events a second")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--minutes", type=float, default=6, help="kill no more after so long")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="virga-crash-") as folder:
        return 0 if run(options, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
