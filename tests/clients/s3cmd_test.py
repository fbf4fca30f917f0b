"""s3cmd, unmodified: buckets, copies, folders, uploads in parts, metadata, links, a web site; both signature versions."""

import os
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
from pathlib import Path

from e2e.virga import Virga, main, request, skip

S3CMD = Path(sys.executable).parent / "s3cmd"
MIB = 1 << 20


class S3cmd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = cls.enterClassContext(Virga())
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        host = urllib.parse.urlsplit(cls.virga.url).netloc
        settings = {"access_key": cls.virga.key_id, "secret_key": cls.virga.secret, "use_https": "False",
                    "host_base": host, "host_bucket": host, "website_endpoint": f"http://%(bucket)s.website.{host}/",
                    "bucket_location": "us-east-1", "multipart_chunk_size_mb": "5", "check_ssl_certificate": "False",
                    "max_retries": "1", "socket_timeout": "30"}
        (cls.folder / "settings").write_text("[default]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))

    def run_s3cmd(self, *arguments):
        return subprocess.run([sys.executable, S3CMD, "-c", self.folder / "settings", "--no-progress", *arguments],
                              cwd=self.folder, text=True, capture_output=True, timeout=60, check=False)

    def s3cmd(self, *arguments):
        done = self.run_s3cmd(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stdout

    def listed(self, place):
        return [line.split()[-1] for line in self.s3cmd("ls", "--recursive", place).splitlines()]

    def test_refusals_are_told(self):
        done = self.run_s3cmd("ls", "s3://nowhere-at-all")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("NoSuchBucket", done.stderr)
        done = self.run_s3cmd("--secret_key=wrong", "ls")
        self.assertIn("SignatureDoesNotMatch", done.stderr)

    def test_objects_come_and_go(self):
        for number, version in enumerate([[], ["--signature-v2"]]):
            with self.subTest(version=version):
                bucket = f"s3://objects-{number}"
                self.s3cmd("mb", bucket)
                self.assertIn(bucket, self.s3cmd("ls"))
                data = os.urandom(12 * MIB)
                (self.folder / "large").write_bytes(data)
                (self.folder / "a ü+b").write_text("small")
                self.s3cmd(*version, "put", "large", f"{bucket}/in/large")  # in three parts
                self.s3cmd(*version, "put", "--mime-type=text/x", "--add-header=x-amz-meta-own: v", "a ü+b",
                           f"{bucket}/in/a ü+b")
                self.assertIn(f"  {bucket}/in/a ü+b\n", self.s3cmd("ls", f"{bucket}/in/"))
                self.s3cmd(*version, "get", "--force", f"{bucket}/in/large", "back")
                self.assertEqual((self.folder / "back").read_bytes(), data)
                info = self.s3cmd(*version, "info", f"{bucket}/in/a ü+b")
                self.assertIn("text/x", info)
                self.assertIn("x-amz-meta-own: v", info)
                self.s3cmd(*version, "cp", f"{bucket}/in/large", f"{bucket}/copy")
                self.s3cmd(*version, "mv", f"{bucket}/copy", f"{bucket}/moved")
                self.s3cmd(*version, "modify", "--add-header=x-amz-meta-own: w", f"{bucket}/in/a ü+b")
                self.assertIn("x-amz-meta-own: w", self.s3cmd("info", f"{bucket}/in/a ü+b"))
                self.assertEqual(self.s3cmd("du", bucket).split()[0], str(2 * len(data) + len("small")))
                self.s3cmd(*version, "del", "--recursive", "--force", bucket)
                self.assertEqual(self.listed(bucket), [])
                self.s3cmd("rb", bucket)

    def test_folders_are_synchronized(self):
        self.s3cmd("mb", "s3://folders")
        for name in ["one", "sub/two", "sub/three"]:
            path = self.folder / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        self.s3cmd("sync", "tree/", "s3://folders/to/")
        self.assertEqual(self.listed("s3://folders"), [f"s3://folders/to/{name}" for name in
                                                       ["one", "sub/three", "sub/two"]])
        (self.folder / "tree" / "one").unlink()
        self.s3cmd("sync", "--delete-removed", "tree/", "s3://folders/to/")
        self.assertEqual(len(self.listed("s3://folders")), 2)
        self.s3cmd("sync", "s3://folders/to/", "again/")
        self.assertEqual((self.folder / "again" / "sub" / "two").read_text(), "sub/two")

    def test_uploads_that_were_left_are_seen_and_aborted(self):
        self.s3cmd("mb", "s3://uploads")
        begun = self.virga.client("s3").create_multipart_upload(Bucket="uploads", Key="k")["UploadId"]
        self.assertIn(begun, self.s3cmd("multipart", "s3://uploads"))
        self.s3cmd("abortmp", "s3://uploads/k", begun)
        self.assertNotIn(begun, self.s3cmd("multipart", "s3://uploads"))

    def test_links_tags_and_a_web_site(self):
        self.s3cmd("mb", "s3://site")
        (self.folder / "index.html").write_text("hello")
        self.s3cmd("put", "index.html", "s3://site/index.html")
        self.s3cmd("settagging", "s3://site/index.html", "a=1&b=2")
        self.assertEqual(self.s3cmd("gettagging", "s3://site/index.html").split()[2:], ["a:", "1", "b:", "2"])
        url = self.s3cmd("signurl", "s3://site/index.html", "+60").strip()
        self.assertEqual(request(url).text, "hello")
        self.s3cmd("ws-create", "--ws-index=index.html", "s3://site")
        self.assertIn("index.html", self.s3cmd("ws-info", "s3://site"))
        answer = request(self.virga.url + "/", headers={"Host": "site.website.localhost"})
        self.assertEqual((answer.status, answer.text), (200, "hello"))


if __name__ == "__main__":
    if not S3CMD.exists():
        skip("s3cmd is not installed (tools/test-clients)")
    main()
