"""Where nothing holds: the attempts of the abuse list as root in a throw-away root and namespaces. Standard library only."""

import subprocess
import tempfile
import textwrap


def parse(log):
    results = {}
    for line in log.splitlines():
        words = line.split(" ", 3)
        if len(words) >= 3 and words[1] in ("allowed", "blocked"):
            results[words[0]] = (words[1], words[2])
    return results


# Builds a root without restrictions and runs one program in it as root. $1: folder, $2: code, $3: secret, rest: program.
CONTROL = textwrap.dedent("""
    set -e
    root="$1"; code="$2"; secret="$3"; shift 3
    mount --make-rprivate /
    mount -t tmpfs x "$root"
    mkdir -p "$root"/etc "$root"/usr "$root"/var/task "$root"/var/empty "$root"/tmp "$root"/dev "$root"/proc "$root"/sys \\
      "$root"/.upper "$root"/.work "$root$(dirname "$secret")"
    mount -t overlay -o lowerdir=/usr,upperdir="$root"/.upper,workdir="$root"/.work x "$root"/usr
    for link in bin sbin lib lib64; do [ -e "/$link" ] && ln -s "usr/$link" "$root/$link"; done
    cp "$code"/* "$root"/var/task/
    cp "$secret" "$root$secret"
    cp /etc/ld.so.cache "$root"/etc/ 2>/dev/null || true
    echo root:secret > "$root"/etc/shadow
    mount --rbind /dev "$root"/dev
    mount -t proc x "$root"/proc
    mount --rbind /sys "$root"/sys
    if [ -n "$OWN_NETWORK" ]; then
      ip link set lo up
      ip address add 169.254.169.254/32 dev lo
      /usr/bin/python3 -c 'import socket
    s = socket.create_server(("169.254.169.254", 80))
    print("up", flush=True)
    while True: s.accept()' > "$root"/tmp/up &
      while [ ! -s "$root"/tmp/up ]; do sleep 0.02; done
    fi
    # Not chroot: in one, user namespaces are refused.
    mkdir "$root"/.old
    cd "$root"
    pivot_root . .old
    cd /var/task
    umount -l /.old
    exec "$@" 5< /etc/shadow  # for 08
""")


def run(suite, arguments, environment, own):
    """Runs where nothing holds; `own`: with network and processes of its own, or with the host's."""
    root = tempfile.mkdtemp(prefix="control-", dir=suite.folder)
    flags = ["--mount", "--ipc", "--uts"]
    if own:
        flags += ["--net", "--pid", "--fork", "--kill-child"]
        environment = dict(environment, OWN_NETWORK="1")
    done = subprocess.run(
        ["unshare", *flags, "/bin/sh", "-c", CONTROL, "control", root, suite.code, suite.secret, *arguments],
        env=dict(environment, PATH="/usr/sbin:/usr/bin:/sbin:/bin", CONTROL="1"), capture_output=True, text=True,
        timeout=60, check=False)
    if "end" not in done.stdout.splitlines():
        print("     control:", done.stderr[-300:])
    return parse(done.stdout)
