'use strict';
// AWS Lambda's response streaming, buffered: the handler writes to a stream, the caller gets the whole when it has ended.
// A stream with HTTP metadata becomes the response object that HTTP front ends of Lambda understand.

const { Writable } = require('stream');
const { isUtf8 } = require('buffer');
const { InvalidStreamingOperation } = require('./errors.cjs');

class ResponseStream extends Writable {
  constructor() {
    super();
    this.chunks = [];
    this.metadata = null;
    this.contentType = null;
  }

  // Anything that is not text or bytes is sent as JSON.
  write(chunk, encoding, callback) {
    const plain = typeof chunk === 'string' || chunk instanceof Uint8Array;
    return super.write(plain ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  _write(chunk, _encoding, callback) {
    this.chunks.push(chunk);
    callback();
  }

  setContentType(contentType) {
    if (this.chunks.length > 0) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.contentType = contentType;
  }

  bytes() {
    const body = Buffer.concat(this.chunks);
    if (this.metadata === null) return body;
    const isText = isUtf8(body);
    return Buffer.from(JSON.stringify({
      statusCode: 200,
      ...this.metadata,
      body: body.toString(isText ? 'utf8' : 'base64'),
      isBase64Encoded: !isText,
    }));
  }
}

class HttpResponseStream {
  static from(stream, metadata) {
    stream.setContentType('application/vnd.awslambda.http-integration-response');
    stream.metadata = metadata;
    return stream;
  }
}

// Runs the handler; the bytes of its response once it has both returned and ended its stream.
async function run(handler, event, context) {
  const stream = new ResponseStream();
  const ended = new Promise((resolve, reject) => {
    stream.on('finish', resolve);
    stream.on('error', reject);
  });
  ended.catch(() => {}); // the handler's own error comes first
  const result = handler(event, stream, context);
  if (!result || typeof result.then !== 'function') throw 'Streaming does not support non-async handlers.';
  if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.');
  await ended;
  return stream.bytes();
}

module.exports = { HttpResponseStream, run };
