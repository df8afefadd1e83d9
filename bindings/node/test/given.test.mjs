// Connections that are given away: to another socket, thread or process, to TLS, HTTP/2, as the
// standard input and output of a program. All but the first is Node's own code over ours.
import assert from 'node:assert/strict';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { Worker } from 'node:worker_threads';
import { Connection, Socket, connect, createServer, pair } from 'udsock';
import { GUARD, closed, directory, except, text, using } from './support.mjs';

const at = directory();

const HTTPS = except({ bun: "its https.Server takes no 'connection', nor net's" });
const SENDING = except({
  bun: 'it sends servers only that it has opened itself',
  deno: 'it closes the server that it sends, and with it the file goes',
});
// For 'localhost', signed by itself.
const pem = fs.readFileSync(new URL('tls.pem', import.meta.url));
const secure = { key: pem, cert: pem };

test('what was read ahead goes along with a released descriptor', GUARD, async () => {
  const [left, right] = pair();
  left.write('read ahead, ');
  await once(right, 'readable');
  const fd = right.release();
  left.end('and the rest');
  assert.equal(await text(new Socket({ fd })), 'read ahead, and the rest');

  const [one, other] = pair({ type: 'seqpacket' });
  for (const message of ['one', '', 'three']) one.write(message);
  await once(other, 'readable');
  const released = other.release();
  one.end('four');
  const got = [];
  for await (const message of new Connection({ fd: released })) got.push(String(message));
  assert.deepEqual(got, ['one', '', 'three', 'four']);
});

test('and to another thread', GUARD, async () => {
  const [left, right] = pair();
  left.write('read ahead, ');
  await once(right, 'readable');
  const code = `
    const { Socket } = require('udsock');
    const socket = new Socket({ fd: require('node:worker_threads').workerData });
    let said = '';
    socket.on('data', (data) => (said += data)).on('end', () => socket.end('heard: ' + said));`;
  const thread = new Worker(code, { eval: true, workerData: right.release() });
  const ended = once(thread, 'exit');
  left.end('and the rest');
  assert.equal(await text(left), 'heard: read ahead, and the rest');
  await ended;
});

test('TLS: over a socket that connects later, and a server that wraps', GUARD, async (t) => {
  const server = createServer((socket) => {
    const encrypted = new tls.TLSSocket(socket, { isServer: true, ...secure });
    encrypted.on('error', () => {}).pipe(encrypted);
  });
  using(t, server.listen(at('tls')));
  for (const later of [false, true]) {
    const socket = new Socket();
    if (!later) socket.connect(at('tls'));
    const client = tls.connect({ socket, ca: pem, servername: 'localhost' });
    if (later) socket.connect(at('tls'));
    await once(client, 'secureConnect');
    client.end('over TLS');
    assert.equal(await text(client), 'over TLS');
  }
});

const answer = (request, response) => response.end(`${request.httpVersion} ${request.url}`);

test('https by way of its server\'s connection event', HTTPS, async (t) => {
  const secureServer = https.createServer(secure, answer);
  using(t, createServer((socket) => secureServer.emit('connection', socket)).listen(at('https')));
  const socket = connect(at('https'));
  const createConnection = () => tls.connect({ socket, ca: pem, servername: 'localhost' });
  const request = https.get({ path: '/path', createConnection });
  const [response] = await once(request, 'response');
  assert.equal(await text(response), '1.1 /path');
});

test('http2 by way of its server\'s connection event', GUARD, async (t) => {
  const http2Server = http2.createServer(answer);
  using(t, createServer((socket) => http2Server.emit('connection', socket)).listen(at('http2')));
  const session = http2.connect('http://localhost', { createConnection: () => connect(at('http2')) });
  assert.equal(await text(session.request({ ':path': '/two' })), '2.0 /two');
  session.close();
  await closed(session);
});

test('as the standard input and output of a program', GUARD, async () => {
  const [left, right] = pair();
  const child = spawn('cat', { stdio: [right, right, 'inherit'] });
  const ended = once(child, 'exit');
  right.destroy();
  left.end('through cat');
  assert.equal(await text(left), 'through cat');
  await ended;
});

/** A child that gets connections and servers; its answers. */
function receiver() {
  const code = `
    process.on('message', (what, handle) => {
      if (what === 'socket') handle.end('from the child');
      else handle.on('connection', (socket) => socket.end('served by the child'));
      process.send('got it');
    });`;
  fs.writeFileSync(at('child.cjs'), code);
  return fork(at('child.cjs'));
}

test('a connection is sent to another process', GUARD, async () => {
  const child = receiver();
  const [left, right] = pair({ pauseOnCreate: true });
  child.send('socket', right);
  assert.equal(await text(left), 'from the child');
  child.kill();
  await once(child, 'exit');
});

test('a server is sent to another process', SENDING, async () => {
  const child = receiver();
  const server = createServer().listen(at('sent'));
  child.send('server', server);
  await once(child, 'message');
  server.disown().close();
  assert.equal(await text(connect(at('sent'))), 'served by the child');
  child.kill();
  await once(child, 'exit');
});

test('they are what Node says that they are', GUARD, async (t) => {
  const server = createServer();
  using(t, server.listen(at('kinds')));
  assert.ok(server instanceof net.Server);
  const client = connect(at('kinds'));
  assert.ok(client instanceof net.Socket);
  const [peer] = await once(server, 'connection');
  assert.ok(peer instanceof Socket);
  client.destroy();
});
