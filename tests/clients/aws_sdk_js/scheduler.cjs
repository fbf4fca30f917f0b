// @aws-sdk/client-scheduler, unmodified: schedules and their groups. Arguments: URL and ARN of a queue.
'use strict';
const assert = require('node:assert/strict');
const scheduler = require('@aws-sdk/client-scheduler');
const sqs = require('@aws-sdk/client-sqs');

const client = new scheduler.SchedulerClient({ maxAttempts: 1 });
const send = (name, input) => client.send(new scheduler[`${name}Command`](input));
const refused = (promise) => promise.then(() => assert.fail('it must be refused'), (thrown) => thrown);

async function main(queueUrl, queueArn) {
  const Target = { Arn: queueArn, RoleArn: 'arn:aws:iam::000000000000:role/any', Input: '{"at": "<aws.scheduler.scheduled-time>"}' };
  const schedule = { Name: 'nightly', ScheduleExpression: 'cron(0 3 * * ? *)', FlexibleTimeWindow: { Mode: 'OFF' }, Target };
  const missing = await refused(send('GetSchedule', { Name: 'nope' }));
  assert.ok(missing instanceof scheduler.ResourceNotFoundException, missing.name);
  const wrong = await refused(send('CreateSchedule', { ...schedule, ScheduleExpression: 'cron(0 25 * * ? *)' }));
  assert.ok(wrong instanceof scheduler.ValidationException, wrong.name);

  const EndDate = new Date('2099-01-01T00:00:00Z');
  const made = await send('CreateSchedule', { ...schedule, ScheduleExpressionTimezone: 'Europe/Berlin', EndDate });
  const taken = await refused(send('CreateSchedule', schedule));
  assert.ok(taken instanceof scheduler.ConflictException, taken.name);
  const found = await send('GetSchedule', { Name: 'nightly' });
  assert.equal(found.Arn, made.ScheduleArn);
  assert.deepEqual([found.ScheduleExpressionTimezone, found.State, found.EndDate], ['Europe/Berlin', 'ENABLED', EndDate]);
  assert.deepEqual(found.Target, Target);

  const group = await send('CreateScheduleGroup', { Name: 'g', Tags: [{ Key: 'a', Value: '1' }] });
  assert.deepEqual((await send('ListTagsForResource', { ResourceArn: group.ScheduleGroupArn })).Tags, [{ Key: 'a', Value: '1' }]);
  for (const Name of ['one', 'two', 'three']) {
    await send('CreateSchedule', { ...schedule, Name, GroupName: 'g', State: 'DISABLED' });
  }
  const names = [];
  const pages = scheduler.paginateListSchedules({ client, pageSize: 2 }, { GroupName: 'g' });
  for await (const page of pages) names.push(...page.Schedules.map(({ Name }) => Name));
  assert.deepEqual(names.sort(), ['one', 'three', 'two']);

  // Fires once for each of its times, with the time in what it sends.
  await send('UpdateSchedule', { ...schedule, ScheduleExpression: 'rate(1 second)' });
  const queue = new sqs.SQSClient({ maxAttempts: 1 });
  const times = new Set();
  while (times.size < 2) {
    const received = await queue.send(new sqs.ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 10, MaxNumberOfMessages: 10 }));
    assert.ok(received.Messages, 'it fires');
    for (const { Body } of received.Messages) {
      const { at } = JSON.parse(Body);
      assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.ok(!times.has(at), `${at} came twice`);
      times.add(at);
    }
  }
  await send('DeleteSchedule', { Name: 'nightly' });
  await send('DeleteScheduleGroup', { Name: 'g' });
  assert.deepEqual((await send('ListSchedules', {})).Schedules, []);
}

main(...process.argv.slice(2));
