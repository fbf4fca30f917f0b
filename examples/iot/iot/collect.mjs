import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

const s3 = new S3Client();

// A message that is no reading is given back alone; the others of its batch are done with. What is kept is named by the
// messages, so a batch that comes once more after a crash replaces itself.
export const handler = async ({ Records }) => {
  const readings = [];
  const batchItemFailures = [];
  for (const { messageId, body } of Records) {
    try {
      const { id, device, celsius } = JSON.parse(body);
      readings.push({ id, device, celsius });
    } catch {
      console.log(`no reading: ${body}`);
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  if (readings.length > 0) {
    const Key = `batches/${Records[0].messageId}.json`;
    await s3.send(new PutObjectCommand({ Bucket: process.env.BUCKET, Key, Body: JSON.stringify(readings) }));
  }
  return { batchItemFailures };
};
