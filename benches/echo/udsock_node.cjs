// An echo server as node:net has it, over the binding.
//
//     node udsock_node.cjs LIBRARY ADDRESS
'use strict';

const [library, address] = process.argv.slice(2);
process.env.UDSOCK_LIBRARY = library;
const { createServer } = require('../../bindings/node');

createServer((socket) => {
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => socket.destroy());
}).listen(address);
