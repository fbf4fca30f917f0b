'use strict';
// Large CommonJS files of the package and its layers begin with what compile-package.cjs made of them at the deployment.

const fs = require('fs');
const Module = require('module');
const path = require('path');
const vm = require('vm');

const PARAMETERS = ['exports', 'require', 'module', '__filename', '__dirname'];
const SUFFIX = '.code';
const SMALLEST = 32 << 10; // bytes of a file for which it is worth it; runtime.json says so too

// As Node makes it for each module.
function makeRequire(module) {
  const require = (id) => module.require(id);
  require.resolve = (request, options) => Module._resolveFilename(request, module, false, options);
  require.resolve.paths = (request) => Module._resolveLookupPaths(request, module);
  require.main = process.mainModule;
  require.extensions = Module._extensions;
  require.cache = Module._cache;
  return require;
}

// False: nothing was prepared, or not for this V8.
function run(module, file, prepared) {
  let cachedData;
  try {
    cachedData = fs.readFileSync(prepared);
  } catch {
    return false;
  }
  const text = fs.readFileSync(file, 'utf8');
  const compiled = vm.compileFunction(text, PARAMETERS, { filename: file, cachedData });
  if (compiled.cachedDataRejected) return false;
  Reflect.apply(compiled, module.exports, [module.exports, makeRequire(module), module, file, path.dirname(file)]);
  return true;
}

// `folder`: where it is below the roots (`/.virga/NAME`), as BIND names it; `roots`: of the package and of the layers.
function use(folder, roots) {
  if (process.env.NODE_OPTIONS) return; // source maps, hooks of the function's own: Node does it all itself
  const own = Module.prototype._compile;
  const load = Module._extensions['.js'];
  Module._extensions['.js'] = (module, file) => {
    const place = roots.find((one) => file.startsWith(`${one}/`));
    // Who put another compiler in place, for all modules or for this one, wants to see the text.
    const isPlain = module._compile === own;
    if (place === undefined || !isPlain || !run(module, file, `${place}${folder}${file}${SUFFIX}`)) load(module, file);
  };
}

module.exports = { PARAMETERS, SUFFIX, SMALLEST, use };
