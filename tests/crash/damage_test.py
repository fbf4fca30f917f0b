#!/usr/bin/env python3
"""Bytes of the data folder change by themselves; what is served then is right, or the damage is told.

    damage_test.py [--mutations 200] [--seconds 80] [--seed N] [--only NUMBER]

A data folder is filled (scenario.py), with records in every kind of file. Each mutation changes one file of a copy: a bit flips,
the end is cut off, a page becomes zeros. Then a daemon starts on it. It may refuse, with one line that names the folder and the
number of the problem; or it serves, and each answer is exactly what was acknowledged, or an error that tells of damage. Of files
of objects, the damage of one must not be felt by the others. Kinds of files take turns; the seed chooses the rest.
"""

import argparse
import base64
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from api import Api, NoAnswer, Refused
from scenario import CallLane, FunctionLane, Lost, QueueLane, Scenario, receive_all, require
from virga import PROGRAM, Virga, request, wait_until

PAGE = 4096
# Kinds of files in a data folder, and whether anything that was acknowledged depends on them.
KINDS = {
    "log": "store/*.log", "table": "store/*.sst", "manifest": "store/MANIFEST-*", "root": "store/CURRENT",
    "mark": "store/SYNCED", "options": "store/OPTIONS-*", "identity": "store/IDENTITY", "object": "objects/??/*",
    "package": "blobs/??/*", "code": "packages/*/*", "tool": "tools/*", "key of clients": "root-key.json",
    "key of records": "store-key", "lock": "virga.lock",
}


def fill(folder):
    """A data folder at the end of the scenario, with records in tables and in the log."""
    scenario = Scenario()
    virga = Virga(data=folder)
    for turn in range(2):
        virga.start()
        if turn == 0:
            scenario.run(virga)
            require(scenario.is_done, "the scenario did not come to its end:", scenario.failures())
        else:
            # A start moves the log into tables; this is the new log.
            api = Api(virga)
            for number in range(40):
                api.queues("SendMessage", queue="plain", MessageBody=f"late {number} " + "x" * 500)
            api.close()
        key = (virga.key_id, virga.secret)
        virga.stop()
    return scenario, key


def mutate(path, chance):
    """Changes the file; says how."""
    content = bytearray(path.read_bytes())
    if not content:
        return None
    kind = chance.choice(["flip", "cut", "zero"])
    at = chance.randrange(len(content))
    if kind == "flip":
        bit = chance.randrange(8)
        content[at] ^= 1 << bit
        told = f"bit {bit} of byte {at}"
    elif kind == "cut":
        del content[at:]
        told = f"cut off at {at}"
    else:
        begin = at // PAGE * PAGE
        page = content[begin:begin + PAGE]
        if not any(page):
            return None
        content[begin:begin + PAGE] = bytes(len(page))
        told = f"zeros from {begin}"
    mode = path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(mode)
    return told


class Check:
    """Asks for everything that was acknowledged; counts what is right and what is refused, and raises Lost for the rest."""

    def __init__(self, virga, scenario):
        self.virga, self.scenario = virga, scenario
        self.api = Api(virga)
        self.right, self.refused = [], []

    def ask(self, what, get, is_right):
        try:
            got = get()
        except NoAnswer as error:
            # A body that breaks off is no success to any client.
            require("IncompleteRead" in str(error), f"{what}: the daemon is gone: {error}")
            self.refused.append(what)
            return
        except Refused as error:
            text = error.body.decode(errors="replace")
            require(error.status >= 500 and ("[VIRGA00" in text or "damaged" in text), f"{what}: {error}")
            self.refused.append(what)
            return
        require(is_right(got), f"{what}: a wrong answer: {str(got)[:200]}")
        self.right.append(what)

    def all(self, with_code):
        state = self.scenario.objects.states[-1]
        for key, body in state.items():
            self.ask(f"object {key}", lambda key=key: self.api.s3("GET", f"/bucket/{key}").body,
                     lambda got, body=body: got == body)
        self.ask("list", lambda: self.api.s3("GET", "/bucket?list-type=2").body.decode(),
                 lambda got: all(f"<Key>{key}</Key>" in got for key in state) and got.count("<Key>") == len(state))
        for lane in self.scenario.lanes:
            if isinstance(lane, QueueLane):
                late = [f"late {number} " + "x" * 500 for number in range(40)] if lane.name == "plain" else []
                wanted = [*lane.states[-1], *late]
                self.ask(lane.name, lambda lane=lane, wanted=wanted: receive_all(self.api, lane.name, len(wanted)),
                         lambda got, wanted=wanted: sorted(got) == sorted(wanted))
            if isinstance(lane, CallLane):
                for number, call in lane.calls.items():
                    self.ask(f"call {number}", lambda call=call: self.api.invocation(call).json["state"],
                             lambda got: got == "succeeded")
        self.ask("versions", lambda: self.api.functions(
            "GET", "/2015-03-31/functions/deployed/versions").json["Versions"], lambda got: len(got) == 2)
        if with_code:
            # Code is compared with its archive after a start, in the background.
            wait_until(lambda: "unpacked packages checked" in self.virga.log_text(), 20, "the check of packages")
            self.ask("code", self.download, lambda got: got == FunctionLane().zip("B"))
            self.ask("result", lambda: self.api.functions(
                "POST", "/2015-03-31/functions/deployed/invocations").json, lambda got: got == "B")
        self.api.close()

    def download(self):
        location = self.api.functions("GET", "/2015-03-31/functions/deployed").json["Code"]["Location"]
        answer = request(location)
        if answer.status >= 300:
            raise Refused("code", answer.status, answer.body)
        return base64.b64encode(answer.body).decode()


