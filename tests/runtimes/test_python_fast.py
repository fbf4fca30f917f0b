"""_fast, the C half of the Python bootstrap: it means what `json` means, or hands the case on."""

import json
import random
import struct
import subprocess
import sys
import unittest

from frames import RUNTIMES, interpreter

DOCUMENTS = 60_000
SEED = 20261125


def random_text(random):
    alphabet = ["a", "Z", "0", " ", '"', "\\", "/", "\n", "\x00", "\x1f", "\x7f", "é", "€", "𝄞", "\ud800", "key"]
    return "".join(random.choices(alphabet, k=random.randrange(6)))


def random_value(random, depth=0):
    kind = random.randrange(11 if depth < 4 else 8)
    if kind < 2:
        return random_text(random)
    if kind == 8:
        return [random_value(random, depth + 1) for _ in range(random.randrange(4))]
    if kind > 8:
        return {random_text(random): random_value(random, depth + 1) for _ in range(random.randrange(4))}
    return [None, True, False, random.randrange(-5, 5), random.choice([10**17, -10**18, 10**18, 2**63, -(2**64)]),
            random.choice([0.5, -1e300, 1e-7, 3.0])][kind - 2]


def mutated(text, random):
    """The text with a byte changed, dropped, doubled or cut off behind it."""
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    at = random.randrange(len(data))
    kind = random.randrange(4)
    if kind == 0:
        data[at] = random.choice(b'{}[]",:\\ \n09-.eEtfnu\x80\xff\x00')
    elif kind == 1:
        del data[at]
    elif kind == 2:
        data.insert(at, data[at])
    else:
        del data[at:]
    return bytes(data)


def outcome(call):
    try:
        value = call()
    except (ValueError, RecursionError) as error:
        return type(error).__name__
    return repr(value)  # tells 1 from True and 1.0, and the order of keys


@unittest.skipUnless(interpreter("python"), "no Python at the places that runtimes/python/runtime.json names")
class FastTest(unittest.TestCase):
    def test_agrees_with_json_on_random_and_damaged_documents(self):
        if not (RUNTIMES / "python/virga_runtime/_fast.abi3.so").exists():
            self.skipTest("_fast is not built: python3-dev or a C compiler is missing (runtimes/python/prepare says which)")
        # In the interpreter that runs functions, which need not be this one.
        done = subprocess.run([interpreter("python"), __file__, "compare"], capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-2000:])
        self.assertRegex(done.stdout, r"parsed alone [1-9]\d{3,}, handed on [1-9]\d{3,}, written alone [1-9]\d{3,}")


def compare():
    sys.path.insert(0, str(RUNTIMES / "python"))
    from virga_runtime import _fast

    source = random.Random(SEED)
    handed_on = []

    def otherwise(text):
        handed_on.append(1)
        return json.loads(text)

    parsed = written = 0
    for _ in range(DOCUMENTS):
        value = random_value(source)
        text = json.dumps(value, ensure_ascii=source.random() < 0.5)
        for data in (text.encode("utf-8", "surrogatepass"), mutated(text, source)):
            before = len(handed_on)
            buffer = bytearray(b"{[" + data + b'"}1')  # what lies around must not be read
            ours = outcome(lambda: _fast.parse(buffer, 2, 2 + len(data), otherwise))
            theirs = outcome(lambda: json.loads(data.decode("utf-8", "surrogateescape")))
            assert ours == theirs, (data, ours, theirs)
            parsed += len(handed_on) == before
        for ascii_only in (True, False):
            refused = []
            ours = _fast.encode(value, ascii_only, refused.append)
            if not refused:
                theirs = json.dumps(value, ensure_ascii=ascii_only).encode()
                assert ours == theirs, (value, ours, theirs)
                written += 1

    # Bounds and hostile shapes.
    for data in (b"[" * 100_000, b'{"a":' * 100_000, b"[" * 99 + b"]" * 99, b"", b" ", b'"', b"-", b"01", b"9" * 19, b'"\xff"'):
        ours = outcome(lambda: _fast.parse(bytearray(data), 0, len(data), otherwise))
        assert ours == outcome(lambda: json.loads(data.decode("utf-8", "surrogateescape"))), data[:20]
    circle = []
    circle.append(circle)
    assert _fast.encode(circle, True, lambda value: b"refused") == b"refused"
    for begin, end in ((-1, 1), (2, 1), (0, 5)):
        try:
            _fast.parse(bytearray(b"null"), begin, end, otherwise)
            raise AssertionError("took a range outside of the buffer")
        except IndexError:
            pass
    split_frames(source, _fast)
    print(f"parsed alone {parsed}, handed on {len(handed_on)}, written alone {written}")


def split_frames(source, fast):
    for _ in range(20_000):
        texts = [source.choice([b"", b"id", b"arn:x" * 20]) for _ in range(6)]
        sizes = [len(text) for text in texts]
        if source.random() < 0.3:
            sizes[source.randrange(6)] = source.choice([0, 1, 7, 65535])
        body = struct.pack("<QHHHHII", 1, *sizes) + b"".join(texts) + b"{}"
        body = body[:source.randrange(len(body) + 1)] if source.random() < 0.2 else body
        fits = len(body) >= 24 and 24 + sum(sizes) <= len(body)
        try:
            parts = fast.split(bytearray(b"xyz" + body), 3, 3 + len(body))
            assert fits and parts[0] == 1 and parts[7] == 3 + 24 + sum(sizes), body
        except RuntimeError:
            assert not fits, body


if __name__ == "__main__":
    if sys.argv[1:] == ["compare"]:
        compare()
    else:
        unittest.main()
