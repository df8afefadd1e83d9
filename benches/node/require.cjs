// What it takes to load a module: require.cjs MODULE. In milliseconds of CPU time, and in KiB of
// memory of its own (anonymous: what it reads of files, the program's code among it, is shared).
'use strict';

const fs = require('node:fs');

function kibibytes() {
  return Number(/^RssAnon:\s+(\d+)/m.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1]);
}

// The first one takes memory itself.
kibibytes();
const memory = kibibytes();
const start = process.cpuUsage();
require(process.argv[2]);
const { user, system } = process.cpuUsage(start);
console.log('cpu_ms', (user + system) / 1000);
console.log('memory_kib', kibibytes() - memory);
