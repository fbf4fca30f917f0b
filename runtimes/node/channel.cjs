'use strict';
// The frames channel (docs/frames.md) over one inherited AF_UNIX socket.
//
// Reading: libuv fills one buffer that never moves; every complete frame in it is handed on before the next read. What a receiver
// keeps it must copy out of the buffer (a string is a copy). Writing: frames gather in one buffer and leave in one write when the
// current turn of the event loop, microtasks included, is over.

const { writeSync } = require('fs');

const HEADER = 16;
const MAX_BODY = 16 * 1024 * 1024;
const READ_SIZE = 256 * 1024;
const KEEP_SIZE = 1024 * 1024; // a bigger output buffer is given back after its write
const FLUSH_SIZE = 64 * 1024; // from here on a write is due without waiting for the end of the turn

const TYPE = Object.freeze({ BIND: 1, INVOKE: 2, END: 3, REHEARSE: 4, FORM: 5, READY: 16 | 1 << 8, INIT_ERROR: 17, RESULT: 18, ERROR: 19, LOG: 20,
  BOOTED: 21, LAST_ERROR: 19 | 1 << 8 }); // with the flags: READY takes events as FORM, LAST_ERROR begins no other invocation

let descriptor = -1;
let pipe = null; // libuv's handle of the socket; null where Node does not give it
let socket = null; // a net.Socket; null as long as the handle is enough
let referenced = true;
let receive = null;

// ---- reading

let carry = null; // the beginning of a frame that is not complete yet
let carried = 0;

function u32(buffer, at) {
  return (buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24)) >>> 0;
}

// Hands on the complete frames between `at` and `end`; returns where the first incomplete one begins.
function take(buffer, at, end) {
  while (end - at >= HEADER) {
    const size = u32(buffer, at);
    if (size > MAX_BODY) throw new Error(`Virga sent a frame of ${size} bytes; ${MAX_BODY} is the limit.`);
    const body = at + HEADER;
    if (end - body < size) break;
    receive(buffer[at + 4], buffer[at + 5], u32(buffer, at + 8), u32(buffer, at + 12), buffer, body, body + size);
    at = body + size;
  }
  return at;
}

function stash(buffer, at, end) {
  const have = end - at;
  const size = have >= HEADER ? HEADER + u32(buffer, at) : READ_SIZE;
  if (size > HEADER + MAX_BODY) take(buffer, at, end);
  carry = Buffer.allocUnsafeSlow(Math.max(size, READ_SIZE) + READ_SIZE);
  buffer.copy(carry, 0, at, end);
  carried = have;
}

function onChunk(size, buffer) {
  if (carried === 0) {
    const at = take(buffer, 0, size);
    if (at < size) stash(buffer, at, size);
    return true;
  }
  // The carry has room for its first frame and one more chunk, so this copy always fits.
  buffer.copy(carry, carried, 0, size);
  carried += size;
  if (carried < HEADER || carried - HEADER < u32(carry, 0)) {
    if (carried >= HEADER && HEADER + u32(carry, 0) + READ_SIZE > carry.length) stash(carry, 0, carried);
    return true;
  }
  const whole = carry;
  const end = carried;
  carry = null;
  carried = 0;
  const at = take(whole, 0, end);
  if (at < end) stash(whole, at, end);
  return true;
}

// ---- writing

let out = Buffer.allocUnsafeSlow(READ_SIZE);
let used = 0;
let scheduled = false;
let started = 0; // when the first waiting frame was written, in whole milliseconds
let queued = 0; // bytes the socket still holds because the peer reads too slowly
let whenEmpty = null; // called when `queued` is 0 again

function send(buffer, size) {
  if (descriptor < 0) return;
  let at = 0;
  if (queued === 0) {
    try {
      while (at < size) at += writeSync(descriptor, buffer, at, size - at);
      return;
    } catch (error) {
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return; // Virga is gone; the read side ends the process
      if (error.code !== 'EAGAIN') throw error;
    }
  }
  const rest = Buffer.from(buffer.subarray(at, size)); // a copy: the caller's buffer is used again
  queued += rest.length;
  socket ??= makeSocket();
  socket.write(rest, () => {
    queued -= rest.length;
    if (queued === 0 && whenEmpty !== null) whenEmpty();
  });
}

function flush() {
  if (used === 0) return;
  const size = used;
  used = 0;
  send(out, size);
  if (out.length > KEEP_SIZE) out = Buffer.allocUnsafeSlow(READ_SIZE);
}

function endOfTurn() {
  scheduled = false;
  flush();
}

// Room for a frame whose body has at most `size` bytes; returns where its body begins.
function begin(size) {
  if (used === 0) {
    started = Date.now();
  } else if (used > FLUSH_SIZE) {
    flush();
  }
  if (used + HEADER + size > out.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(out.length * 2, used + HEADER + size));
    out.copy(larger, 0, 0, used);
    out = larger;
  }
  if (!scheduled) {
    scheduled = true;
    process.nextTick(endOfTurn);
  }
  return used + HEADER;
}

