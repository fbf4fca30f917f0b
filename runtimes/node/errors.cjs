'use strict';
// Errors as AWS Lambda's Node.js runtime names and shapes them (its runtime interface client, Errors.js).

class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(reason);
    this.reason = reason;
    this.promise = promise;
  }
}

const classes = {
  ImportModuleError: class ImportModuleError extends Error {},
  HandlerNotFound: class HandlerNotFound extends Error {},
  MalformedHandlerName: class MalformedHandlerName extends Error {},
  UserCodeSyntaxError: class UserCodeSyntaxError extends Error {},
  MalformedStreamingHandler: class MalformedStreamingHandler extends Error {},
  InvalidStreamingOperation: class InvalidStreamingOperation extends Error {},
  UnhandledPromiseRejection,
};
for (const [name, type] of Object.entries(classes)) type.prototype.name = `Runtime.${name}`;

// An error of another realm (vm, worker) is not an `instanceof Error` here.
function looksLikeError(value) {
  return value instanceof Error ||
    (value && typeof value.name === 'string' && typeof value.message === 'string' && typeof value.stack === 'string' &&
      value.name !== '' && value.message !== '' && value.stack !== '');
}

// What the caller of the function sees.
function report(error) {
  try {
    if (looksLikeError(error)) {
      return { errorType: error.name, errorMessage: error.message, trace: error.stack.split('\n') };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
  }
}

function withFields(_key, value) {
  if (!(value instanceof Error)) return value;
  const fields = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
  if (typeof value.stack === 'string') fields.stack = value.stack.split('\n');
  return fields;
}

// What the log shows after the headline.
function describe(error) {
  const subject = error instanceof Error ? error : new Error(error);
  try {
    return `\t${JSON.stringify(subject, withFields)}`;
  } catch {
    return `\t${JSON.stringify(report(subject))}`;
  }
}

// The process ended itself; the words are the Lambda platform's.
function exitReport(code, requestId) {
  const reason = code === 0 ? 'Runtime exited without providing a reason' : `Runtime exited with error: exit status ${code}`;
  return { errorType: 'Runtime.ExitError', errorMessage: `RequestId: ${requestId} Error: ${reason}` };
}

module.exports = { ...classes, describe, exitReport, report };
