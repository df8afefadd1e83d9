// An echo server as node:net has it, over the binding.
//
//     node udsock_node.cjs LIBRARY ADDRESS
'use strict';
const { join } = require('node:path');

const [library, address] = process.argv.slice(2);
process.env.UDSOCK_LIBRARY = library;
// koffi is the one of the benchmarks.
process.env.NODE_PATH = join(__dirname, '../node_modules');
require('node:module')._initPaths();

const { createServer } = require('../../bindings/node');

createServer((socket) => {
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => socket.destroy());
}).listen(address);
