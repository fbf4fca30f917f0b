#!/usr/bin/env python3
"""Builds the official AWS Lambda runtime clients, each with its vendor's own hello example, as packages for `provided` functions.

    python3 tests/clients/build_clients.py [NAME...]

A package is a folder build/clients/NAME with an executable `bootstrap` that needs nothing beyond /usr and itself. A package is
built again only when its sources under runtime_api/ or this file change. `build(name)` is for tests.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE / "runtime_api"
OUTPUT = HERE.parents[1] / "build" / "clients"

# What a registry that cannot be reached makes its clients say.
UNREACHABLE = ("could not resolve", "temporary failure in name resolution", "name or service not known", "no such host", "enotfound",
               "eai_again", "econnrefused", "etimedout", "network is unreachable", "connection refused", "i/o timeout", "failed to download",
               "no matching distribution found", "spurious network error", "getaddrinfo")


class Skipped(Exception):
    """Why a client cannot be built on this machine."""


def need(*programs, packages):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise Skipped(f"{', '.join(missing)} missing (Debian: apt-get install {packages})")


def run(command, folder, **environment):
    ran = subprocess.run(command, cwd=folder, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors="replace")
    if ran.returncode == 0:
        return
    said = ran.stdout.strip()
    if any(words in said.lower() for words in UNREACHABLE):
        raise Skipped(f"`{command[0]}` cannot reach its registry: {said.splitlines()[-1]}")
    raise RuntimeError(f"{' '.join(map(str, command))} failed in {folder}:\n{said[-4000:]}")


def version_of(*command):
    """The numbers in what a version command prints first, such as (1, 26, 8)."""
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    word = next(word for word in text.replace("go1", "1").split() if word[0].isdigit())
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in word.split("-")[0].split("."))


def need_version(name, found, wanted):
    if found < wanted:
        raise Skipped(f"{name} {'.'.join(map(str, found))} is too old for the client: it needs {'.'.join(map(str, wanted))}")


# ---- one function for each client: makes the package in `folder`, which holds a copy of the sources


def build_node(folder):
    need("npm", "node", "g++", "make", "cmake", "autoconf", "automake", "libtoolize", "python3",
         packages="npm nodejs g++ make cmake autoconf automake libtool pkg-config python3")
    # The package compiles libcurl and aws-lambda-cpp, which it ships, for its addon: one to two minutes.
    run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--foreground-scripts"], folder)
    # The rest of what npm installed was for compiling.
    modules = folder / "node_modules"
    client = modules / "aws-lambda-ric"
    for path in [*modules.iterdir(), *client.iterdir()]:
        if path != client and (path.parent == modules or path.name not in ("bin", "dist", "package.json", "LICENSE", "NOTICE")):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def build_python(folder):
    interpreter = "/usr/bin/python3"
    if not os.access(interpreter, os.X_OK):
        raise Skipped(f"{interpreter} missing (Debian: apt-get install python3)")
    version = version_of(interpreter, "-c", "import sys; print(sys.version)")
    need_version("Python", version, (3, 9))
    pip = next((python for python in (sys.executable, interpreter)
                if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0), None)
    if pip is None:
        raise Skipped("pip missing (Debian: apt-get install python3-pip)")
    run([pip, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder, "--only-binary=:all:",
         "--implementation=cp", f"--python-version={version[0]}.{version[1]}", "-r", "requirements.txt"], folder)


def build_go(folder):
    need("go", packages="golang")
    need_version("Go", version_of("go", "env", "GOVERSION"), (1, 26))
    run(["go", "build", "-trimpath", "-ldflags=-s -w", "-tags", "lambda.norpc", "-o", "bootstrap", "."], folder,
        CGO_ENABLED="0", GOTOOLCHAIN="local", GOFLAGS="-buildvcs=false")


def build_rust(folder):
    need("cargo", packages="cargo")
    need_version("Cargo", version_of("cargo", "--version"), (1, 84))
    run(["cargo", "build", "--quiet", "--release", "--locked", "--target-dir", "target"], folder)
    shutil.move(folder / "target" / "release" / "bootstrap", folder / "bootstrap")
    shutil.rmtree(folder / "target")


CLIENTS = {"node": build_node, "python": build_python, "go": build_go, "rust": build_rust}


def fingerprint(name):
    digest = hashlib.sha256(pathlib.Path(__file__).read_bytes())
    for path in sorted((SOURCES / name).rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(SOURCES)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def build(name):
    """(folder, None), or (None, why it is skipped on this machine). Raises if the build itself fails."""
    folder, stamp = OUTPUT / name, OUTPUT / f"{name}.built"
    wanted = fingerprint(name)
    if stamp.exists() and stamp.read_text() == wanted and (folder / "bootstrap").exists():
        return folder, None
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUTPUT, prefix=f".{name}-") as work:
        package = pathlib.Path(work) / name
        shutil.copytree(SOURCES / name, package)
        try:
            CLIENTS[name](package)
        except Skipped as reason:
            return None, str(reason)
        (package / "bootstrap").chmod(0o755)
        stamp.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        package.rename(folder)
    stamp.write_text(wanted)
    return folder, None


def main(names):
    for name in names or CLIENTS:
        folder, reason = build(name)
        print(f"{name:8} {folder if folder else f'skipped: {reason}'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
