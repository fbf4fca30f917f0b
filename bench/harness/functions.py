"""The function every row runs: "hello" in each runtime, as its author would write it."""

import io
import zipfile

from harness.errors import BenchError
from harness.virga import Function

# Two CPUs and a little more: the function and its back ends.
FAN_OUT_MEMORY_MB = 4096
# With which one instance runs many calls at once: at its highest rate bare Node has some 200 under way.
MANY_CALLS_AT_ONCE = {"VirgaConfig": {"Concurrency": 256}}

EXECUTABLE = 0o755 << 16
PLAIN = 0o644 << 16


def make_zip(files):
    """`files`: name -> (bytes, attributes). Two archives of the same files are equal."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (content, attributes) in files.items():
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = attributes
            info.create_system = 3  # Unix: the attributes are a mode
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _source(bench, name):
    return (bench.source / "functions" / name).read_bytes()


def node(bench, salt="", environment=None):
    """`salt` makes archives differ, so that each cold start reads a package of its own."""
    code = _source(bench, "node.mjs") + _comment("//", salt)
    return Function("nodejs20.x", "index.handler", make_zip({"index.mjs": (code, PLAIN)}), environment or {})


def python(bench, salt="", environment=None):
    code = _source(bench, "python.py") + _comment("#", salt)
    return Function("python3.11", "app.handler", make_zip({"app.py": (code, PLAIN)}), environment or {})


def clock(bench):
    """Answers when it began, in nanoseconds since 1970."""
    return Function("python3.11", "app.handler", make_zip({"app.py": (_source(bench, "clock.py"), PLAIN)}))


def java(bench, salt=""):
    libraries = sorted((bench.repository / "runtimes/java/lib").glob("aws-lambda-java-core-*.jar"))
    if not libraries:
        raise BenchError("runtimes/java/lib is not made (runtimes/java/prepare says why)")
    folder = bench.classes("java-function", bench.source / "functions/java/Hello.java", classpath=libraries[0])
    files = {path.name: (path.read_bytes(), PLAIN) for path in sorted(folder.glob("*.class"))}
    if salt:
        files["salt.txt"] = (salt.encode(), PLAIN)
    return Function("java17", "Hello", make_zip(files))


def forked(bench, entries=0):
    """Holds `entries` small objects, and each call for as long as its query's `hold` says."""
    code = _source(bench, "forked.py")
    return Function("python3.11", "app.handler", make_zip({"app.py": (code, PLAIN)}), {"ENTRIES": str(entries)})


def node_without_stem(bench, salt=""):
    """A variable that counts when Node starts: a runtime that was started before cannot take it."""
    return node(bench, salt, {"NODE_OPTIONS": "--no-deprecation"})


def python_without_stem(bench, salt=""):
    return python(bench, salt, {"PYTHONWARNINGS": "ignore"})


def backend_program(bench):
    """The back ends of `fan_out`: static, as it runs inside the sandbox too."""
    return bench.compile("backend", bench.source / "functions/fan_out/backend.c", "-static")


def fan_out(bench):
    """Three back ends of 20 ms asked in parallel. They run beside the function, on its own loopback: a sandbox has no way out."""
    files = {
        "index.mjs": (_source(bench, "fan_out/index.mjs"), PLAIN),
        "work.mjs": (_source(bench, "fan_out/work.mjs"), PLAIN),
        "backend": (backend_program(bench).read_bytes(), EXECUTABLE),
    }
    return Function("nodejs20.x", "index.handler", make_zip(files), memory_mb=FAN_OUT_MEMORY_MB, settings=MANY_CALLS_AT_ONCE)


def native(bench, salt=""):
    sdk = bench.repository / "sdk" / "c"
    if not (sdk / "virga.h").exists():
        raise BenchError("sdk/c/virga.h is missing")
    program = bench.compile("native-function", bench.source / "functions/native.c", "-static", f"-I{sdk}")
    files = {"bootstrap": (program.read_bytes(), EXECUTABLE)}
    if salt:
        files["salt.txt"] = (salt.encode(), PLAIN)
    return Function("provided.al2023", "bootstrap", make_zip(files))


def _comment(mark, salt):
    return f"\n{mark} {salt}\n".encode() if salt else b""
