"""What the lints share: which files there are, and one way to report."""
import fnmatch
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


NOT_OURS = {".git", ".virga", "build", "node_modules", "__pycache__"}


def tracked(*patterns):
    """The tracked and the new files that match the git patterns, as paths relative to the checkout.

    Where git cannot tell (an unpacked archive), every file but those that the build makes.
    """
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True)
    if listing.returncode == 0:
        names = set(listing.stdout.split("\0"))
    else:
        paths = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = {str(path) for path in paths if not NOT_OURS & set(path.parts)
                 and (not patterns or any(fnmatch.fnmatch(str(path), pattern) for pattern in patterns))}
    return [pathlib.Path(name) for name in sorted(names) if name and (ROOT / name).is_file()]


def lines(path):
    """(number, text) for each line of a text file; nothing for a binary one."""
    content = (ROOT / path).read_bytes()
    if b"\0" in content:
        return []
    return list(enumerate(content.decode("utf-8", "replace").splitlines(), 1))


class Report:
    """Prints `file:line: message [rule]` for each finding; finish() ends the lint."""

    def __init__(self, rule):
        self.rule = rule
        self.count = 0

    def add(self, path, number, message):
        self.count += 1
        print(f"{path}:{number}: {message} [{self.rule}]")

    def finish(self):
        sys.exit(1 if self.count else 0)
