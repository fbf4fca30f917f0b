'use strict';
// The Node.js bootstrap: speaks frames (docs/frames.md) with Virga and runs one function, one invocation at a time or, where BIND says
// so, several.
//
// It boots before it knows which function it will run; BIND names it. Everything that costs time is done before BIND.

const fs = require('fs');
const channel = require('./channel.cjs');
const { Invocation } = require('./invocation.cjs');
const aws = require('./aws.cjs');
const { keep } = require('./form.cjs');
const errors = require('./errors.cjs');
const log = require('./log.cjs');
const { load } = require('./load.cjs');

const { TYPE } = channel;
const TRACE_VARIABLE = '_X_AMZN_TRACE_ID';
const EXIT_UNHANDLED_REJECTION = 128; // both as AWS's runtime exits
const EXIT_UNCAUGHT_EXCEPTION = 129;

let start = null; // starts an invocation; null until the handler is loaded
let limit = 1; // how many invocations may run at once
const running = new Set();
let queue = []; // those that wait behind them
let next = 0; // the first of `queue` that has not been started
let starting = false; // inside the loop of `startNext`: an answer given now must not start it again
let ending = false; // END was received
let booted = false; // BOOTED was sent
let offered = false; // process.env has the trace id

// ---- answering

function isOpen(invocation) {
  return running.has(invocation);
}

function writeError(invocation, report, type = TYPE.ERROR) {
  channel.writeText(type, invocation.low, invocation.high, JSON.stringify(report));
}

// Whether the answer is still wanted; from here on it is not.
function close(invocation) {
  return running.delete(invocation);
}

function finish() {
  if (!starting) startNext();
}

function tooLarge(invocation) {
  writeError(invocation, {
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: 'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
  });
}

const answers = {
  isOpen,

  succeed(invocation, value) {
    if (!running.has(invocation)) return; // answered before
    let text;
    try {
      text = value === undefined ? 'null' : JSON.stringify(value) ?? 'null';
    } catch {
      answers.fail(invocation, new Error('Unable to stringify response body'));
      return;
    }
    if (!close(invocation)) return; // a toJSON of the value has answered
    log.finishLines();
    if (!channel.writeText(TYPE.RESULT, invocation.low, invocation.high, text)) tooLarge(invocation);
    finish();
  },

  succeedBytes(invocation, bytes) {
    if (!close(invocation)) return;
    log.finishLines();
    if (!channel.writeBytes(TYPE.RESULT, invocation.low, invocation.high, bytes)) tooLarge(invocation);
    finish();
  },

  fail(invocation, error) {
    if (!running.has(invocation)) return;
    log.logError('Invoke Error', error, invocation);
    log.finishLines();
    if (!close(invocation)) return; // what was logged has a getter that answered
    writeError(invocation, errors.report(error));
    finish();
  },
};

// ---- running

// The trace id is the one variable that changes with each invocation, and to set a variable of the process costs as much as all
// else that the bootstrap does. So process.env inherits this one: reading it, `in` and child processes find it.
function offerTrace() {
  if (offered) return;
  offered = true;
  const inherited = Object.create(Object.getPrototypeOf(process.env), {
    [TRACE_VARIABLE]: { configurable: true, enumerable: true, get: () => log.currentInvocation()?.trace },
  });
  Object.setPrototypeOf(process.env, inherited);
}

function startNext() {
  starting = true;
  while (running.size < limit && next < queue.length && start !== null) {
    const invocation = queue[next++];
    if (next === queue.length) {
      queue = [];
      next = 0;
    }
    channel.flushStale();
    running.add(invocation);
    log.enter(invocation, start);
  }
  starting = false;
  // While no other invocation can come, an empty event loop means that no answer will; otherwise the process waits for the next one.
  channel.hold(running.size < limit);
  if (ending && running.size === 0 && next === queue.length) channel.exitWhenSent(0);
}

// ---- loading

function initError(error, headline, code) {
  log.logError(headline, error);
  log.finishLines();
  channel.writeText(TYPE.INIT_ERROR, 0, 0, JSON.stringify(errors.report(error)));
  channel.exitWhenSent(code);
}

// NODE_PATH is read when Node starts, before the function is known; read it again.
function readModulePaths() {
  const major = process.versions.node.split('.', 1)[0];
  process.env.NODE_PATH ??=
    `/opt/nodejs/node${major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task`;
  require('module')._initPaths();
}

