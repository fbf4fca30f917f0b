"""Packs all objects of one bucket into an archive in another one."""

import os
import tarfile
import tempfile

import boto3

s3 = boto3.client("s3")  # address and key are in the environment
source, target = os.environ["SOURCE"], os.environ["TARGET"]


def objects():
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=source):
        yield from page.get("Contents", [])


def handler(event, context):
    # The time for which the schedule fired, not the one at which this runs: when it runs again after a fault, the
    # archive of that night is written again, and not a second one.
    key = f"{source}-{event['time']}.tar.gz"
    count = 0
    with tempfile.TemporaryFile(dir="/tmp") as archive:
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for entry in objects():
                member = tarfile.TarInfo(entry["Key"])
                member.size = entry["Size"]
                member.mtime = int(entry["LastModified"].timestamp())
                # If the object is another one by now, with another size, this night's backup begins anew.
                found = s3.get_object(Bucket=source, Key=entry["Key"], IfMatch=entry["ETag"])
                tar.addfile(member, found["Body"])
                count += 1
        archive.seek(0)
        s3.upload_fileobj(archive, target, key)
    print(f"{count} objects are in {key}")
    return {"archive": key, "objects": count}
