'use strict';
// The function's output as LOG frames: console.* in the text or JSON form of AWS Lambda's Node.js runtime (its LogPatch.js), and
// what is written to process.stdout and process.stderr line by line.
//
// A line is sent at once, not at the end of the turn: it is what explains a crash or an endless loop that follows it.

const { TYPE, flush, writeText } = require('./channel.cjs');
const errors = require('./errors.cjs');

const MAX_PIECE = 1024 * 1024; // characters; a longer text is sent in pieces

let last = null; // the invocation that was started last; null while loading
let scope = null; // an AsyncLocalStorage where several invocations run at once: it knows whose code is running
let format = require('util').format;
let write = null; // (level, parameters)

// Whose code runs now. What runs after the end of all invocations belongs to the last one, as on Lambda.
function currentInvocation() {
  return (scope === null ? last : scope.getStore() ?? last) ?? undefined;
}

// Starts an invocation; what its code writes is logged as its own.
function enter(invocation, start) {
  last = invocation;
  if (scope === null) start(invocation);
  else scope.run(invocation, start, invocation);
}

function send(text, invocation = currentInvocation()) {
  for (let at = 0; at < text.length || at === 0; at += MAX_PIECE) {
    const piece = text.length > MAX_PIECE ? text.substring(at, at + MAX_PIECE) : text;
    writeText(TYPE.LOG, invocation?.low ?? 0, invocation?.high ?? 0, piece);
  }
  flush();
}

// ---- console

function writeLine(level, parameters, invocation = currentInvocation()) {
  send(`${new Date().toISOString()}\t${invocation?.requestId}\t${level}\t${format(...parameters)}`, invocation);
}

function errorFields(_key, value) {
  if (!(value instanceof Error)) return value;
  return {
    errorType: value.constructor?.name ?? 'UnknownError',
    errorMessage: value.message,
    stackTrace: typeof value.stack === 'string' ? value.stack.split('\n') : value.stack,
    ...value,
  };
}

function jsonRecord(level, parameters, invocation) {
  const record = { timestamp: new Date().toISOString(), level, requestId: invocation?.requestId };
  if (invocation?.tenant !== undefined) record.tenantId = invocation.tenant;
  if (parameters.length === 1) {
    record.message = parameters[0];
    try {
      return JSON.stringify(record, errorFields);
    } catch {
      record.message = format(record.message);
      return JSON.stringify(record);
    }
  }
  record.message = format(...parameters);
  const error = parameters.find((parameter) => parameter instanceof Error);
  if (error) Object.assign(record, errorFields('', { __proto__: error, constructor: error.constructor, stack: error.stack, message: error.message }));
  return JSON.stringify(record);
}

function writeRecord(level, parameters, invocation = currentInvocation()) {
  send(jsonRecord(level, parameters, invocation), invocation);
}

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

function patchConsole() {
  const isJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
  write = isJson ? writeRecord : writeLine;
  const least = Math.max(0, LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()));
  const method = (level) => (LEVELS.indexOf(level) < least ? () => {} : (...parameters) => write(level, parameters));
  console.trace = method('TRACE');
  console.debug = method('DEBUG');
  console.log = console.info = method('INFO');
  console.warn = method('WARN');
  console.error = method('ERROR');
  console.fatal = method('FATAL');
  logError = isJson
    ? (_headline, error, invocation) => write('ERROR', [error instanceof Error ? error : new Error(error)], invocation)
    : (headline, error, invocation) => write('ERROR', [headline, errors.describe(error)], invocation);
}

let logError = () => {};

// ---- process.stdout and process.stderr

const pending = []; // one { text } for each stream in use: the beginning of a line

function intercept(stream) {
  const line = { text: '' };
  pending.push(line);
  const { StringDecoder } = require('string_decoder');
  const decoder = new StringDecoder('utf8');
  stream.write = (chunk, encoding, callback) => {
    const text = typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk));
    const end = text.lastIndexOf('\n');
    if (end < 0) {
      line.text += text;
    } else {
      send(line.text + text.substring(0, end));
      line.text = text.substring(end + 1);
    }
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  return stream;
}

// The streams are made when first used, so that a function that only uses console does not pay for them.
function patchStream(name) {
  const original = Object.getOwnPropertyDescriptor(process, name);
  let stream;
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get() {
      return (stream ??= intercept(original.get.call(process)));
    },
  });
}

// Sends lines that were begun and not ended. Called before an answer.
function finishLines() {
  for (const line of pending) {
    if (line.text === '') continue;
    const { text } = line;
    line.text = '';
    send(text);
  }
}

let streamsArePatched = false;

// Called when the function's environment is known, and by a process that waits for its function. `limit`: how many invocations
// may run at once.
function install(limit) {
  if (limit > 1) scope = new (require('async_hooks').AsyncLocalStorage)();
  patchConsole();
  if (streamsArePatched) return;
  streamsArePatched = true;
  patchStream('stdout');
  patchStream('stderr');
}

module.exports = {
  currentInvocation,
  enter,
  finishLines,
  install,
  logError: (headline, error, invocation) => logError(headline, error, invocation),
};