// Most packages are small and have nothing: that is all they wait for.
function usePrepared({ prepared, task_root: root }) {
  const places = [root, '/opt'].filter((place) => prepared && fs.existsSync(place + prepared + place));
  if (places.length > 0) require('./prepared.cjs').use(prepared, places);
}

// Tells Virga once that what comes next is the function.
function sayBooted() {
  if (booted) return;
  booted = true;
  channel.writeText(TYPE.BOOTED, 0, 0, '');
  channel.flush();
}

// This process will wait for its function: what BIND would do first is done now, where it does not depend on the function.
async function rehearse() {
  await require('./rehearse.cjs').rehearse(readModulePaths, () => booted);
  if (booted) return; // BIND came meanwhile
  offerTrace();
  log.install();
  sayBooted();
}

async function bind(body) {
  sayBooted();
  const bound = JSON.parse(body);
  const environment = bound.environment ?? {};
  for (const name of Object.keys(environment)) process.env[name] = environment[name];
  limit = Math.max(1, bound.concurrency ?? 1);
  offerTrace();
  log.install(limit);
  try {
    process.chdir(bound.task_root);
    readModulePaths();
    usePrepared(bound);
    aws.prepare(bound, answers);
    const starter = aws.starter(await load(bound.task_root, bound.handler));
    await new Promise(setImmediate); // a rejection that the module's own code left unhandled is still an error of loading
    start = starter;
  } catch (error) {
    initError(error, 'Uncaught Exception', EXIT_UNCAUGHT_EXCEPTION);
    return;
  }
  log.finishLines();
  channel.writeText(TYPE.READY, 0, 0, limit === 1 ? '' : String(limit));
  startNext();
}

// ---- what comes from outside

function onFrame(type, flags, low, high, buffer, begin, end) {
  if (type === TYPE.INVOKE) {
    queue.push(new Invocation(low, high, flags, buffer, begin, end));
  } else if (type === TYPE.FORM) {
    keep(low, buffer.utf8Slice(begin, end));
  } else if (type === TYPE.BIND) {
    bind(buffer.utf8Slice(begin, end));
  } else if (type === TYPE.REHEARSE) {
    rehearse();
  } else if (type === TYPE.END) {
    ending = true;
  }
}

function onChunkEnd() {
  if (running.size < limit && (start !== null || ending)) startNext();
}

// The last answers of this process: `report(invocation)` for each that runs.
function answerAll(report) {
  for (const invocation of running) writeError(invocation, report(invocation), TYPE.LAST_ERROR);
  running.clear();
}

// Ends the process for an error that no handler caught. The invocation that threw it gets it as its answer; where several run, the
// others only learn that the process is gone.
function crash(error, headline, code) {
  if (start === null) {
    initError(error, headline, code);
    return;
  }
  log.logError(headline, error);
  log.finishLines();
  const guilty = running.size === 1 ? running.values().next().value : log.currentInvocation();
  answerAll((invocation) => (invocation === guilty ? errors.report(error) : errors.exitReport(code, invocation.requestId)));
  start = null; // what waits behind them is not started here any more
  channel.exitWhenSent(code);
}

process.on('uncaughtException', (error) => crash(error, 'Uncaught Exception', EXIT_UNCAUGHT_EXCEPTION));
process.on('unhandledRejection', (reason, promise) => {
  const error = new errors.UnhandledPromiseRejection(reason, promise);
  crash(error, 'Unhandled Promise Rejection', EXIT_UNHANDLED_REJECTION);
});
process.on('beforeExit', () => {
  if (running.size === 0) return;
  const waiting = [...running];
  setImmediate(() => { // also keeps the process alive: what the answer starts next may leave the loop empty again
    for (const invocation of waiting) if (isOpen(invocation)) invocation.atEmptyLoop(invocation);
  });
});
process.on('exit', (code) => {
  log.finishLines();
  answerAll((invocation) => errors.exitReport(code, invocation.requestId));
  channel.flush();
});

const descriptor = Number(process.env.VIRGA_FRAMES_FD);
delete process.env.VIRGA_FRAMES_FD;
if (!(descriptor > 2)) {
  process.stderr.write('This program is started by Virga, with VIRGA_FRAMES_FD naming a connected socket (docs/frames.md).\n');
  process.exit(1);
}
channel.open(descriptor, onFrame, onChunkEnd, () => process.exit(0));