function end(type, low, high, size) {
  const at = used;
  out[at] = size;
  out[at + 1] = size >>> 8;
  out[at + 2] = size >>> 16;
  out[at + 3] = size >>> 24;
  out[at + 4] = type;
  out[at + 5] = type >>> 8; // the flags
  out[at + 6] = out[at + 7] = 0;
  out[at + 8] = low;
  out[at + 9] = low >>> 8;
  out[at + 10] = low >>> 16;
  out[at + 11] = low >>> 24;
  out[at + 12] = high;
  out[at + 13] = high >>> 8;
  out[at + 14] = high >>> 16;
  out[at + 15] = high >>> 24;
  used = at + HEADER + size;
}

// Writes a frame with a text body; false if it would be larger than a frame may be.
function writeText(type, low, high, text) {
  const length = text.length;
  if (length * 3 > MAX_BODY && Buffer.byteLength(text) > MAX_BODY) return false;
  const body = begin(length * 3);
  end(type, low, high, out.utf8Write(text, body));
  return true;
}

function writeBytes(type, low, high, bytes) {
  if (bytes.length > MAX_BODY) return false;
  const body = begin(bytes.length);
  out.set(bytes, body);
  end(type, low, high, bytes.length);
  return true;
}

// Sends everything, then ends the process.
function exitWhenSent(code) {
  flush();
  if (queued === 0) process.exit(code);
  hold(true);
  whenEmpty = () => process.exit(code);
}

// Sends what waits if it has waited since an earlier millisecond: an answer must not wait for a slow invocation behind it.
function flushStale() {
  if (used !== 0 && Date.now() !== started) flush();
}

// ---- the socket

const readBuffer = Buffer.allocUnsafeSlow(READ_SIZE);
let onRead = null; // called with the number of bytes in `readBuffer`
let onClosed = null;

// To load net.Socket takes a fifth of the time in which Node starts, and what it would do here is to hand on what its handle has
// read. So the handle alone reads. Null where this Node has no such handle.
function openPipe(fd) {
  // NODE_PENDING_DEPRECATION is meant for the function's own code. The property is there, and fixed, under --no-deprecation.
  const quiet = Object.hasOwn(process, 'noDeprecation');
  if (!quiet) process.noDeprecation = true;
  try {
    const { Pipe, constants } = process.binding('pipe_wrap');
    const { kReadBytesOrError, streamBaseState } = process.binding('stream_wrap');
    const handle = new Pipe(constants.SOCKET);
    if (!(kReadBytesOrError in streamBaseState) || handle.open(fd) !== undefined && handle.fd !== fd) return null;
    handle.useUserBuffer(readBuffer);
    handle.onread = () => {
      const size = streamBaseState[kReadBytesOrError];
      if (size > 0) onRead(size);
      else if (size < 0) onClosed();
    };
    return handle.readStart() === 0 ? handle : null;
  } catch {
    return null;
  } finally {
    if (!quiet) delete process.noDeprecation;
  }
}

// Around the same handle: it can also wait until there is room to write.
function makeSocket() {
  const { Socket } = require('net');
  pipe?.readStop();
  const made = new Socket({
    ...(pipe === null ? { fd: descriptor } : { handle: pipe }),
    readable: true,
    writable: true,
    onread: {
      buffer: readBuffer,
      callback(size) {
        onRead(size);
        return true;
      },
    },
  });
  made.on('error', () => onClosed());
  made.on('close', () => onClosed());
  return made;
}

// Starts reading. `onFrame(type, flags, low, high, buffer, begin, end)` sees each frame (`low` and `high`: the halves of the
// invocation number), `onChunkEnd()` follows each read, `onEnd()` the end of the connection.
function open(fd, onFrame, onChunkEnd, onEnd) {
  descriptor = fd;
  receive = onFrame;
  onRead = (size) => {
    onChunk(size, readBuffer);
    onChunkEnd();
  };
  onClosed = () => {
    descriptor = -1;
    onEnd();
  };
  pipe = openPipe(fd);
  if (pipe === null) socket = makeSocket();
}

// Whether the socket keeps the process alive. While an invocation runs it must not: an empty event loop then means that the
// handler has nothing left to wait for.
function hold(yes) {
  if (referenced === yes) return;
  referenced = yes;
  const holder = socket ?? pipe;
  if (yes) holder.ref();
  else holder.unref();
}

// Goes the ways of reading and writing without anything being read or written; before `open` has handed on a frame.
function rehearse() {
  const received = receive;
  receive = () => {};
  onChunk(HEADER, Buffer.alloc(HEADER));
  receive = received;
  writeText(TYPE.LOG, 0, 0, '{}');
  used = 0; // forgotten before the turn ends
  writeSync(descriptor, out, 0, 0);
}

module.exports = { TYPE, exitWhenSent, flush, flushStale, hold, open, rehearse, writeBytes, writeText };
