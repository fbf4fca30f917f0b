// @aws-sdk/client-eventbridge, unmodified: rules, targets and events of a bus. Arguments: URL and ARN of a queue.
'use strict';
const assert = require('node:assert/strict');
const eventbridge = require('@aws-sdk/client-eventbridge');
const sqs = require('@aws-sdk/client-sqs');

const client = new eventbridge.EventBridgeClient({ maxAttempts: 1 });
const send = (name, input) => client.send(new eventbridge[`${name}Command`](input));
const refused = (promise) => promise.then(() => assert.fail('it must be refused'), (thrown) => thrown);

async function main(queueUrl, queueArn) {
  const missing = await refused(send('DescribeRule', { Name: 'nope' }));
  assert.ok(missing instanceof eventbridge.ResourceNotFoundException, missing.name);
  const wrong = await refused(send('PutRule', { Name: 'r', EventPattern: '{"source": "not a list"}' }));
  assert.ok(wrong instanceof eventbridge.InvalidEventPatternException, wrong.name);

  const { EventBusArn } = await send('CreateEventBus', { Name: 'orders', Tags: [{ Key: 'a', Value: '1' }] });
  assert.deepEqual((await send('ListTagsForResource', { ResourceARN: EventBusArn })).Tags, [{ Key: 'a', Value: '1' }]);
  const EventPattern = JSON.stringify({ source: [{ prefix: 'shop' }], detail: { price: [{ numeric: ['>', 10] }] } });
  const rule = { Name: 'dear', EventBusName: 'orders' };
  await send('PutRule', { ...rule, EventPattern });
  const described = await send('DescribeRule', rule);
  assert.deepEqual([described.EventPattern, described.State], [EventPattern, 'ENABLED']);
  const put = await send('PutTargets', {
    Rule: 'dear', EventBusName: 'orders',
    Targets: [{ Id: '1', Arn: queueArn, InputTransformer: { InputPathsMap: { p: '$.detail.price' }, InputTemplate: '{"price": <p>}' } }],
  });
  assert.equal(put.FailedEntryCount, 0);
  assert.equal((await send('ListTargetsByRule', { Rule: 'dear', EventBusName: 'orders' })).Targets[0].Arn, queueArn);
  assert.deepEqual((await send('ListRuleNamesByTarget', { TargetArn: queueArn, EventBusName: 'orders' })).RuleNames, ['dear']);

  const entry = (price) => ({ EventBusName: 'orders', Source: 'shop.web', DetailType: 'order', Detail: JSON.stringify({ price }), Time: new Date() });
  const answer = await send('PutEvents', { Entries: [entry(5), entry(11.5), { ...entry(1), Detail: 'no JSON' }] });
  assert.equal(answer.FailedEntryCount, 1);
  assert.ok(answer.Entries[1].EventId);
  assert.equal(answer.Entries[2].ErrorCode, 'MalformedDetail');
  const queue = new sqs.SQSClient({ maxAttempts: 1 });
  const { Messages } = await queue.send(new sqs.ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 10, MaxNumberOfMessages: 10 }));
  assert.deepEqual(Messages.map(({ Body }) => JSON.parse(Body)), [{ price: 11.5 }]);

  const event = JSON.stringify({ id: '1', account: '1', source: 'shop', time: '2026-01-01T00:00:00Z', region: 'r', resources: [], 'detail-type': 't', detail: { price: 11 } });
  assert.equal((await send('TestEventPattern', { EventPattern, Event: event })).Result, true);
  await send('DisableRule', rule);
  assert.equal((await send('ListRules', { EventBusName: 'orders' })).Rules[0].State, 'DISABLED');
  await send('RemoveTargets', { Rule: 'dear', EventBusName: 'orders', Ids: ['1'] });
  await send('DeleteRule', rule);
  await send('DeleteEventBus', { Name: 'orders' });
  assert.deepEqual((await send('ListEventBuses', {})).EventBuses.map(({ Name }) => Name), ['default']);
}

main(...process.argv.slice(2));
