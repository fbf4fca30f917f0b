// @aws-sdk/client-sqs, unmodified, against the address and keys in the environment. It checks the digests of messages.
'use strict';
const assert = require('node:assert/strict');
const sqs = require('@aws-sdk/client-sqs');

const client = new sqs.SQSClient({ maxAttempts: 1 });
const send = (name, input) => client.send(new sqs[`${name}Command`](input));

async function main() {
  const error = await send('GetQueueUrl', { QueueName: 'nope' }).then(
    () => assert.fail('a queue that is not there must be refused'),
    (thrown) => thrown,
  );
  assert.ok(error instanceof sqs.QueueDoesNotExist, error.name);

  const { QueueUrl } = await send('CreateQueue', { QueueName: 'js', Attributes: { VisibilityTimeout: '20' }, tags: { a: '1' } });
  assert.deepEqual((await send('ListQueueTags', { QueueUrl })).Tags, { a: '1' });
  const MessageAttributes = {
    n: { DataType: 'Number', StringValue: '7' },
    b: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 255]) },
  };
  await send('SendMessage', { QueueUrl, MessageBody: 'é', MessageAttributes });
  const sent = await send('SendMessageBatch', {
    QueueUrl, Entries: [1, 2].map((number) => ({ Id: String(number), MessageBody: `m${number}` })),
  });
  assert.equal(sent.Successful.length, 2);
  const { Messages } = await send('ReceiveMessage', {
    QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, MessageAttributeNames: ['All'], MessageSystemAttributeNames: ['All'],
  });
  assert.deepEqual(Messages.map((message) => message.Body), ['é', 'm1', 'm2']);
  assert.deepEqual([...Messages[0].MessageAttributes.b.BinaryValue], [0, 255]);
  assert.equal(Messages[0].Attributes.ApproximateReceiveCount, '1');
  await send('ChangeMessageVisibility', { QueueUrl, ReceiptHandle: Messages[0].ReceiptHandle, VisibilityTimeout: 30 });
  const deleted = await send('DeleteMessageBatch', {
    QueueUrl, Entries: Messages.map((message, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle })),
  });
  assert.equal(deleted.Successful.length, 3);
  const names = [];
  for await (const page of sqs.paginateListQueues({ client, pageSize: 1 }, {})) names.push(...(page.QueueUrls ?? []));
  assert.deepEqual(names, [QueueUrl]);
  await send('PurgeQueue', { QueueUrl });
  await send('DeleteQueue', { QueueUrl });
}

main();
