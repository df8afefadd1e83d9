// What speed hangs on, by what can be counted: the shape of objects, system calls, files loaded.
// (Times are in benches/.)
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import { Server, Socket, connect, createServer } from 'udsock';
import http from 'udsock/http';
import { directory, except, using } from './support.mjs';

const at = directory();
const binding = fileURLToPath(new URL('..', import.meta.url));

/** The figures are of Node's streams, on Node's loop. */
const OF_NODE = except({ bun: 'its figures are its own', deno: 'its figures are its own' });

test('objects of a class share a shape', OF_NODE, async (t) => {
  v8.setFlagsFromString('--allow-natives-syntax');
  const haveOneShape = new Function('one', 'other', 'return %HaveSameMap(one, other)');
  class Mine extends Socket {}
  for (const make of [
    () => new Socket(),
    () => Socket(),
    () => new Mine(),
    () => new Server(),
    () => createServer(),
    () => new http.Server(),
    () => new http.Agent(),
  ]) {
    // The first ones are still about to find their shape.
    const [one, other] = Array.from({ length: 20 }, make).slice(-2);
    assert.ok(haveOneShape(one, other), String(make));
  }
  const server = using(t, createServer().listen(at('shape')));
  const pairs = [];
  for (let i = 0; i < 20; i++) {
    const client = connect(at('shape'));
    const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
    pairs.push([client, accepted]);
  }
  const [[client, accepted], [otherClient, otherAccepted]] = pairs.slice(-2);
  assert.ok(haveOneShape(client, otherClient));
  assert.ok(haveOneShape(accepted, otherAccepted));
  for (const socket of pairs.flat()) socket.destroy();
});

const CYCLES = 200;
const CONNECTING = `
const { connect, createServer } = require(process.argv[1]);
const server = createServer((socket) => socket.on('data', (data) => socket.end(data)));
server.listen(process.argv[2], async () => {
  for (let i = 0; i < ${CYCLES}; i++) {
    const client = connect(process.argv[2], () => client.write('x'));
    await new Promise((resolve) => client.on('data', resolve).on('close', resolve));
    client.destroy();
  }
  server.close();
});`;

const TRACED = ['accept4', 'connect', 'fcntl', 'ioctl', 'getsockopt', 'setsockopt', 'ppoll', 'dup'];

/** How often each was called; `undefined`: nothing can be traced here. */
function systemCalls() {
  const file = at('calls');
  const strace = ['-f', '-c', '-U', 'name,calls', '-o', file, '-e', `trace=${TRACED}`];
  const command = [process.execPath, '-e', CONNECTING, binding, at('calls.sock')];
  const { status } = spawnSync('strace', [...strace, ...command], { stdio: 'ignore' });
  if (status !== 0) return undefined;
  const lines = fs.readFileSync(file, 'utf8').matchAll(/^\s*(\w+)\s+(\d+)$/gm);
  return Object.fromEntries(Array.from(lines, ([, name, calls]) => [name, Number(calls)]));
}

test('system calls of connecting and accepting', OF_NODE, (t) => {
  const calls = systemCalls();
  if (calls === undefined) return t.skip('no strace, or it may not trace');
  const each = (name) => (calls[name] ?? 0) / CYCLES;
  // One accept4 for each, and now and then another that finds nobody.
  assert.ok(each('accept4') >= 1 && each('accept4') < 1.2, JSON.stringify(calls));
  assert.ok(each('ppoll') < 0.2, JSON.stringify(calls));
  // The client's is asked by the library, and set back; an accepted one's is right already.
  assert.ok(each('setsockopt') < 2.2, JSON.stringify(calls));
  assert.ok(each('getsockopt') < 1.2, JSON.stringify(calls));
  // Of each end: from the library to libuv.
  assert.ok(each('ioctl') < 4.2, JSON.stringify(calls));
  assert.ok(each('fcntl') < 2.5, JSON.stringify(calls));
  assert.ok(each('dup') < 0.1, JSON.stringify(calls));
});

test('what most programs don\'t use is not loaded', OF_NODE, () => {
  const code = `
    const udsock = require(process.argv[1]);
    const loaded = () => Object.keys(require.cache).map((file) => require('path').basename(file));
    const before = loaded();
    const { Connection, DatagramSocket, Poller, createSocket, inspect, promises } = udsock;
    const all = [Connection, DatagramSocket, Poller, createSocket, inspect, promises];
    console.log(JSON.stringify({ before, after: loaded(), types: all.map((one) => typeof one) }));`;
  const output = execFileSync(process.execPath, ['-e', code, binding], { encoding: 'utf8' });
  const { before, after, types } = JSON.parse(output);
  const parts = ['connection.js', 'dgram.js', 'inspect.js', 'poller.js', 'promises.js'];
  for (const part of [...parts, 'kept.js', 'message.js']) assert.ok(!before.includes(part), part);
  for (const part of parts) assert.ok(after.includes(part), part);
  assert.deepEqual(types, [...Array(5).fill('function'), 'object']);
});
