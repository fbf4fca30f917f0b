'use strict';
// A function as a CommonJS module, for rehearse.cjs.

exports.handler = async (event) => event;
