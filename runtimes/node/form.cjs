'use strict';
// An event that Virga sent once, up to what differs from call to call (FORM in docs/frames.md): each invocation gets a copy of its
// own, as if its whole text had been parsed.

// A copy by value. Only what JSON can say comes here.
function copy(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(copy);
  const own = { ...value };
  for (const key of Object.keys(own)) if (typeof own[key] === 'object') own[key] = copy(own[key]);
  return own;
}

class Form {
  #event;
  #headers;
  #context;
  #http;
  #hasBody;
  #nested; // names of the event's other members that are objects

  constructor(text) {
    const event = JSON.parse(text);
    this.#event = event;
    this.#headers = event.headers;
    this.#context = event.requestContext;
    this.#http = event.requestContext.http;
    this.#hasBody = Object.hasOwn(event, 'body');
    this.#nested = ['cookies', 'queryStringParameters'].filter((name) => Object.hasOwn(event, name));
  }

  // The spread copies keep the order of the members.
  fill(invocation) {
    const event = { ...this.#event };
    const headers = { ...this.#headers };
    const context = { ...this.#context };
    headers['x-amzn-trace-id'] = invocation.trace;
    context.http = { ...this.#http };
    context.requestId = invocation.requestId;
    context.time = invocation.time;
    context.timeEpoch = invocation.timeEpoch;
    if (context.authorizer !== undefined) context.authorizer = copy(context.authorizer);
    event.headers = headers;
    event.requestContext = context;
    for (const name of this.#nested) event[name] = copy(event[name]);
    if (this.#hasBody) event.body = JSON.parse(invocation.payload);
    return event;
  }
}

// By the numbers Virga gave them. It uses few, again and again.
const forms = [];

function keep(number, text) {
  forms[number] = new Form(text);
}

// The handler's event: an object of its own.
function eventOf(invocation) {
  if (invocation.form !== undefined) return invocation.form.fill(invocation);
  return invocation.payload === '' ? {} : JSON.parse(invocation.payload);
}

module.exports = { eventOf, forms, keep };
