"""Objects far larger than the daemon's memory: it lies in a control group that may hold 256 MiB, the page cache included.

Two GiB go through it: in one request, in parts, copied, and back.
"""

import hashlib
import http.client
import os
import random
import shutil
import tempfile
import threading
import unittest
import urllib.parse
from pathlib import Path

from virga import Virga, main, request, skip

MIB = 1 << 20
SIZE = 2 << 30
PART = 64 * MIB
LIMIT = 256 * MIB
TOP = Path("/sys/fs/cgroup")


class MemoryGroup:
    """A control group of this test, with a limit; both versions of the kernel's interface."""

    def __init__(self, limit):
        is_v1 = (TOP / "memory").is_dir()
        parent = TOP / "memory" if is_v1 else TOP
        self.folder = parent / f"virga-large-objects-{os.getpid()}"
        self.limit_file = "memory.limit_in_bytes" if is_v1 else "memory.max"
        self.peak_file = "memory.max_usage_in_bytes" if is_v1 else "memory.peak"
        self.limit = limit
        self.is_v1 = is_v1

    def __enter__(self):
        self.folder.mkdir()
        (self.folder / self.limit_file).write_text(str(self.limit))
        return self

    def __exit__(self, *_):
        self.folder.rmdir()

    def prefix(self):
        return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.folder / "cgroup.procs")]

    def peak(self):
        return int((self.folder / self.peak_file).read_text())

    def kills(self):
        lines = (self.folder / ("memory.oom_control" if self.is_v1 else "memory.events")).read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


class Source:
    """Bytes that are the same each time, and nowhere the same as elsewhere: a piece that is lost or doubled is seen."""

    def __init__(self, size, begin=0):
        self.block = random.Random(1).randbytes(MIB - 8)
        self.at, self.end = begin // MIB, (begin + size) // MIB

    def __iter__(self):
        for number in range(self.at, self.end):
            yield number.to_bytes(8, "big") + self.block


def send(url, source, size):
    """PUTs without keeping what is sent; its ETag."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    connection.request("PUT", f"{parts.path}?{parts.query}", body=iter(source), headers={"Content-Length": str(size)})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise AssertionError(text)
    return answer.headers["ETag"]


class LargeObjects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.group = cls.enterClassContext(MemoryGroup(LIMIT))
        cls.virga = cls.enterClassContext(Virga(prefix=cls.group.prefix()))
        cls.s3 = cls.virga.client("s3", read_timeout=120, signature_version="s3v4", retries={"max_attempts": 0})
        cls.s3.create_bucket(Bucket="large")
        wanted = hashlib.sha1()
        for piece in Source(SIZE):
            wanted.update(piece)
        cls.wanted = wanted.hexdigest()

    def tearDown(self):
        self.assertEqual(request(self.virga.url + "/healthz").status, 200)
        self.assertEqual(self.group.kills(), 0)
        self.assertLessEqual(self.group.peak(), LIMIT)

    def url(self, operation, **arguments):
        return self.s3.generate_presigned_url(operation, Params={"Bucket": "large", **arguments})

    def put(self, key):
        return send(self.url("put_object", Key=key), Source(SIZE), SIZE)

    def check(self, key):
        got = hashlib.sha1()
        for piece in self.s3.get_object(Bucket="large", Key=key)["Body"].iter_chunks(MIB):
            got.update(piece)
        self.assertEqual(got.hexdigest(), self.wanted)

    def test_one_request(self):
        self.put("single")
        self.check("single")
        self.s3.copy_object(Bucket="large", Key="copy", CopySource="large/single")
        self.s3.delete_object(Bucket="large", Key="single")
        self.check("copy")
        self.s3.delete_object(Bucket="large", Key="copy")

    def test_parts_at_once(self):
        upload = self.s3.create_multipart_upload(Bucket="large", Key="parts")["UploadId"]
        of = {"Key": "parts", "UploadId": upload}
        etags = {}

        def send_part(number):
            url = self.url("upload_part", PartNumber=number + 1, **of)
            etags[number + 1] = send(url, Source(PART, number * PART), PART)

        # All at once: what the daemon holds of each is small.
        senders = [threading.Thread(target=send_part, args=[number]) for number in range(SIZE // PART)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(etags.items())]
        done = self.s3.complete_multipart_upload(Bucket="large", **of, MultipartUpload={"Parts": parts})
        self.assertTrue(done["ETag"].endswith(f'-{SIZE // PART}"'))
        self.check("parts")
        # The bytes of the parts become one file.
        self.s3.copy_object(Bucket="large", Key="joined", CopySource="large/parts")
        self.s3.delete_object(Bucket="large", Key="parts")
        self.check("joined")
        self.s3.delete_object(Bucket="large", Key="joined")


def why_not():
    if shutil.disk_usage(tempfile.gettempdir()).free < 4 * SIZE:
        return "the folder for temporary files has less than 8 GiB left"
    try:
        with MemoryGroup(LIMIT):
            return None
    except OSError as error:
        return f"no control group of its own can be made: {error}"


if __name__ == "__main__":
    if reason := why_not():
        skip(reason)
    main()
