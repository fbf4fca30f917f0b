// @aws-sdk/client-lambda, unmodified, against the address and keys in the environment.
// Arguments: the Base64 of a zip whose index.js echoes its event.
'use strict';
const assert = require('node:assert/strict');
const lambda = require('@aws-sdk/client-lambda');

const client = new lambda.LambdaClient({ maxAttempts: 1 });
const send = (name, input) => client.send(new lambda[`${name}Command`](input));
const ZipFile = Buffer.from(process.argv[2], 'base64');
const FunctionName = 'sdk';

async function refused(name, wanted, status, input) {
  const error = await send(name, input).then(
    () => assert.fail(`${name} must be refused`),
    (thrown) => thrown,
  );
  assert.equal(error.name, wanted, `${name}: ${error.message}`);
  assert.equal(error.$metadata.httpStatusCode, status);
  return error;
}

async function main() {
  await refused('GetFunction', 'ResourceNotFoundException', 404, { FunctionName: 'nope' });
  await refused('ListCodeSigningConfigs', 'UnsupportedOperationException', 400, {});
  const settings = {
    FunctionName, Runtime: 'nodejs20.x', Handler: 'index.handler', Role: 'arn:aws:iam::000000000000:role/any', Code: { ZipFile },
  };
  await refused('CreateFunction', 'InvalidParameterValueException', 400, { ...settings, Runtime: 'ruby3.3' });
  const made = await send('CreateFunction', { ...settings, Tags: { a: '1' } });
  assert.equal(made.$metadata.httpStatusCode, 201);
  await lambda.waitUntilFunctionActiveV2({ client, maxWaitTime: 20 }, { FunctionName });
  await refused('CreateFunction', 'ResourceConflictException', 409, settings);

  const called = await send('Invoke', { FunctionName, Payload: JSON.stringify({ a: 'é' }), LogType: 'Tail' });
  assert.equal(called.StatusCode, 200);
  assert.equal(called.ExecutedVersion, '$LATEST');
  assert.deepEqual(JSON.parse(Buffer.from(called.Payload).toString()), { a: 'é' });
  assert.match(Buffer.from(called.LogResult, 'base64').toString(), /^START RequestId: /);
  assert.equal((await send('Invoke', { FunctionName: made.FunctionArn, InvocationType: 'Event' })).StatusCode, 202);

  await send('UpdateFunctionConfiguration', { FunctionName, Timeout: 9, Environment: { Variables: { AB: '1' } } });
  await lambda.waitUntilFunctionUpdatedV2({ client, maxWaitTime: 20 }, { FunctionName });
  assert.equal((await send('PublishVersion', { FunctionName })).Version, '1');
  await send('CreateAlias', { FunctionName, Name: 'live', FunctionVersion: '1' });
  assert.equal((await send('Invoke', { FunctionName, Qualifier: 'live' })).ExecutedVersion, '1');

  await send('PutFunctionConcurrency', { FunctionName, ReservedConcurrentExecutions: 0 });
  const throttled = await refused('Invoke', 'TooManyRequestsException', 429, { FunctionName });
  assert.equal(throttled.Reason, 'ReservedFunctionConcurrentInvocationLimitExceeded');
  await send('DeleteFunctionConcurrency', { FunctionName });

  await send('UntagResource', { Resource: made.FunctionArn, TagKeys: ['a', 'b'] });
  assert.deepEqual((await send('ListTags', { Resource: made.FunctionArn })).Tags, {});
  const { FunctionUrl } = await send('CreateFunctionUrlConfig', { FunctionName, AuthType: 'NONE' });
  assert.equal((await (await fetch(FunctionUrl)).json()).version, '2.0');

  const names = [];
  for await (const page of lambda.paginateListVersionsByFunction({ client, pageSize: 1 }, { FunctionName })) {
    names.push(...page.Versions.map((version) => version.Version));
  }
  assert.deepEqual(names, ['$LATEST', '1']);
  await send('DeleteFunction', { FunctionName });
  await refused('GetFunctionConfiguration', 'ResourceNotFoundException', 404, { FunctionName });
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
