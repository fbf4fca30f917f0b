// @aws-sdk/client-sns, unmodified: topics and their subscriptions. Arguments: URL and ARN of a queue.
'use strict';
const assert = require('node:assert/strict');
const sns = require('@aws-sdk/client-sns');
const sqs = require('@aws-sdk/client-sqs');

const client = new sns.SNSClient({ maxAttempts: 1 });
const send = (name, input) => client.send(new sns[`${name}Command`](input));
const refused = (promise) => promise.then(() => assert.fail('it must be refused'), (thrown) => thrown);

async function main(queueUrl, queueArn) {
  const missing = await refused(send('Publish', { TopicArn: 'arn:aws:sns:us-east-1:000000000000:nope', Message: 'x' }));
  assert.ok(missing instanceof sns.NotFoundException, missing.name);
  const wrong = await refused(send('CreateTopic', { Name: 'a b' }));
  assert.ok(wrong instanceof sns.InvalidParameterException, wrong.name);

  const { TopicArn } = await send('CreateTopic', { Name: 'news', Tags: [{ Key: 'a', Value: '1' }] });
  assert.deepEqual((await send('ListTagsForResource', { ResourceArn: TopicArn })).Tags, [{ Key: 'a', Value: '1' }]);
  const { SubscriptionArn } = await send('Subscribe', {
    TopicArn, Protocol: 'sqs', Endpoint: queueArn, ReturnSubscriptionArn: true,
    Attributes: { FilterPolicy: JSON.stringify({ kind: ['good'] }), RawMessageDelivery: 'true' },
  });
  const kind = (StringValue) => ({ MessageAttributes: { kind: { DataType: 'String', StringValue } } });
  assert.ok((await send('Publish', { TopicArn, Message: 'é', Subject: 's', ...kind('good') })).MessageId);
  await send('Publish', { TopicArn, Message: 'unwanted', ...kind('bad') });
  const batch = await send('PublishBatch', {
    TopicArn, PublishBatchRequestEntries: [{ Id: '1', Message: 'second', ...kind('good') }, { Id: '2', Message: '' }],
  });
  assert.deepEqual([batch.Successful.map(({ Id }) => Id), batch.Failed.map(({ Id }) => Id)], [['1'], ['2']]);
  const queue = new sqs.SQSClient({ maxAttempts: 1 });
  const bodies = [];
  while (bodies.length < 2) {
    const received = await queue.send(new sqs.ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 10, MaxNumberOfMessages: 10 }));
    assert.ok(received.Messages, 'both messages come');
    bodies.push(...received.Messages.map(({ Body }) => Body));
  }
  assert.deepEqual(bodies.sort(), ['second', 'é']);

  await send('SetSubscriptionAttributes', { SubscriptionArn, AttributeName: 'RawMessageDelivery', AttributeValue: 'false' });
  await send('Publish', { TopicArn, Message: 'wrapped', ...kind('good') });
  const { Messages } = await queue.send(new sqs.ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 10 }));
  const wrapped = JSON.parse(Messages[0].Body);
  assert.deepEqual([wrapped.Type, wrapped.TopicArn, wrapped.Message], ['Notification', TopicArn, 'wrapped']);
  assert.deepEqual(wrapped.MessageAttributes, { kind: { Type: 'String', Value: 'good' } });

  const subscriptions = [];
  for await (const page of sns.paginateListSubscriptionsByTopic({ client }, { TopicArn })) subscriptions.push(...page.Subscriptions);
  assert.deepEqual(subscriptions.map((one) => [one.SubscriptionArn, one.Protocol, one.Endpoint]), [[SubscriptionArn, 'sqs', queueArn]]);
  await send('Unsubscribe', { SubscriptionArn });
  await send('DeleteTopic', { TopicArn });
  assert.deepEqual((await send('ListTopics', {})).Topics ?? [], []);
}

main(...process.argv.slice(2));
