'use strict';
// Compiles the large CommonJS files of a package or a layer into /var/output, at its deployment, and runs none of them. What V8
// makes of a file lies under the file's path (`/var/task/index.js.code`); prepared.cjs finds it.
//
// V8 compiles most functions when they are first called, so what is saved is reading the file as a whole: of a bundle of 6 MB that is
// two thirds of the time it takes to load, of a small file nothing.

const fs = require('fs');
const path = require('path');
const vm = require('vm');
const { isModuleFolder } = require('./load.cjs');
const { PARAMETERS, SUFFIX, SMALLEST } = require('./prepared.cjs');

const OUTPUT = '/var/output';
const LARGEST = 32 << 20; // bytes of a file
const TIME_LIMIT = 15000; // ms: what is done by then is kept

function* filesBelow(folder) {
  let entries;
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(file);
    else if (entry.isFile() && /\.c?js$/.test(entry.name)) yield file;
  }
}

function compile(file) {
  const { size } = fs.statSync(file);
  if (size < SMALLEST || size > LARGEST) return;
  if (file.endsWith('.js') && isModuleFolder(path.dirname(file))) return;
  const text = fs.readFileSync(file, 'utf8');
  if (/\bimport\s*\(/.test(text)) return; // code that comes from a cache cannot say whose module it imports for
  const { cachedData } = vm.compileFunction(text, PARAMETERS, { filename: file, produceCachedData: true });
  if (cachedData === undefined) return;
  const target = OUTPUT + file + SUFFIX;
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, cachedData);
}

const deadline = Date.now() + TIME_LIMIT;
for (const root of ['/var/task', '/opt']) {
  for (const file of filesBelow(root)) {
    if (Date.now() > deadline) process.exit(0);
    try {
      compile(file);
    } catch {
      // No CommonJS, or none at all: it fails, if ever, when it is loaded.
    }
  }
}
