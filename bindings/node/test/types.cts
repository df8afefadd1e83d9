// Compiled only.
import udsock = require('udsock');
import http = require('udsock/http');

const server: udsock.Server = udsock.createServer((socket) => socket.end('hello'));
server.listen('@hello');
http.createServer().listen('@http').close();
