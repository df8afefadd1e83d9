'use strict';
// The packages with the library and the addon: there is one for each platform, and npm installs
// that of this one. (Some package managers know nothing of `libc`, and install two.)

const fs = require('node:fs');

/** 'gnu' or 'musl': what this process runs with. */
function libc() {
  try {
    const maps = fs.readFileSync('/proc/self/maps', 'utf8');
    return /\/ld-musl-|-linux-musl\//.test(maps) ? 'musl' : 'gnu';
  } catch {
    return 'gnu';
  }
}

function platform() {
  return `${process.platform}-${process.arch}-${libc()}`;
}

/** A file of the package of this platform; `undefined`: that is not installed. */
function ofPlatform(file) {
  const found = [];
  for (const name of ['gnu', 'musl']) {
    try {
      found.push(require.resolve(`@udsock/${process.platform}-${process.arch}-${name}/${file}`));
    } catch {
      // Not this one.
    }
  }
  return found.length < 2 ? found[0] : found[libc() === 'gnu' ? 0 : 1];
}

module.exports = { ofPlatform, platform };
