'use strict';
// Builds the addon, src/*.c, with the C compiler. Published packages bring it along; this is for
// a checkout, where it is built when it is first needed, and again when its sources have changed.
// UDSOCK_PLATFORM: for another platform, with its compiler as CC.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { platform } = require('../lib/platform.js');

const binding = path.join(__dirname, '..');
const source = path.join(binding, 'src');
const header = path.join(binding, '../../include/udsock.h');

/** Where the package of the platform is made. */
function directory() {
  return path.join(binding, 'npm', process.env.UDSOCK_PLATFORM || platform());
}

/** The headers of Node-API: npm's, or those that come with Node.js. */
function headers() {
  try {
    return require('node-api-headers').include_dir;
  } catch {
    return path.join(path.dirname(fs.realpathSync(process.execPath)), '../include/node');
  }
}

function isOlder(file, sources) {
  if (!fs.existsSync(file)) return true;
  const { mtimeMs } = fs.statSync(file);
  return sources.some((other) => fs.statSync(other).mtimeMs > mtimeMs);
}

/** The addon, which is built if need be. */
function built() {
  const sources = fs.readdirSync(source).map((name) => path.join(source, name));
  const file = path.join(directory(), 'udsock.node');
  if (isOlder(file, sources)) build(file, sources.filter((name) => name.endsWith('.c')));
  return file;
}

function build(file, sources) {
  // Others may be at it, or have the old one open.
  const temporary = `${file}.${process.pid}`;
  const flags = ['-shared', '-fPIC', '-O2', '-std=gnu11', '-Wall', '-Wextra'];
  // Never unloaded: the loop calls into it until the end.
  flags.push('-fvisibility=hidden', '-Wl,-z,nodelete', '-Wl,-z,now');
  const include = ['-I', headers(), '-I', path.dirname(header)];
  execFileSync(process.env.CC || 'cc', [...flags, ...include, '-o', temporary, ...sources], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  fs.renameSync(temporary, file);
}

module.exports = { built, directory };
