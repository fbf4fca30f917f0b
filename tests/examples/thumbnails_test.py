"""examples/thumbnails: a picture uploaded to a bucket becomes a marked thumbnail in another one."""

import json
import subprocess
import unittest

from e2e.virga import Virga, main
from example import Example, need

KEY = "holidays/my harbour.jpg"

# Size and format, and how bright the lower right corner is at most, with and without the mark.
LOOK = """
import sharp from "sharp";
const { width, height, format } = await sharp("small.jpg").metadata();
const corner = { left: width - 64, top: height - 40, width: 64, height: 40 };
const brightest = async (image) => Math.max(...await image.extract(corner).greyscale().raw().toBuffer());
const plain = sharp(await sharp("examples/thumbnails/harbour.jpg").resize({ width }).toBuffer());
console.log(JSON.stringify({ width, height, format, marked: await brightest(sharp("small.jpg")), plain: await brightest(plain) }));
"""


class Thumbnails(unittest.TestCase):
    def test_the_readme(self):
        with Example("thumbnails") as example, Virga() as virga:
            example.prepare()
            example.use(virga)
            output = example.run()
            self.assertRegex(output, rf"{KEY}: \d+ bytes became \d+")
            script = example.folder / "thumbnail" / "look.mjs"
            script.write_text(LOOK)
            looked = subprocess.run(["node", script], cwd=example.root, text=True, capture_output=True, check=False)
            self.assertEqual(looked.returncode, 0, looked.stderr)
            seen = json.loads(looked.stdout)
            self.assertEqual((seen["width"], seen["height"], seen["format"]), (320, 200, "jpeg"))
            self.assertGreater(seen["marked"], 180)
            self.assertLess(seen["plain"], 120)
            s3 = virga.client("s3")
            self.assertEqual([entry["Key"] for entry in s3.list_objects_v2(Bucket="thumbnails")["Contents"]], [KEY])
            # What is no picture wakes nobody.
            s3.put_object(Bucket="pictures", Key="notes.txt", Body=b"no picture")
            self.assertEqual(s3.list_objects_v2(Bucket="thumbnails")["KeyCount"], 1)


if __name__ == "__main__":
    need("node", "npm", "aws")
    main()
