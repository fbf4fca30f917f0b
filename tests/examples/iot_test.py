"""examples/iot: ten thousand readings through a queue, each counted once."""

import json
import unittest

from e2e.virga import Virga, main
from example import Example, need

COUNT = 10_000


def is_damaged(number):
    return number % 1000 == 999


class Burst(unittest.TestCase):
    def test_the_readme(self):
        with Example("iot") as example, Virga() as virga:
            example.prepare()
            example.use(virga)
            output = example.run(seconds=200)
            self.assertIn(f'"acknowledged":{COUNT}', output.replace(" ", ""))
            whole = [number for number in range(COUNT) if not is_damaged(number)]
            report = json.loads((example.root / "report.json").read_text())
            self.assertEqual(report["readings"], len(whole))
            for device in range(10):
                celsius = [15 + number % 7 for number in whole if number % 10 == device]
                found = report["devices"][f"device-{device}"]
                self.assertEqual(found["readings"], len(celsius))
                self.assertAlmostEqual(found["mean"], sum(celsius) / len(celsius), places=6)
            # Not by what the function says alone: the ids that were kept. One may be kept twice, and counts once.
            s3 = virga.client("s3")
            kept = []
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket="telemetry"):
                for entry in page["Contents"]:
                    kept += json.load(s3.get_object(Bucket="telemetry", Key=entry["Key"])["Body"])
            self.assertEqual({reading["id"] for reading in kept}, {f"reading-{number}" for number in whole})
            self.assertEqual(len(kept) - len(whole), report["twice"])
            sqs = virga.client("sqs")
            url = sqs.get_queue_url(QueueName="damaged")["QueueUrl"]
            waiting = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            self.assertEqual(int(waiting["ApproximateNumberOfMessages"]) +
                             int(waiting["ApproximateNumberOfMessagesNotVisible"]), COUNT - len(whole))


if __name__ == "__main__":
    need("node", "npm", "aws")
    main()