def serve(folder, key):
    """A daemon on it, or what it said when it refused."""
    virga = Virga(data=folder, environment={"VIRGA_LOG_LEVEL": "debug"})
    try:
        virga.start()
    except json.JSONDecodeError:
        pass  # the file with the clients' key is not what it was, and the daemon told another one
    except (AssertionError, KeyError, FileNotFoundError) as error:
        if virga.process is not None and virga.process.poll() is None:
            virga.stop(signal.SIGKILL)
            raise
        said = run_serve(folder)
        require(said.returncode > 0, f"the start ended with {said.returncode}: {error}")
        lines = (said.stdout + said.stderr).strip().splitlines()
        return None, lines[-1] if lines else ""
    virga.key_id, virga.secret = key
    return virga, ""


def run_serve(folder):
    return subprocess.run([str(PROGRAM), "serve", "--port", "0", "--data", str(folder)], capture_output=True, text=True,
                          timeout=20, stdin=subprocess.DEVNULL, check=False)


def one(kind, base, key, scenario, place, chance):
    """What came of one mutation: refused, served, or served in part."""
    shutil.copytree(base, place, symlinks=True)
    files = sorted(path for path in place.glob(KINDS[kind]) if path.is_file())
    path = chance.choice(files)
    told = mutate(path, chance)
    if told is None:
        return "unchanged", "", path
    virga, said = serve(place, key)
    if virga is None:
        require("[VIRGA00" in said and (str(place) in said or "store-key" in said), f"{path.name}, {told}: an unclear refusal: {said}")
        return "refused", told, path
    check = Check(virga, scenario)
    try:
        check.all(with_code=kind in ("package", "code", "tool"))
    except Lost as error:
        if kind == "key of clients" and "403" in str(error):
            return "refused", told, path  # nobody gets in with another key
        raise Lost(f"{path.name}, {told}: {error}") from None
    finally:
        virga.stop(signal.SIGKILL)
    if kind == "object":
        require(len(check.refused) == 1, f"{path.name}, {told}: refused:", check.refused)
    return "served in part" if check.refused else "served", told, path


def run(options, folder):
    base = folder / "base"
    base.mkdir()
    scenario, key = fill(base)
    kinds = [kind for kind, pattern in KINDS.items() if any(path.is_file() for path in base.glob(pattern))]
    require(kinds == list(KINDS), "there is no file of a kind:", set(KINDS) - set(kinds))
    deadline = time.monotonic() + options.seconds
    outcomes, wrong, done = {kind: Counter() for kind in kinds}, [], 0
    numbers = [options.only] if options.only is not None else range(options.mutations)
    for number in numbers:
        if time.monotonic() > deadline:
            break
        kind = kinds[number % len(kinds)]
        place = folder / "copy"
        try:
            outcome, _, _ = one(kind, base, key, scenario, place, random.Random(f"{options.seed} {number}"))
            outcomes[kind][outcome] += 1
        except Lost as error:
            wrong.append(number)
            print(f"WRONG in mutation {number} of {kind}: {error}", flush=True)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        done += 1
    for kind, counts in outcomes.items():
        print(f"  {kind}: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    print(f"seed {options.seed}: {done} mutations, {len(wrong)} served wrongly or told unclearly")
    return done > 0 and not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutations", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=80, help="make no more after so long")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--only", type=int, help="the mutation of this number")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="virga-damage-") as folder:
        return 0 if run(options, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
