"""examples/backup: a schedule packs a bucket into an archive."""

import io
import tarfile
import unittest

from e2e.virga import SOURCE, Virga, main
from example import Example, need


class Backup(unittest.TestCase):
    def test_the_readme(self):
        with Example("backup") as example, Virga() as virga:
            example.prepare()
            example.use(virga)
            output = example.run()
            wanted = {f"docs/{path.relative_to(SOURCE / 'docs')}": path.read_bytes()
                      for path in (SOURCE / "docs").rglob("*") if path.is_file()}
            s3 = virga.client("s3")
            archives = s3.list_objects_v2(Bucket="backups")["Contents"]
            self.assertEqual(len(archives), 1)
            self.assertRegex(archives[0]["Key"], r"^documents-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.tar\.gz$")
            packed = s3.get_object(Bucket="backups", Key=archives[0]["Key"])["Body"].read()
            with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
                found = {member.name: tar.extractfile(member).read() for member in tar}
            self.assertEqual(found, wanted)
            self.assertIn(f"{len(wanted)} objects are in {archives[0]['Key']}", output)
            self.assertIn("docs/README.md", output)
            nightly = virga.client("scheduler").get_schedule(Name="nightly")
            self.assertEqual((nightly["ScheduleExpression"], nightly["ScheduleExpressionTimezone"], nightly["State"]),
                             ("cron(0 3 * * ? *)", "Europe/Berlin", "ENABLED"))


if __name__ == "__main__":
    need("aws")
    main()
