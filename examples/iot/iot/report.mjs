import { GetObjectCommand, paginateListObjectsV2, S3Client } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import { setTimeout } from "node:timers/promises";

const s3 = new S3Client();
const sqs = new SQSClient();
const Bucket = process.env.BUCKET;

const untilEmpty = async () => {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: process.env.QUEUE }));
  const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
  for (;;) {
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
    if (AttributeNames.every((name) => Attributes[name] === "0")) return;
    await setTimeout(100);
  }
};

// A reading may have come twice, in two batches, if a function was killed in the middle: it counts once, by its id.
export const handler = async () => {
  await untilEmpty();
  const readings = new Map();
  let kept = 0;
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket, Prefix: "batches/" })) {
    const batches = (page.Contents ?? []).map(async ({ Key }) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      return JSON.parse(await Body.transformToString());
    });
    for (const reading of (await Promise.all(batches)).flat()) {
      readings.set(reading.id, reading);
      kept += 1;
    }
  }
  const devices = {};
  for (const { device, celsius } of readings.values()) {
    const one = (devices[device] ??= { readings: 0, mean: 0 });
    one.readings += 1;
    one.mean += (celsius - one.mean) / one.readings;
  }
  return { readings: readings.size, twice: kept - readings.size, devices };
};
