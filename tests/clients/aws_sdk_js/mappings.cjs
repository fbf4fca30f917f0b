// Event source mappings by @aws-sdk/client-lambda, unmodified. Arguments: URL and ARN of a queue, and the name of a function.
'use strict';
const assert = require('node:assert/strict');
const lambda = require('@aws-sdk/client-lambda');
const sqs = require('@aws-sdk/client-sqs');

const client = new lambda.LambdaClient({ maxAttempts: 1 });
const send = (name, input) => client.send(new lambda[`${name}Command`](input));
const refused = (promise) => promise.then(() => assert.fail('it must be refused'), (thrown) => thrown);

async function main(queueUrl, queueArn, FunctionName) {
  const nowhere = await refused(send('CreateEventSourceMapping', { FunctionName: 'nope', EventSourceArn: queueArn }));
  assert.equal(nowhere.$metadata.httpStatusCode, 404, nowhere.name);
  const made = await send('CreateEventSourceMapping', {
    FunctionName, EventSourceArn: queueArn, BatchSize: 10, FunctionResponseTypes: ['ReportBatchItemFailures'],
    FilterCriteria: { Filters: [{ Pattern: '{"body": {"n": [{"exists": true}]}}' }] }, ScalingConfig: { MaximumConcurrency: 2 },
  });
  assert.equal(made.EventSourceArn, queueArn);
  const again = await refused(send('CreateEventSourceMapping', { FunctionName, EventSourceArn: queueArn }));
  assert.ok(again instanceof lambda.ResourceConflictException, again.name);
  const { UUID } = made;
  const found = await send('GetEventSourceMapping', { UUID });
  assert.deepEqual([found.BatchSize, found.ScalingConfig, found.FunctionResponseTypes], [10, { MaximumConcurrency: 2 }, ['ReportBatchItemFailures']]);
  assert.deepEqual((await send('ListEventSourceMappings', { FunctionName })).EventSourceMappings.map((one) => one.UUID), [UUID]);

  const queue = new sqs.SQSClient({ maxAttempts: 1 });
  await queue.send(new sqs.SendMessageBatchCommand({
    QueueUrl: queueUrl, Entries: [1, 2, 3].map((n) => ({ Id: String(n), MessageBody: n === 3 ? '"other"' : `{"n": ${n}}` })),
  }));
  for (;;) {
    const { Attributes } = await queue.send(new sqs.GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] }));
    if (Attributes.ApproximateNumberOfMessages === '0' && Attributes.ApproximateNumberOfMessagesNotVisible === '0') break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await send('UpdateEventSourceMapping', { UUID, Enabled: false, BatchSize: 5 });
  for (;;) {
    const { State, BatchSize } = await send('GetEventSourceMapping', { UUID });
    assert.equal(BatchSize, 5);
    if (State === 'Disabled') break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await send('DeleteEventSourceMapping', { UUID });
}

main(...process.argv.slice(2));
