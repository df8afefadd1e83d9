// Servers that have reached a limit: of descriptors, of connections. They go on, and say nothing
// that a program would have to listen to.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { connect } from 'udsock';
import http from 'udsock/http';
import { GUARD, closed, directory, program, script, using } from './support.mjs';

const at = directory();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const SERVERS = {
  stream: "createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(path)",
  'stream with descriptors':
    "createServer({ receiveDescriptors: true }, (socket) => socket.on('error', () => {}).pipe(socket)).listen(path)",
  seqpacket:
    "createServer({ type: 'seqpacket' }, (peer) => peer.on('error', () => {}).pipe(peer)).listen(path)",
};

for (const [name, serve] of Object.entries(SERVERS)) {
  test(`no descriptors are left: ${name}`, GUARD, async () => {
    const path = at(name.replaceAll(' ', '-'));
    const type = name === 'seqpacket' ? 'seqpacket' : 'stream';
    const code = `
      const { createServer } = require('udsock');
      const path = process.argv[1];
      ${serve}.on('listening', () => console.log('ready'));`;
    const [command, args] = script(code, [path]);
    const server = await program('sh', ['-c', 'ulimit -n 60; exec "$0" "$@"', command, ...args]);
    let served = 0;
    let last = Date.now();
    const clients = Array.from({ length: 70 }, () => {
      const client = connect({ path, type }).on('error', () => {});
      client.write('x');
      return client.on('data', () => {
        served += 1;
        last = Date.now();
      });
    });
    while (served < 10 || Date.now() - last < 500) await pause(20);
    assert.ok(served < 70, `${served}`);
    for (const client of clients) client.destroy();
    await pause(100);
    const late = connect({ path, type });
    late.write('hello');
    const [answer] = await once(late, 'data');
    assert.equal(String(answer), 'hello');
    late.destroy();
    server.child.kill();
    const { signal } = await server.end();
    assert.equal(signal, 'SIGTERM');
    fs.rmSync(path);
  });
}

test('http: maxConnections, and who is dropped', GUARD, async (t) => {
  const server = using(t, http.createServer(() => {}));
  server.maxConnections = 2;
  let dropped = 0;
  server.on('drop', () => (dropped += 1));
  await once(server.listen(at('most')), 'listening');
  const clients = Array.from({ length: 5 }, () => net.connect(at('most')).on('error', () => {}).resume());
  while (dropped < 3) await pause(5);
  const open = await new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
  assert.equal(open, 2);
  for (const client of clients) client.destroy();
});

test("http: who gets the socket by 'socket' is told that it is connected", GUARD, async (t) => {
  const server = using(t, http.createServer((_, response) => response.end('ok')));
  await once(server.listen(at('told')), 'listening');
  const request = http.get({ socketPath: at('told'), agent: new http.Agent() });
  const told = new Promise((resolve) => {
    request.on('socket', (socket) => {
      assert.equal(socket.connecting, true);
      socket.on('connect', resolve);
    });
  });
  const [response] = await once(request, 'response');
  await told;
  response.resume();
  await closed(response);
});
