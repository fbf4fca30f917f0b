#!/usr/bin/env python3
"""The abuse list: what hostile code tries in a sandbox, in native code, Python and Node, judged from outside.

Each attempt also runs where nothing holds it (as root in a throw-away root and namespaces, or with the limit lifted). If
it does not succeed there either, the sandbox proved nothing, and the list says so.

    run.py --runner virga-sandbox-run --attempts attempts [--only TEXT]
"""

import argparse
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import control
import harness

SKIPPED = 77
HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20

# Attempts that succeed without the sandbox on every kernel Virga supports. If one of these is blocked in the control as
# well, the control has rotted, and that is a failure. The rest depends on how the kernel was built and who runs the test.
ALWAYS_PROVABLE = """
01.shadow 02.secret 03.dotdot 04.write-task 04.write-usr 04.write-root 04.write-etc 07.init-environ 09.self-exe 10.mknod
11.mount-tmpfs 11.remount 11.umount 11.chroot 12.unshare-user 13.clone-user 14.setns 16.traceme 17.process-vm 18.kill-host
19.keyctl 23.packet 23.raw 25.xfrm 26.splice 26.vmsplice 27.metadata 28.host-port 28.host-abstract 29.hostname 30.setuid
30.setuid-file 32.personality 34.handle 36.cgroupfs 37.lo-down 38.hardlink 38.symlink 39.seccomp 51.loadavg 51.stat
51.core-pattern
""".split()

# Rows of the list that are not attempts on one sandbox, and where they are judged or why not yet.
NOT_HERE = {
    "50": "the log limit lies with the reader of the log (runtime); here only that a flood ends with its sandbox",
    "52": "not yet: needs instances of one function, which the daemon makes",
    "53": "not yet: the runtime API is the daemon's",
    "54": "not yet: the control plane is the daemon's",
    "56": "side channels are out of scope of this tier; `virga doctor` warns of SMT",
}


# What a fork does not hold that a sandbox of its own does; docs/forks.md says so.
WEAKER_IN_FORKS = {"36.cgroup-path"}


class Suite:
    def __init__(self, options, as_stems=False, as_forks=False):
        # Every sandbox is a bound stem, or a fork: the same has to hold as for one that was started whole.
        self.as_stems = as_stems
        self.as_forks = as_forks
        self.options = options
        self.failures = []
        self.proved = 0
        self.unproved = []
        self.folder = tempfile.mkdtemp(prefix="virga-abuse-")
        os.chmod(self.folder, 0o755)
        self.code = os.path.join(self.folder, "code")
        os.mkdir(self.code)
        template = os.path.join(os.path.dirname(options.attempts), "template")
        for file in (options.attempts, template, os.path.join(HERE, "attempts.py"), os.path.join(HERE, "attempts.js")):
            shutil.copy(file, self.code)
        self.write(os.path.join(self.code, harness.MARKER), "marker\n")
        self.secret = os.path.join(self.folder, "neighbour", "secret")
        os.mkdir(os.path.dirname(self.secret))
        self.write(self.secret, "another tenant's file\n")
        self.runner = harness.Runner(options.runner, os.path.join(self.folder, "state"), as_stems=as_stems,
                                     as_forks=as_forks)
        self.log_number = 0

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def check(self, name, good, detail=""):
        name = f"stem {name}" if self.as_stems else f"fork {name}" if self.as_forks else name
        print(f"{'ok  ' if good else 'FAIL'} {name} {detail}", flush=True)
        if not good:
            self.failures.append(name)

    def sandbox(self, arguments, seconds=30, **options):
        """Runs to the end. Returns the last event and the log."""
        self.log_number += 1
        log = os.path.join(self.folder, f"log{self.log_number}")
        number = self.runner.start(arguments, code=self.code, log=log, **options)
        started = self.runner.wait(number, "started")
        if started["event"] != "started":
            return started, ""
        ended = self.runner.wait(number, "ended", seconds)
        with open(log, encoding="utf-8", errors="replace") as file:
            return ended, file.read()

    def close(self):
        self.runner.close()
        shutil.rmtree(self.folder, ignore_errors=True)


