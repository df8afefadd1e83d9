// Node's own diagnostics channels of net, which monitoring programs subscribe to.
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { connect, createServer, promises } from 'udsock';
import http from 'udsock/http';
import { GUARD, RUNTIME, closed, directory, using } from './support.mjs';

const at = directory();

/** What is published to a channel until the test has ended. */
function published(t, channel) {
  const messages = [];
  const listener = (message) => messages.push(message);
  subscribe(channel, listener);
  t.after(() => unsubscribe(channel, listener));
  return messages;
}

test('each client once, and each connection once', GUARD, async (t) => {
  const clients = published(t, 'net.client.socket');
  const connections = published(t, 'net.server.socket');
  const accepted = [];
  const server = createServer((socket) => accepted.push(socket.resume()));
  using(t, server).listen(at('s'));
  const sockets = [connect(at('s')), await promises.connect(at('s'))];
  for (const socket of sockets) socket.resume().end();
  await Promise.all(sockets.map(closed));
  assert.equal(accepted.length, 2);
  assert.deepEqual(clients.map(({ socket }) => sockets.indexOf(socket)), [0, 1]);
  assert.deepEqual(connections.map(({ socket }) => accepted.indexOf(socket)), [0, 1]);
});

test('of http', GUARD, async (t) => {
  const clients = published(t, 'net.client.socket');
  const connections = published(t, 'net.server.socket');
  const server = http.createServer((request, response) => response.end('ok'));
  using(t, server).listen(at('http'));
  const [response] = await once(http.get({ socketPath: at('http'), agent: false }), 'response');
  response.resume();
  await once(response, 'end');
  assert.equal(clients.length, 1);
  assert.equal(connections.length, 1);
});

test('a server that can\'t listen, and what it was told', GUARD, async (t) => {
  const started = published(t, 'tracing:net.server.listen:asyncStart');
  const failed = published(t, 'tracing:net.server.listen:error');
  const server = createServer().listen({ path: at('none/s'), mode: 0o600, custom: 5 });
  const [error] = await once(server, 'error').catch((reason) => [reason]);
  assert.equal(error.code, 'ENOENT');
  assert.deepEqual(failed, [{ server, error }]);
  // (Node.js 18 and Bun have no such channel.)
  const node = Number(process.versions.node.split('.')[0]);
  if (node < 20 || RUNTIME === 'bun') return;
  assert.equal(started[0].server, server);
  const { path, mode, custom } = started[0].options;
  assert.deepEqual({ path, mode, custom }, { path: at('none/s'), mode: 0o600, custom: 5 });
});

test('a client that fails tells of its attempt as Node does', GUARD, async () => {
  const client = connect(at('nobody'));
  const order = [];
  client.on('connectionAttemptFailed', (address, port, family, { code }) => {
    order.push([address, port, family, code]);
  });
  client.on('error', ({ code }) => order.push(code));
  await new Promise((resolve) => client.on('close', resolve));
  assert.deepEqual(order, [[at('nobody'), undefined, undefined, 'ENOENT'], 'ENOENT']);
  assert.ok(client instanceof net.Socket);
});
