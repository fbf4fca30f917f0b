'use strict';
// Finds the handler a function's setting names, in the order AWS Lambda's Node.js runtime looks (its UserFunction.js): the path as
// it is, `.js` (CommonJS or, under a package.json of type module, ES), `.mjs`, `.cjs`, then Node's own resolution.

const fs = require('fs');
const path = require('path');
const { HandlerNotFound, ImportModuleError, MalformedHandlerName, UserCodeSyntaxError } = require('./errors.cjs');

function requireFile(file) {
  return fs.existsSync(file) ? require(file) : undefined;
}

async function importFile(file) {
  return fs.existsSync(file) ? import(require('url').pathToFileURL(file).href) : undefined;
}

// The package.json nearest to a file decides whether its `.js` is an ES module.
function isModuleFolder(folder) {
  for (;;) {
    if (folder.endsWith('/node_modules')) return false;
    const description = path.join(folder, 'package.json');
    if (fs.existsSync(description)) {
      try {
        return JSON.parse(fs.readFileSync(description, 'utf8'))?.type === 'module';
      } catch (error) {
        console.warn(`${description} cannot be read, it will be ignored for ES module detection purposes.`, error);
        return false;
      }
    }
    if (folder === '/') return false;
    folder = path.dirname(folder);
  }
}

async function loadModule(root, folder, name) {
  const file = path.resolve(root, folder, name);
  const asIs = requireFile(file);
  if (asIs) return asIs;
  const isModule = fs.existsSync(`${file}.js`) && isModuleFolder(path.dirname(file));
  const found = (isModule ? await importFile(`${file}.js`) : requireFile(`${file}.js`)) ||
    (await importFile(`${file}.mjs`)) || requireFile(`${file}.cjs`);
  if (found) return found;
  return require(require.resolve(name, { paths: [root, path.resolve(root, folder)] }));
}

// The function that `setting` (`folder/file.export.nested`) names below `root`. Throws one of the errors of errors.cjs, or what
// the function's own code threw while loading.
async function load(root, setting) {
  if (setting.includes('..')) {
    throw new MalformedHandlerName(
      `'${setting}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const base = path.basename(setting);
  const folder = setting.substring(0, setting.indexOf(base));
  const dot = base.indexOf('.');
  if (dot < 0) throw new MalformedHandlerName('Bad handler');
  let loaded;
  try {
    loaded = await loadModule(root, folder, base.substring(0, dot));
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserCodeSyntaxError(error);
    if (error?.code === 'MODULE_NOT_FOUND') throw new ImportModuleError(error);
    throw error;
  }
  const handler = base.substring(dot + 1).split('.').reduce((value, key) => value && value[key], loaded);
  if (!handler) throw new HandlerNotFound(`${setting} is undefined or not exported`);
  if (typeof handler !== 'function') throw new HandlerNotFound(`${setting} is not a function`);
  return handler;
}

module.exports = { isModuleFolder, load };
