'use strict';
// A blank process that waits for its function runs once through everything that BIND and the first INVOKE will need, so that Node
// has compiled it by then. Nothing of it stays but the compiled code.

const aws = require('./aws.cjs');
const channel = require('./channel.cjs');
const { forms, keep } = require('./form.cjs');
const { ASCII, Invocation, WITH_FORM } = require('./invocation.cjs');
const { load } = require('./load.cjs');
const path = require('path');
const { format } = require('util');
const { pathToFileURL } = require('url');

const ID = '00000000-0000-4000-8000-000000000000';

// What functions ask for most, and what they do in their first lines. Internal modules: they are in Node's own image and are
// compiled when they are first asked for.
const COMMON = ['assert', 'buffer', 'child_process', 'crypto', 'dns', 'events', 'fs', 'fs/promises', 'http', 'https', 'module', 'net',
  'os', 'path', 'perf_hooks', 'querystring', 'stream', 'stream/promises', 'string_decoder', 'timers', 'timers/promises', 'tls', 'url',
  'util', 'zlib'];

// As often as it takes Node to stop looking everything up anew.
const ROUNDS = 8;
const FOLDER = path.join(__dirname, 'rehearsal');

function setVariables(round) {
  for (let number = 0; number < ROUNDS; ++number) process.env[`VIRGA_REHEARSAL_${number}`] = `${round}`;
  for (let number = 0; number < ROUNDS; ++number) delete process.env[`VIRGA_REHEARSAL_${number}`];
}

// `isOver` tells whether BIND has come: it may do so whenever something is awaited that is no microtask.
async function rehearse(readPaths, isOver) {
  for (const name of COMMON) require(name);
  const module = pathToFileURL(path.join(FOLDER, 'module.mjs')).href;
  await load(FOLDER, 'module.handler');
  for (let round = 0; round < ROUNDS; ++round) {
    await import(`${module}?${round}`);
    await new Promise(setImmediate);
    if (isOver()) return;
  }
  channel.rehearse();
  const bind = JSON.parse('{"function_name":"","function_version":"","memory_mb":128,"log_group":"","log_stream":""}');
  const answers = { isOpen: () => true, succeed: (_invocation, value) => JSON.stringify(value), fail: () => {} };
  const body = Buffer.alloc(24 + ID.length + 2);
  body[8] = ID.length;
  body.write(`${ID}{}`, 24);
  const filled = Buffer.alloc(24 + ID.length + 16);
  body.copy(filled, 0, 0, 24 + ID.length);
  for (let round = 0; round < ROUNDS; ++round) {
    setVariables(round);
    readPaths();
    aws.prepare(bind, answers);
    delete require.cache[path.join(FOLDER, 'common.js')];
    const start = aws.starter(await load(FOLDER, 'common.handler'));
    start(new Invocation(0, 0, ASCII, body, 0, body.length));
    keep(0, '{"headers":{"x-amzn-trace-id":""},"requestContext":{"http":{},"requestId":"","time":"","timeEpoch":0}}');
    start(new Invocation(0, 0, ASCII | WITH_FORM, filled, 0, filled.length));
    format(`${new Date().toISOString()}\t%s`, { a: 1 });
  }
  forms.length = 0;
  delete require.cache[path.join(FOLDER, 'common.js')];
  delete globalThis.awslambda;
  delete process.env.NODE_PATH;
}

exports.rehearse = rehearse;
