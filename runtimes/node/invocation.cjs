'use strict';
// One INVOKE frame, copied out of the read buffer. Its layout is in docs/frames.md.

const { forms } = require('./form.cjs');

function u16(buffer, at) {
  return buffer[at] | (buffer[at + 1] << 8);
}

function u32(buffer, at) {
  return (buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24)) >>> 0;
}

const FIXED = 24;
const FORM_FIXED = 16;
const ASCII = 1; // both in the frame's flags
const WITH_FORM = 2;

class Invocation {
  constructor(low, high, flags, buffer, begin, end) {
    const arn = u16(buffer, begin + 8);
    const trace = arn + u16(buffer, begin + 10);
    const tenant = trace + u16(buffer, begin + 12);
    const idsEnd = tenant + u16(buffer, begin + 14);
    const contextSize = u32(buffer, begin + 16);
    const identitySize = u32(buffer, begin + 20);
    const texts = begin + FIXED + idsEnd;
    const event = texts + contextSize + identitySize;
    const hasForm = (flags & WITH_FORM) !== 0;
    const payload = hasForm ? event + FORM_FIXED + u32(buffer, event + 12) : event;
    if (end - begin < FIXED || payload > end) throw new Error('Virga sent an INVOKE frame whose sizes exceed its body.');

    this.low = low;
    this.high = high;
    this.deadline = u32(buffer, begin) + u32(buffer, begin + 4) * 4294967296;
    // The ids are always ASCII. One copy for all that is, cut when asked for.
    const isAscii = (flags & ASCII) !== 0;
    const text = buffer.latin1Slice(begin + FIXED, isAscii ? end : texts);
    this.requestId = text.substring(0, arn);
    this.arn = text.substring(arn, trace);
    this.trace = trace === tenant ? undefined : text.substring(trace, tenant);
    this.tenant = tenant === idsEnd ? undefined : text.substring(tenant, idsEnd);
    this.clientContext = contextSize === 0 ? undefined : buffer.utf8Slice(texts, texts + contextSize);
    this.identity = identitySize === 0 ? undefined : buffer.utf8Slice(texts + contextSize, event);
    this.payload = isAscii ? text.substring(payload - begin - FIXED) : buffer.utf8Slice(payload, end);
    // With a form, the payload is the body to be filled in as JSON.
    if (hasForm) {
      this.form = forms[u32(buffer, event + 8)];
      this.timeEpoch = u32(buffer, event) + u32(buffer, event + 4) * 4294967296;
      const time = event + FORM_FIXED;
      this.time = isAscii ? text.substring(time - begin - FIXED, payload - begin - FIXED) : buffer.latin1Slice(time, payload);
    } else {
      this.form = undefined;
      this.timeEpoch = 0;
      this.time = '';
    }
    this.atEmptyLoop = null; // what to do when the event loop runs empty before there is an answer
  }
}

module.exports = { ASCII, Invocation, WITH_FORM };
