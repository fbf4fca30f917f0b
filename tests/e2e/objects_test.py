"""Objects through Amazon's own clients: boto3 as it comes, the AWS CLI, presigned URLs, forms, events, web sites."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
import zlib
from base64 import b64encode
from pathlib import Path

from virga import ROLE, Virga, main, metric, request, wait_until, zip_of

MIB = 1 << 20


def body_of(answer):
    return answer["Body"].read()


class Unseekable(io.RawIOBase):
    """A source that clients must send in chunks, with the checksum behind them."""

    def __init__(self, size):
        self.left = size

    def readable(self):
        return True

    def readinto(self, place):
        count = min(len(place), self.left)
        place[:count] = bytes(count)
        self.left -= count
        return count


class Objects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.virga = Virga()
        cls.virga.start()
        cls.addClassCleanup(cls.virga.stop)
        cls.s3 = cls.virga.client("s3", retries={"max_attempts": 0})

    def setUp(self):
        self.bucket = "b-" + hashlib.sha1(self.id().encode()).hexdigest()[:20]
        self.s3.create_bucket(Bucket=self.bucket)

    def refused(self, code, call, **arguments):
        from botocore.exceptions import ClientError

        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response

    def keys(self, **arguments):
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket=self.bucket, **arguments).get("Contents", [])]

    def test_refusals_come_as_clients_expect_them(self):
        self.refused("NoSuchBucket", self.s3.list_objects_v2, Bucket="nowhere-at-all")
        self.refused("NoSuchKey", self.s3.get_object, Bucket=self.bucket, Key="k")
        self.refused("404", self.s3.head_object, Bucket=self.bucket, Key="k")
        self.refused("404", self.s3.head_bucket, Bucket="nowhere-at-all")
        self.refused("NotImplemented", self.s3.get_bucket_policy, Bucket=self.bucket)
        self.s3.put_object(Bucket=self.bucket, Key="k", Body=b"x")
        self.refused("PreconditionFailed", self.s3.put_object, Bucket=self.bucket, Key="k", Body=b"", IfNoneMatch="*")
        self.refused("BucketNotEmpty", self.s3.delete_bucket, Bucket=self.bucket)
        wrong = self.virga.client("s3", secret="wrong", retries={"max_attempts": 0})
        self.refused("SignatureDoesNotMatch", wrong.list_buckets)
        self.assertEqual(request(f"{self.virga.url}/{self.bucket}/k").status, 403)

    def test_what_is_put_is_there_with_all_that_was_said_of_it(self):
        for key in ["plain", "a/../b", "//x", "dir/", "a b+c&d=é%2F", "\x01\x7f", "k" * 1024]:
            with self.subTest(key=key):
                put = self.s3.put_object(Bucket=self.bucket, Key=key, Body=key.encode(), Metadata={"own": "v"},
                                         ContentType="text/x", CacheControl="no-store", Tagging="a=1&b=2")
                self.assertEqual(put["ETag"], f'"{hashlib.md5(key.encode()).hexdigest()}"')
                got = self.s3.get_object(Bucket=self.bucket, Key=key)
                self.assertEqual(body_of(got), key.encode())
                self.assertEqual((got["Metadata"], got["ContentType"], got["CacheControl"], got["TagCount"]),
                                 ({"own": "v"}, "text/x", "no-store", 2))
                self.assertIn(key, self.keys())
                self.s3.delete_object(Bucket=self.bucket, Key=key)
        self.assertEqual(self.keys(), [])

    def test_checksums_are_verified_and_given_back(self):
        data = os.urandom(100_000)
        for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]:
            put = self.s3.put_object(Bucket=self.bucket, Key=algorithm, Body=data, ChecksumAlgorithm=algorithm)
            got = self.s3.get_object(Bucket=self.bucket, Key=algorithm, ChecksumMode="ENABLED")
            self.assertEqual(body_of(got), data)
            self.assertEqual(got["Checksum" + algorithm], put["Checksum" + algorithm])
            self.assertEqual(got["ChecksumType"], "FULL_OBJECT")
        self.refused("BadDigest", self.s3.put_object, Bucket=self.bucket, Key="x", Body=b"x", ChecksumCRC32="AAAAAA==")
        crc = b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
        attributes = self.s3.get_object_attributes(Bucket=self.bucket, Key="CRC32",
                                                   ObjectAttributes=["Checksum", "ObjectSize", "ETag"])
        self.assertEqual(attributes["Checksum"]["ChecksumCRC32"], crc)
        self.assertEqual(attributes["ObjectSize"], len(data))

    def test_streams_of_unknown_length_and_large_ones_come_whole(self):
        self.s3.upload_fileobj(Unseekable(3 * MIB), self.bucket, "stream")
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="stream")["ContentLength"], 3 * MIB)
        data = os.urandom(20 * MIB)
        self.s3.upload_fileobj(io.BytesIO(data), self.bucket, "parts")  # in several parts
        head = self.s3.head_object(Bucket=self.bucket, Key="parts")
        self.assertTrue(head["ETag"].endswith('-3"'), head["ETag"])
        back = io.BytesIO()
        self.s3.download_fileobj(self.bucket, "parts", back)
        self.assertEqual(back.getvalue(), data)
        middle = self.s3.get_object(Bucket=self.bucket, Key="parts", Range=f"bytes={8 * MIB - 2}-{8 * MIB + 1}")
        self.assertEqual(body_of(middle), data[8 * MIB - 2:8 * MIB + 2])
        third = self.s3.get_object(Bucket=self.bucket, Key="parts", PartNumber=3)
        self.assertEqual((body_of(third), third["PartsCount"]), (data[16 * MIB:], 3))

    def test_parts_have_the_checksums_of_their_upload(self):
        from boto3.s3.transfer import TransferConfig

        data = os.urandom(11 * MIB)
        config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=3)
        table = [("CRC32", None, "COMPOSITE"), ("CRC32C", None, "COMPOSITE"), ("CRC64NVME", None, "FULL_OBJECT"),
                 ("CRC32", "FULL_OBJECT", "FULL_OBJECT"), ("CRC32C", "FULL_OBJECT", "FULL_OBJECT"),
                 ("SHA1", None, "COMPOSITE"), ("SHA256", None, "COMPOSITE")]
        for algorithm, wanted, kind in table:
            with self.subTest(algorithm=algorithm, wanted=wanted):
                self.s3.upload_fileobj(io.BytesIO(data), self.bucket, algorithm, Config=config,
                                       ExtraArgs={"ChecksumAlgorithm": algorithm,
                                                  **({"ChecksumType": wanted} if wanted else {})})
                head = self.s3.head_object(Bucket=self.bucket, Key=algorithm, ChecksumMode="ENABLED")
                self.assertEqual(head["Checksum" + algorithm].endswith("-3"), kind == "COMPOSITE")
                self.assertEqual(head["ChecksumType"], kind)
                back = io.BytesIO()
                self.s3.download_fileobj(self.bucket, algorithm, back, Config=config)
                self.assertEqual(back.getvalue(), data)
                # The checksum of the whole is one that a single request would have had.
                if kind == "FULL_OBJECT":
                    put = self.s3.put_object(Bucket=self.bucket, Key="whole", Body=data, ChecksumAlgorithm=algorithm)
                    self.assertEqual(head["Checksum" + algorithm], put["Checksum" + algorithm])

    def test_an_upload_in_parts_can_be_copied_listed_and_aborted(self):
        data = os.urandom(6 * MIB)
        self.s3.put_object(Bucket=self.bucket, Key="source", Body=data)
        begun = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k", ChecksumAlgorithm="SHA256")
        of = {"Bucket": self.bucket, "Key": "k", "UploadId": begun["UploadId"]}
        first = self.s3.upload_part_copy(**of, PartNumber=1, CopySource={"Bucket": self.bucket, "Key": "source"},
                                         CopySourceRange=f"bytes=0-{5 * MIB - 1}")["CopyPartResult"]
        second = self.s3.upload_part(**of, PartNumber=2, Body=b"end", ChecksumAlgorithm="SHA256")
        self.assertEqual([one["PartNumber"] for one in self.s3.list_parts(**of)["Parts"]], [1, 2])
        self.assertEqual(len(self.s3.list_multipart_uploads(Bucket=self.bucket)["Uploads"]), 1)
        parts = [{"PartNumber": 1, "ETag": first["ETag"], "ChecksumSHA256": first["ChecksumSHA256"]},
                 {"PartNumber": 2, "ETag": second["ETag"], "ChecksumSHA256": second["ChecksumSHA256"]}]
        done = self.s3.complete_multipart_upload(**of, MultipartUpload={"Parts": parts})
        self.assertTrue(done["ChecksumSHA256"].endswith("-2"))
        self.assertEqual(body_of(self.s3.get_object(Bucket=self.bucket, Key="k")), data[:5 * MIB] + b"end")
        begun = self.s3.create_multipart_upload(Bucket=self.bucket, Key="k")
        self.s3.abort_multipart_upload(Bucket=self.bucket, Key="k", UploadId=begun["UploadId"])
        self.assertNotIn("Uploads", self.s3.list_multipart_uploads(Bucket=self.bucket))

    def test_copies_tags_and_deletions_in_one_request(self):
        self.s3.put_object(Bucket=self.bucket, Key="a b", Body=b"x", Metadata={"m": "1"})
        self.s3.copy_object(Bucket=self.bucket, Key="c", CopySource=f"{self.bucket}/a b")
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="c")["Metadata"], {"m": "1"})
        self.s3.copy_object(Bucket=self.bucket, Key="c", CopySource={"Bucket": self.bucket, "Key": "c"},
                            Metadata={"m": "2"}, MetadataDirective="REPLACE")
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key="c")["Metadata"], {"m": "2"})
        tags = [{"Key": "k", "Value": "v"}]
        self.s3.put_object_tagging(Bucket=self.bucket, Key="c", Tagging={"TagSet": tags})
        self.assertEqual(self.s3.get_object_tagging(Bucket=self.bucket, Key="c")["TagSet"], tags)
        gone = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": "a b"}, {"Key": "never"}]})
        self.assertEqual(sorted(one["Key"] for one in gone["Deleted"]), ["a b", "never"])
        self.assertEqual(self.keys(), ["c"])

    def test_lists_go_page_by_page(self):
        names = sorted(f"{folder}/{i}" for folder in ["a", "b"] for i in range(7)) + ["z"]
        for name in names:
            self.s3.put_object(Bucket=self.bucket, Key=name)
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, PaginationConfig={"PageSize": 4})
        self.assertEqual([one["Key"] for page in pages for one in page["Contents"]], names)
        pages = self.s3.get_paginator("list_objects").paginate(Bucket=self.bucket, Delimiter="/",
                                                              PaginationConfig={"PageSize": 1})
        found = [one.get("Prefix") or one.get("Key") for page in pages
                 for one in page.get("CommonPrefixes", []) + page.get("Contents", [])]
        self.assertEqual(found, ["a/", "b/", "z"])

    def test_versions_are_kept_and_listed(self):
        self.s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        ids = [self.s3.put_object(Bucket=self.bucket, Key="k", Body=str(i))["VersionId"] for i in range(3)]
        marker = self.s3.delete_object(Bucket=self.bucket, Key="k")
        self.assertTrue(marker["DeleteMarker"])
        missing = self.refused("NoSuchKey", self.s3.get_object, Bucket=self.bucket, Key="k")
        self.assertEqual(missing["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"], "true")
        self.assertEqual(body_of(self.s3.get_object(Bucket=self.bucket, Key="k", VersionId=ids[1])), b"1")
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket,
                                                                      PaginationConfig={"PageSize": 1})
        found = [one["VersionId"] for page in pages for one in page.get("DeleteMarkers", []) + page.get("Versions", [])]
        self.assertEqual(found, [marker["VersionId"], *reversed(ids)])
        self.s3.delete_object(Bucket=self.bucket, Key="k", VersionId=marker["VersionId"])
        self.assertEqual(body_of(self.s3.get_object(Bucket=self.bucket, Key="k")), b"2")

    def test_presigned_urls_of_both_kinds_and_forms_need_no_key(self):
        new = self.virga.client("s3", signature_version="s3v4")
        for client in [self.s3, new]:
            with self.subTest(version=client.meta.config.signature_version):
                of = {"Bucket": self.bucket, "Key": "a b"}
                url = client.generate_presigned_url("put_object", Params=of)
                self.assertEqual(request(url, "PUT", b"bytes", {"Content-Type": ""}).status, 200)
                url = client.generate_presigned_url("get_object", Params={**of, "ResponseContentType": "text/x"})
                answer = request(url)
                self.assertEqual((answer.body, answer.headers["Content-Type"]), (b"bytes", "text/x"))
                self.assertEqual(request(url.replace("a%20b", "other")).status, 403)
                form = client.generate_presigned_post(self.bucket, "up/${filename}",
                                                      Conditions=[["content-length-range", 1, 10]])
                self.assertEqual(self.post(form, b"from a form").status, 400)
                self.assertEqual(self.post(form, b"a form").status, 204)
                self.assertEqual(body_of(client.get_object(Bucket=self.bucket, Key="up/f.txt")), b"a form")
                form["fields"]["key"] = "elsewhere"
                self.assertEqual(self.post(form, b"a form").status, 403)

    def post(self, form, data):
        parts = [f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                 for name, value in form["fields"].items()]
        parts.append('--B\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n')
        body = "".join(parts).encode() + data + b"\r\n--B--\r\n"
        return request(form["url"], "POST", body, {"Content-Type": "multipart/form-data; boundary=B"})

    def put_chunks(self, key, chunks, size, host=None):
        """An aws-chunked body whose checksum comes behind it, as SDKs send it over TLS."""
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        port = urllib.parse.urlsplit(self.virga.url).port
        host = host or f"127.0.0.1:{port}"
        path = f"/{key}" if host.startswith(self.bucket) else f"/{self.bucket}/{key}"
        headers = {"Host": host, "Content-Encoding": "aws-chunked", "x-amz-trailer": "x-amz-checksum-crc32",
                   "x-amz-decoded-content-length": str(size), "Content-Type": "text/x"}
        prepared = AWSRequest("PUT", f"http://{host}{path}", headers=headers)
        prepared.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
        S3SigV4Auth(Credentials(self.virga.key_id, self.virga.secret), "s3", "us-east-1").add_auth(prepared)
        return request(self.virga.url + path, "PUT", chunks, dict(prepared.headers))

    def test_chunks_with_their_checksum_behind_them_are_verified(self):
        data = os.urandom(300_000)
        crc = b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
        chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n"
                          for part in (data[at:at + 70_000] for at in range(0, len(data), 70_000)))
        whole = chunks + f"0\r\nx-amz-checksum-crc32:{crc}\r\n\r\n".encode()
        put = self.put_chunks("k", whole, len(data))
        self.assertEqual((put.status, put.headers["x-amz-checksum-crc32"]), (200, crc), put.body)
        got = self.s3.get_object(Bucket=self.bucket, Key="k")
        self.assertEqual(body_of(got), data)
        self.assertNotIn("ContentEncoding", got)
        wrong = chunks + b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
        self.assertIn(b"BadDigest", self.put_chunks("other", wrong, len(data)).body)
        self.assertIn(b"IncompleteBody", self.put_chunks("other", whole, len(data) + 1).body)
        self.assertEqual(self.keys(), ["k"])

    def test_the_bucket_may_be_in_the_hosts_name(self):
        port = urllib.parse.urlsplit(self.virga.url).port
        host = f"{self.bucket}.s3.localhost:{port}"
        chunks = b"1\r\nx\r\n0\r\nx-amz-checksum-crc32:jNwWgw==\r\n\r\n"
        answer = self.put_chunks("metrics", chunks, 1, host)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.keys(), ["metrics"])
        answer = request(f"{self.virga.url}/metrics", headers={"Host": host})
        self.assertEqual((answer.status, b"AccessDenied" in answer.body), (403, True))

    def test_the_cli_copies_and_syncs(self):
        with tempfile.TemporaryDirectory() as folder:
            data = os.urandom(9 * MIB)
            (Path(folder) / "large").write_bytes(data)
            (Path(folder) / "sub").mkdir()
            (Path(folder) / "sub" / "small").write_text("x")
            self.cli("s3", "sync", folder, f"s3://{self.bucket}/to", "--only-show-errors")
            self.assertEqual(self.keys(), ["to/large", "to/sub/small"])
            self.cli("s3", "cp", f"s3://{self.bucket}/to/large", folder + "/back", "--only-show-errors")
            self.assertEqual((Path(folder) / "back").read_bytes(), data)
            url = self.cli("s3", "presign", f"s3://{self.bucket}/to/sub/small").strip()
            self.assertEqual(request(url).body, b"x")
            self.cli("s3", "mv", f"s3://{self.bucket}/to/large", f"s3://{self.bucket}/moved", "--only-show-errors")
            self.assertEqual(self.keys(), ["moved", "to/sub/small"])
            os.remove(folder + "/back")
            self.cli("s3", "sync", f"s3://{self.bucket}/to", folder + "/again", "--only-show-errors")
            self.assertEqual((Path(folder) / "again" / "sub" / "small").read_text(), "x")
            (Path(folder) / "again" / "sub" / "small").unlink()
            (Path(folder) / "again" / "new").write_text("y")
            self.cli("s3", "sync", "--delete", folder + "/again", f"s3://{self.bucket}/to", "--only-show-errors")
            self.assertEqual(self.keys(), ["moved", "to/new"])
            self.assertIn("to/new", self.cli("s3", "ls", "--recursive", f"s3://{self.bucket}"))
            self.cli("s3", "rm", "--recursive", f"s3://{self.bucket}/", "--only-show-errors")
            self.assertEqual(self.keys(), [])

    def test_the_cli_has_every_operation(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "in").write_text("hello")
            of = ["--bucket", self.bucket, "--key", "k"]
            put = json.loads(self.cli("s3api", "put-object", *of, "--body", folder + "/in", "--metadata", "own=v",
                                      "--checksum-algorithm", "SHA256"))
            self.assertTrue(put["ChecksumSHA256"])
            self.cli("s3api", "get-object", *of, "--range", "bytes=1-3", folder + "/out")
            self.assertEqual((Path(folder) / "out").read_text(), "ell")
            head = json.loads(self.cli("s3api", "head-object", *of))
            self.assertEqual((head["Metadata"], head["ETag"]), ({"own": "v"}, put["ETag"]))
            self.cli("s3api", "put-object-tagging", *of, "--tagging", "TagSet=[{Key=a,Value=1}]")
            self.assertEqual(json.loads(self.cli("s3api", "get-object-tagging", *of))["TagSet"],
                             [{"Key": "a", "Value": "1"}])
            self.cli("s3api", "put-bucket-versioning", "--bucket", self.bucket, "--versioning-configuration",
                     "Status=Enabled")
            self.cli("s3api", "delete-object", *of)
            versions = json.loads(self.cli("s3api", "list-object-versions", "--bucket", self.bucket))
            self.assertEqual((len(versions["Versions"]), len(versions["DeleteMarkers"])), (1, 1))
            self.cli("s3api", "wait", "object-not-exists", *of)

    def cli(self, *arguments):
        program = str(Path(sys.executable).parent / "aws")
        done = subprocess.run([program, *arguments], env=self.virga.client_environment(), text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_function_comes_from_a_bucket_and_is_told_of_uploads(self):
        source = "exports.handler = async (event) => { console.log(JSON.stringify(event)); return 1; };"
        self.s3.put_object(Bucket=self.bucket, Key="code.zip", Body=zip_of({"index.js": source}))
        api = self.virga.client("lambda")
        made = api.create_function(FunctionName="told", Runtime="nodejs20.x", Handler="index.handler",
                                   Role=ROLE,
                                   Code={"S3Bucket": self.bucket, "S3Key": "code.zip"})
        api.get_waiter("function_active_v2").wait(FunctionName="told", WaiterConfig={"Delay": 0.1})
        self.refused("InvalidParameterValueException", api.update_function_code, FunctionName="told",
                     S3Bucket=self.bucket, S3Key="missing.zip")
        self.s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration={
            "LambdaFunctionConfigurations": [{
                "LambdaFunctionArn": made["FunctionArn"], "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".jpg"}]}}}]})
        self.s3.put_object(Bucket=self.bucket, Key="a.png", Body=b"x")
        self.s3.put_object(Bucket=self.bucket, Key="an image.jpg", Body=b"x")
        wait_until(lambda: metric(self.virga, "virga_async_ended_total") >= 1, 20, "the function was told")
        self.assertEqual(metric(self.virga, "virga_async_accepted_total"), 1)

    def test_a_bucket_is_a_web_site(self):
        self.s3.put_bucket_website(Bucket=self.bucket, WebsiteConfiguration={
            "IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "no.html"}})
        self.s3.put_object(Bucket=self.bucket, Key="index.html", Body=b"hello", ContentType="text/html")
        host = {"Host": f"{self.bucket}.website.localhost"}
        answer = request(self.virga.url + "/", headers=host)
        self.assertEqual((answer.status, answer.body), (200, b"hello"))
        again = request(self.virga.url + "/", headers={**host, "If-None-Match": answer.headers["ETag"]})
        self.assertEqual(again.status, 304)
        self.assertEqual(request(self.virga.url + "/no", headers=host).status, 404)

    def test_buckets_have_settings(self):
        cors = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["http://a"]}]
        self.s3.put_bucket_cors(Bucket=self.bucket, CORSConfiguration={"CORSRules": cors})
        self.assertEqual(self.s3.get_bucket_cors(Bucket=self.bucket)["CORSRules"], cors)
        rules = [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 3}}]
        self.s3.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": rules})
        self.assertEqual(self.s3.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"], rules)
        tags = [{"Key": "k", "Value": "v"}]
        self.s3.put_bucket_tagging(Bucket=self.bucket, Tagging={"TagSet": tags})
        self.assertEqual(self.s3.get_bucket_tagging(Bucket=self.bucket)["TagSet"], tags)
        self.assertIsNone(self.s3.get_bucket_location(Bucket=self.bucket)["LocationConstraint"])
        self.assertIn(self.bucket, [one["Name"] for one in self.s3.list_buckets()["Buckets"]])


class ObjectsSurvive(unittest.TestCase):
    def test_what_was_acknowledged_is_there_after_a_kill(self):
        with tempfile.TemporaryDirectory(prefix="virga-objects-") as folder:
            virga = Virga(data=folder)
            virga.start()
            self.addCleanup(lambda: virga.stop())
            s3 = virga.client("s3", retries={"max_attempts": 0})
            s3.create_bucket(Bucket="kept")
            acknowledged = []

            def put_on():
                try:
                    for i in range(10_000):
                        s3.put_object(Bucket="kept", Key=f"{i:05}", Body=str(i) * 1000)
                        acknowledged.append(i)
                except Exception:  # noqa: BLE001 - the daemon was killed
                    pass

            writer = threading.Thread(target=put_on)
            writer.start()
            wait_until(lambda: len(acknowledged) > 50, 20, "objects were put")
            virga.process.send_signal(signal.SIGKILL)
            writer.join()
            virga.stop(signal.SIGKILL)
            virga.start()
            s3 = virga.client("s3")
            for i in acknowledged:
                self.assertEqual(body_of(s3.get_object(Bucket="kept", Key=f"{i:05}")), (str(i) * 1000).encode())
            # At most the put that was cut off is there beside them, and no file that nothing refers to.
            listed = sum(len(page["Contents"])
                         for page in s3.get_paginator("list_objects_v2").paginate(Bucket="kept"))
            self.assertIn(listed - len(acknowledged), (0, 1))

            def files():
                return sum(len(names) for _, _, names in os.walk(Path(folder) / "objects"))

            wait_until(lambda: files() == listed, 20, "files without a record are removed")


if __name__ == "__main__":
    main()
