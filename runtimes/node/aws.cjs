'use strict';
// The AWS Lambda handler signature, `handler(event, context[, callback])`: its context object and its rules about when an
// invocation is answered. The rules are those of AWS's Node.js runtime interface client (CallbackContext.js, Runtime.js).

const { eventOf } = require('./form.cjs');

const RESPONSE_STREAM = Symbol.for('aws.lambda.runtime.handler.streaming');

let bound = null; // the BIND frame's object
let answer = null; // how to answer: the object of that name in bootstrap.cjs
let memory = '';

function parseJson(text, name) {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error.toString()}`);
  }
}

// Own, enumerable properties: functions log, spread and destructure their context.
class Context {
  #invocation;

  constructor(invocation) {
    this.#invocation = invocation;
    this.callbackWaitsForEmptyEventLoop = true;
    this.functionVersion = bound.function_version;
    this.functionName = bound.function_name;
    this.memoryLimitInMB = memory;
    this.logGroupName = bound.log_group;
    this.logStreamName = bound.log_stream;
    this.clientContext = parseJson(invocation.clientContext, 'ClientContext');
    this.identity = parseJson(invocation.identity, 'CognitoIdentity');
    this.invokedFunctionArn = invocation.arn;
    this.awsRequestId = invocation.requestId;
    this.tenantId = invocation.tenant;
    const { deadline } = invocation;
    this.getRemainingTimeInMillis = () => deadline - Date.now();
  }

  // The three old ways to answer do not wait for an empty event loop. They are handed out bound, for `f(context.done)`.
  get done() {
    const invocation = this.#invocation;
    return (error, value) => {
      if (error !== undefined && error !== null) answer.fail(invocation, error);
      else answer.succeed(invocation, value);
    };
  }

  get succeed() {
    const { done } = this;
    return (value) => done(null, value);
  }

  get fail() {
    const { done } = this;
    return (error) => done(error ?? 'handled');
  }
}

function makeCallback(invocation, context) {
  return (error, value) => {
    if (!answer.isOpen(invocation) || invocation.atEmptyLoop !== answerNull) return;
    if (error !== undefined && error !== null) answer.fail(invocation, error);
    else if (!context.callbackWaitsForEmptyEventLoop) answer.succeed(invocation, value);
    else invocation.atEmptyLoop = () => answer.succeed(invocation, value);
  };
}

// The event loop is empty and nobody has answered: nobody will.
function answerNull(invocation) {
  answer.succeed(invocation, null);
}

function startPlain(handler, invocation) {
  invocation.atEmptyLoop = answerNull;
  try {
    const event = eventOf(invocation);
    const context = new Context(invocation);
    const result = handler(event, context, makeCallback(invocation, context));
    if (result && typeof result.then === 'function') {
      result.then((value) => answer.succeed(invocation, value), (error) => answer.fail(invocation, error ?? 'handled'));
    }
  } catch (error) {
    answer.fail(invocation, error);
  }
}

function startStreaming(handler, invocation) {
  const { run } = require('./aws-stream.cjs');
  invocation.atEmptyLoop = () => answer.fail(invocation, 'Response stream is not finished.');
  try {
    const event = eventOf(invocation);
    run(handler, event, new Context(invocation)).then(
      (bytes) => answer.succeedBytes(invocation, bytes), (error) => answer.fail(invocation, error ?? 'handled'));
  } catch (error) {
    answer.fail(invocation, error);
  }
}

// Before the function's code is loaded: what it may find in its process.
function prepare(bind, answers) {
  bound = bind;
  answer = answers;
  memory = String(bind.memory_mb);
  if (/^(1|true)$/.test(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = {
    streamifyResponse(handler) {
      handler[RESPONSE_STREAM] = 'response';
      return handler;
    },
    get HttpResponseStream() {
      return require('./aws-stream.cjs').HttpResponseStream;
    },
  };
}

// The function that starts one invocation of `handler`; it answers through what `prepare` was given.
function starter(handler) {
  const streaming = handler[RESPONSE_STREAM];
  if (streaming === undefined || streaming === null || streaming === false) return (invocation) => startPlain(handler, invocation);
  if (streaming === 'response') return (invocation) => startStreaming(handler, invocation);
  const { MalformedStreamingHandler } = require('./errors.cjs');
  throw new MalformedStreamingHandler('Only response streaming is supported.');
}

module.exports = { prepare, starter };