LANGUAGES = {
    "native": ["/var/task/attempts", "all"],
    "python": ["/usr/bin/python3", "/var/task/attempts.py"],
    "node": ["/usr/bin/node", "/var/task/attempts.js"],
}

def attempts(suite):
    victim = subprocess.Popen(["/bin/sleep", "600"])
    listener = socket.create_server(("127.0.0.1", 0))
    hidden = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    abstract = "virga-abuse-" + os.path.basename(suite.folder)
    hidden.bind("\0" + abstract)
    hidden.listen(16)
    memory = 192 * MIB
    base = {"SECRET": suite.secret, "PORT": str(listener.getsockname()[1]), "ABSTRACT": abstract,
            "MEMORY_KIB": str(memory // 1024)}
    hostname = socket.gethostname()
    try:
        for language, arguments in LANGUAGES.items():
            environment = dict(base, VICTIM=str(victim.pid), PATH="/usr/bin:/bin", HOME="/tmp")
            ended, log = suite.sandbox(arguments, memory=memory,
                                       environment=[f"{key}={value}" for key, value in environment.items()])
            inside = control.parse(log)
            suite.check(f"{language}: ran to its end", "end" in log.splitlines() and ended.get("reason") == "exited",
                        "" if "end" in log.splitlines() else f"{ended} {log[-300:]}")
            if suite.as_stems or suite.as_forks:  # what an attempt can do where nothing holds was seen in the first pass
                for name, (result, error) in inside.items():
                    if suite.as_forks and name in WEAKER_IN_FORKS:
                        continue
                    suite.check(f"{language} {name}", result == "blocked", f"errno {error}")
                continue
            free = control.run(suite, arguments, dict(base), own=True)
            throwaway = subprocess.Popen(["/bin/sleep", "600"])
            with_host = ["/var/task/attempts", "host"] if language == "native" else arguments
            more = control.run(suite, with_host, dict(base, VICTIM=str(throwaway.pid)), own=False)
            throwaway.kill()
            throwaway.wait()
            for name, (result, error) in inside.items():
                proved = "allowed" in (free.get(name, ("?",))[0], more.get(name, ("?",))[0])
                label = f"{language} {name}"
                suite.check(label, result == "blocked", f"errno {error}" + ("" if proved else " (unproved here)"))
                suite.proved += proved
                if not proved:
                    suite.unproved.append(label)
                    if name in ALWAYS_PROVABLE:
                        suite.check(f"{label}: its control", False, "the attempt fails without the sandbox as well")
        outside(suite, victim, hostname)
    finally:
        victim.kill()
        victim.wait()
        listener.close()
        hidden.close()


def outside(suite, victim, hostname):
    suite.check("outside: the host process lives", victim.poll() is None)
    suite.check("outside: the host's name is the same", socket.gethostname() == hostname)
    with open(suite.secret, encoding="utf-8") as file:
        suite.check("outside: the secret is the same", file.read() == "another tenant's file\n")
    for path in ("/made", "/etc/made", "/usr/made", os.path.join(suite.code, "made"), "/var/task/made"):
        suite.check(f"outside: nothing made at {path}", not os.path.exists(path))


def processes_and_descriptors(suite):
    """Rows 7, 8 and 2.5 of the specification, read from the host's /proc."""
    number = suite.runner.start(["/var/task/attempts", "sleep"], code=suite.code)
    suite.runner.wait(number, "started")
    # Blanks wait with the same user ids; the program is the one that runs this image.
    time.sleep(0.1)
    mine = [pid for pid in harness.sandbox_pids() if read_link(f"/proc/{pid}/exe") == "/var/task/attempts"]
    suite.check("08 one process runs the program", len(mine) == 1, str(mine))
    for pid in mine:
        descriptors = {fd: read_link(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        suite.check("08 descriptors are 0, 1 and 2", set(descriptors) == {"0", "1", "2"}, str(descriptors))
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            suite.check(f"2.5 {name} is empty", harness.status_field(pid, name) == ["0" * 16])
        suite.check("2.5 NoNewPrivs", harness.status_field(pid, "NoNewPrivs") == ["1"])
        suite.check("2.5 Seccomp", harness.status_field(pid, "Seccomp") == ["2"])
        init = int(harness.status_field(pid, "PPid")[0])
        if suite.as_forks:  # its parent is the template's program
            init = int(harness.status_field(init, "PPid")[0])
            suite.check("2.1 init of a template can change its root and no more",
                        harness.status_field(init, "CapEff") == ["0000000000040000"])
        suite.check("2.1 init is as powerless", harness.status_field(init, "CapBnd") == ["0" * 16] and
                    harness.status_field(init, "Seccomp") == ["2"])
        inside = read_link(f"/proc/{init}/exe")
        suite.check("2.1 init runs the sealed image", "virga-init" in inside, inside)
        held = {"3", "4", "10"} if suite.as_forks else {"3"}  # its root, and the signals of children
        suite.check("2.1 init holds its socket and no more", set(os.listdir(f"/proc/{init}/fd")) == held,
                    str(os.listdir(f"/proc/{init}/fd")))
        ids = {harness.status_field(pid, "Uid")[0], harness.status_field(init, "Uid")[0]}
        suite.check("2.3 one host id of its own", len(ids) == 1 and int(ids.pop()) >= 200000)
    suite.runner.send(do="kill", id=number)
    suite.runner.wait(number, "ended")


def read_link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def value_of(log, word, index=1):
    for line in log.splitlines():
        words = line.split()
        if words and words[0] == word:
            return int(words[index])
    return None


def limits(suite):
    # 40: the same bomb stops where the limit is, and further where it is further.
    for limit in (64, 400):
        _, log = suite.sandbox(["/var/task/attempts", "forks"], processes=limit)
        made = value_of(log, "forks")
        suite.check(f"40 native forks stop at {limit}", made is not None and limit - 3 <= made <= limit, f"made {made}")
    python_forks = ("import os,time\nn=0\n"
                    "try:\n while n<5000:\n  p=os.fork()\n  if p==0: time.sleep(60)\n  n+=1\nexcept OSError: pass\n"
                    "print('forks',n)")
    _, log = suite.sandbox(["/usr/bin/python3", "-c", python_forks], processes=64)
    suite.check("40 python forks stop at 64", (value_of(log, "forks") or 0) in range(55, 65), log[-60:])
    node_forks = ("const c=require('child_process');let n=0;const t=()=>{const p=c.spawn('/bin/sleep',['60']);"
                  "p.on('error',()=>{console.log('forks',n);process.exit()});p.on('spawn',()=>{n++;t()})};t()")
    _, log = suite.sandbox(["/usr/bin/node", "-e", node_forks], processes=64, memory=256 * MIB)
    suite.check("40 node forks stop at 64", 20 <= (value_of(log, "forks") or 0) <= 64, log[-60:])

    # 41: out of memory in its own group, counted, and not with more memory.
    hogs = {"native": ["/var/task/attempts", "hog"],
            "python": ["/usr/bin/python3", "-c", "l=[]\nwhile 1: l.append(bytearray(1<<20))"],
            "node": ["/usr/bin/node", "--max-old-space-size=4096", "-e",
                     "const l=[];for(;;)l.push(Buffer.alloc(1<<20,1))"]}
    for language, arguments in hogs.items():
        ended, _ = suite.sandbox(arguments, memory=96 * MIB)
        suite.check(f"41 {language} hog is ended by its own limit",
                    ended.get("reason") == "out_of_memory" and ended["oom_kills"] >= 1 and
                    60 * MIB < ended["peak_memory"] <= 104 * MIB, str(ended))
    fixed = ["/usr/bin/python3", "-c", "x=bytearray(150<<20);print('fits')"]
    ended, log = suite.sandbox(fixed, memory=256 * MIB)
    suite.check("41 control: the same with more memory fits", "fits" in log and ended["oom_kills"] == 0, str(ended))
    ended, log = suite.sandbox(["/var/task/attempts", "hog-child"], memory=96 * MIB)
    suite.check("41 a hog in a child is counted", ended["oom_kills"] >= 1, f"{ended} {log[-40:]}")

    # 42, 43, 44
    _, log = suite.sandbox(["/var/task/attempts", "fill"], tmp=8 * MIB, memory=128 * MIB)
    lines = {line.split()[1]: int(line.split()[2]) for line in log.splitlines() if line.startswith("fill")}
    suite.check("42 fills stop at their limits", 0 < lines.get("/tmp/fill", 0) <= 8 * MIB and
                0 < lines.get("/dev/shm/fill", 0) <= 16 * MIB and 0 < lines.get("memfd", 0) <= 8 * MIB, str(lines))
    _, log = suite.sandbox(["/var/task/attempts", "fill"], tmp=24 * MIB, memory=128 * MIB)
    lines = {line.split()[1]: int(line.split()[2]) for line in log.splitlines() if line.startswith("fill")}
    suite.check("42 control: a larger /tmp takes more", lines.get("/tmp/fill", 0) > 16 * MIB, str(lines))
    _, log = suite.sandbox(["/var/task/attempts", "inodes"])
    suite.check("43 inodes stop", 10000 < (value_of(log, "inodes") or 0) <= 16384, log[-60:])
    for limit in (256, 1024):
        _, log = suite.sandbox(["/var/task/attempts", "files"], files=limit)
        suite.check(f"44 descriptors stop at {limit}", (value_of(log, "files") or 0) == limit - 3, log[-60:])

    # 45: CPU time, counted by the kernel.
    spins = {"native": ["/var/task/attempts", "spin"], "python": ["/usr/bin/python3", "-c", "while 1: pass"],
             "node": ["/usr/bin/node", "-e", "for(;;);"]}
    for language, arguments in spins.items():
        number = suite.runner.start(arguments, code=suite.code, init_cpus=0.1, cpus=0)
        suite.runner.wait(number, "started")
        begin = time.monotonic()
        time.sleep(1.0)
        suite.runner.send(do="query", id=number)
        held = suite.runner.wait(number, "usage")["cpu_us"] / 1e6 / (time.monotonic() - begin)
        suite.runner.send(do="end_init", id=number)
        # Other work on this machine may leave it less than a core, so it gets time to show more than the quota.
        before, free, begin = 0, 0, time.monotonic()
        while free <= 0.16 and time.monotonic() - begin < 10:
            window = time.monotonic()
            suite.runner.send(do="query", id=number)
            before = suite.runner.wait(number, "usage")["cpu_us"]
            time.sleep(0.3)
            suite.runner.send(do="query", id=number)
            used = suite.runner.wait(number, "usage")["cpu_us"] - before
            free = used / 1e6 / (time.monotonic() - window)
        suite.check(f"45 {language} control: the quota was what held it", free > 0.16, f"{free:.3f}")
        # 46: an endless spin ends when it is told to.
        begin = time.monotonic()
        suite.runner.send(do="kill", id=number)
        ended = suite.runner.wait(number, "ended")
        suite.check(f"46 {language} spin is ended at once",
                    ended["reason"] == "killed" and time.monotonic() - begin < 0.5, f"{time.monotonic() - begin:.3f} s")


def ends(suite):
    before = set(harness.sandbox_pids())
    ended, log = suite.sandbox(["/var/task/attempts", "daemons"])
    time.sleep(0.05)
    left = [pid for pid in harness.sandbox_pids() if read_link(f"/proc/{pid}/exe") == "/var/task/attempts"]
    suite.check("47 daemons that ignore everything are gone", ended["reason"] == "exited" and "daemons" in log and not left,
                f"{len(left)} left of {len(before)}")
    ended, log = suite.sandbox(["/var/task/attempts", "zombies"], processes=64)
    suite.check("48 2000 orphans are reaped under a limit of 64", value_of(log, "zombies") == 2000, log[-60:])
    for name, number in (("recurse", signal.SIGSEGV), ("segv", signal.SIGSEGV)):
        ended, _ = suite.sandbox(["/var/task/attempts", name])
        suite.check(f"49 {name} ends with its signal and no core", ended["reason"] == "signalled" and
                    ended["status"] == number and not [f for f in os.listdir(suite.code) if "core" in f], str(ended))
    ended, log = suite.sandbox(["/var/task/attempts", "kill-all"])
    suite.check("18 killing everybody reaches nobody", ended["reason"] == "exited" and "alive" in log, str(ended))
    ended, log = suite.sandbox(["/var/task/attempts", "flood", "512"])
    suite.check("50 a flood ends with its sandbox", ended["reason"] == "exited" and len(log) == 512 * 4096, str(len(log)))
    ended, _ = suite.sandbox(["/var/task/attempts", "exit", "7"])
    suite.check("an exit code arrives", ended["reason"] == "exited" and ended["status"] == 7, str(ended))

    # Freeze: no CPU time passes; a frozen sandbox can be ended.
    number = suite.runner.start(["/var/task/attempts", "spin"], code=suite.code)
    suite.runner.wait(number, "started")
    suite.runner.send(do="freeze", id=number)
    time.sleep(0.1)
    suite.runner.send(do="query", id=number)
    first = suite.runner.wait(number, "usage")["cpu_us"]
    time.sleep(0.3)
    suite.runner.send(do="query", id=number)
    second = suite.runner.wait(number, "usage")["cpu_us"]
    suite.check("a frozen sandbox does not run", second - first < 2000, f"{second - first} us")
    suite.runner.send(do="kill", id=number)
    suite.check("a frozen sandbox can be ended", suite.runner.wait(number, "ended")["reason"] == "killed")


def rootless(suite):
    """The same attempts in a sandbox that a user without any privilege made. Their controls are those of `attempts`."""
    if not shutil.which("setpriv"):
        print("note rootless: skipped, setpriv is not there")
        return
    user = 54321
    program = shutil.copy(suite.options.runner, os.path.join(suite.folder, "runner"))
    state = os.path.join(suite.folder, "state-rootless")
    os.mkdir(state, 0o700)
    os.chown(state, user, user)
    log = os.path.join(suite.folder, "log-rootless")
    suite.write(log, "")
    os.chown(log, user, user)
    victim = subprocess.Popen(["/bin/sleep", "600"], user=user, group=user, extra_groups=[])
    listener = socket.create_server(("127.0.0.1", 0))
    environment = {"SECRET": suite.secret, "PORT": str(listener.getsockname()[1]), "VICTIM": str(victim.pid),
                   "MEMORY_KIB": str(192 * 1024), "PATH": "/usr/bin:/bin"}
    try:
        try:
            runner = harness.Runner(program, state, blanks=1, as_stems=suite.as_stems, prefix=[
                "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"])
        except RuntimeError as error:
            print(f"note rootless: skipped, {error}")
            return
        number = runner.start(["/var/task/attempts", "all"], code=suite.code, log=log, memory=192 * MIB,
                              environment=[f"{key}={value}" for key, value in environment.items()])
        runner.wait(number, "started")
        ended = runner.wait(number, "ended")
        with open(log, encoding="utf-8") as file:
            text = file.read()
        suite.check("rootless: ran to its end", "end" in text.splitlines() and ended["reason"] == "exited", str(ended))
        for name, (result, error) in control.parse(text).items():
            suite.check(f"rootless native {name}", result == "blocked", f"errno {error}")
        suite.check("rootless: a process of the same host user lives", victim.poll() is None)
        runner.as_stems = False
        number = runner.start(["/var/task/attempts", "exit", "0"], network="egress")
        refused = runner.wait(number, "started")
        suite.check("rootless: egress says what it needs", refused["event"] == "start_failed" and
                    "root" in refused["message"], str(refused))
        runner.close()
    finally:
        victim.kill()
        victim.wait()
        listener.close()


def sudden_ends(suite):
    """The daemon or the helper is killed in the middle: nothing outlives them."""
    for victim in ("daemon", "helper"):
        state = os.path.join(suite.folder, "state-" + victim)
        runner = harness.Runner(suite.options.runner, state, blanks=2, as_forks=suite.as_forks)
        helper = runner.hello["pid"]
        for arguments in (["/var/task/attempts", "sleep"], ["/var/task/attempts", "daemons"], ["/var/task/attempts", "spin"]):
            runner.wait(runner.start(arguments, code=suite.code), "started")
        below = set(harness.children_of(helper))
        groups = harness.cgroups_of(state)
        os.kill(helper if victim == "helper" else runner.process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and (below & harness.host_pids() or
                                               (victim == "daemon" and harness.cgroups_of(state))):
            time.sleep(0.05)
        suite.check(f"{victim} killed: every process of its sandboxes is gone", below and not below & harness.host_pids(),
                    f"{len(below)} before, {len(below & harness.host_pids())} after")
        if victim == "daemon":
            suite.check("daemon killed: every group is gone", groups and not harness.cgroups_of(state))
            while time.monotonic() < deadline and harness.status_field(helper, "State") not in (None, ["Z", "(zombie)"]):
                time.sleep(0.05)  # who adopts it reaps it in its own time
            suite.check("daemon killed: the helper is gone",
                        harness.status_field(helper, "State") in (None, ["Z", "(zombie)"]))
        runner.process.kill()
        runner.process.wait()
        if victim == "helper":
            harness.Runner(suite.options.runner, state, blanks=0).close()
            suite.check("helper killed: the next one with its folder removes every group",
                        groups and not harness.cgroups_of(state), str(harness.cgroups_of(state)[:2]))


def no_forks(suite):
    """Why this machine has none; "": it has."""
    ended, _ = suite.sandbox(["/var/task/attempts", "exit", "0"])
    return ended["message"] if ended["event"] == "start_failed" and ended["code"] == "unimplemented" else ""


def digest(paths):
    state = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            state.update(file.read())
    return state.hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--attempts", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--stems", choices=("all", "attempts"), default="all", help="how much of the list runs in stems as well")
    parser.add_argument("--forks", choices=("all", "attempts"), default="all", help="and in forks")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: sandboxes with root's help, and the controls, need root")
        return SKIPPED
    for program in ("/usr/bin/python3", "/usr/bin/node", "/usr/bin/unshare"):
        if not os.path.exists(program):
            print(f"skipped: {program} is not there")
            return SKIPPED
    whole, stems, forks = Suite(options), Suite(options, as_stems=True), Suite(options, as_forks=True)
    watched = [os.path.realpath(path) for path in ("/usr/bin/python3", "/usr/bin/sh", "/usr/bin/env", options.attempts)]
    for suite in (whole, stems, forks):
        watched += [os.path.join(suite.code, name) for name in sorted(os.listdir(suite.code))]
    before = digest(watched)
    try:
        for suite, parts in ((whole, (attempts, processes_and_descriptors, limits, ends, sudden_ends, rootless)),
                             (stems, (attempts, processes_and_descriptors, limits, ends, rootless)),
                             (forks, (attempts, processes_and_descriptors, limits, ends, sudden_ends))):
            how_much = {stems: options.stems, forks: options.forks}.get(suite, "all")
            if suite is forks and (why := no_forks(forks)):
                print(f"note forks: skipped, {why}")
                continue
            for part in parts:
                if options.only in part.__name__ and how_much in ("all", part.__name__):
                    part(suite)
        whole.check("55 base and code are the same, byte for byte", digest(watched) == before)
    finally:
        for suite in (whole, stems, forks):
            suite.close()
    for row, why in NOT_HERE.items():
        print(f"note {row}: {why}")
    print(f"{whole.proved} attempts proved by their control, {len(whole.unproved)} without (this kernel or user cannot): "
          f"{' '.join(whole.unproved)}")
    failures = whole.failures + stems.failures + forks.failures
    if failures:
        print(f"{len(failures)} FAILED: {'; '.join(failures)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
