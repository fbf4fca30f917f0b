import { GetQueueUrlCommand, SendMessageBatchCommand, SQSClient } from "@aws-sdk/client-sqs";

const sqs = new SQSClient(); // address and key are in the environment
const atOnce = 16; // requests under way
const perRequest = 10; // what SQS takes

// Ten devices. Each thousandth reading is cut off, as happens with radios.
const reading = (number) => {
  const text = JSON.stringify({ id: `reading-${number}`, device: `device-${number % 10}`, celsius: 15 + (number % 7) });
  return number % 1000 === 999 ? text.slice(0, -5) : text;
};

// {"count": 10000}: sends that many, and answers how many were acknowledged, which is how many cannot be lost any more.
export const handler = async ({ count }) => {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: process.env.QUEUE }));
  let next = 0;
  let acknowledged = 0;
  const send = async () => {
    while (next < count) {
      const first = next;
      next = Math.min(first + perRequest, count);
      const Entries = Array.from({ length: next - first }, (_, at) => ({ Id: String(at), MessageBody: reading(first + at) }));
      const { Successful } = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
      acknowledged += Successful?.length ?? 0;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, send));
  return { acknowledged };
};
