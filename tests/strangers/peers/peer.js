// The peers in Node.js, in the shapes that the manuals of net and http have.
//
//     node peer.js ROLE ADDRESS
//
// Servers run until they are killed.
'use strict';
const http = require('http');
const net = require('net');
const { text, buffer } = require('stream/consumers');

const roles = {
  'stream-server'(path) {
    net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(path);
  },

  'stream-client'(path) {
    const socket = net.createConnection(path);
    process.stdin.pipe(socket).pipe(process.stdout);
  },

  'http-server'(path) {
    const server = http.createServer(async (request, response) => {
      const body = await buffer(request);
      response.end(request.method === 'GET' ? `hello from ${request.url}` : body);
    });
    server.listen(path);
  },

  async 'http-client'(socketPath) {
    const response = await new Promise((resolve, reject) => {
      http.get({ socketPath, path: '/client' }, resolve).on('error', reject);
    });
    console.log(await text(response));
    const body = await buffer(process.stdin);
    const post = { socketPath, method: 'POST', headers: { 'Content-Length': body.length } };
    http.request(post, (answer) => answer.pipe(process.stdout)).end(body);
  },
};

const [role, address] = process.argv.slice(2);
// Node knows abstract names by their NUL.
roles[role](address.replace(/^@/, '\0'));
