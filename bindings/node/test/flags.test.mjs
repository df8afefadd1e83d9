// Node.js with options that take something away from programs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { directory, except } from './support.mjs';

const at = directory();
const OF_NODE = except({ bun: 'its options are others', deno: 'its options are others' });
const MAJOR = Number(process.versions.node.split('.')[0]);

/** A program that sends a word through each kind of socket. */
const WORDS = `
  const { connect, createServer, createSocket } = require('udsock');
  for (const type of ['stream', 'seqpacket']) {
    const server = createServer({ type }, (peer) => peer.on('data', (data) => peer.end(data)));
    server.listen(process.argv[1] + type, () => {
      const client = connect({ path: process.argv[1] + type, type }, () => client.write(type));
      client.on('data', (data) => console.log(String(data)) ?? server.close());
    });
  }
  const socket = createSocket('dgram', (message) => console.log(String(message)) ?? socket.close());
  socket.bind(process.argv[1], () => socket.send('dgram', process.argv[1]));`;

/** Its words, and what it complained of. */
function ended(flags) {
  const args = [...flags, '-e', WORDS, at(flags.join().slice(0, 20).replaceAll('/', ''))];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { words: stdout.split('\n').sort().join(' ').trim(), stderr };
}

const PERMISSION = MAJOR < 24 ? '--experimental-permission' : '--permission';
const GIVEN = ['--allow-fs-read=*', '--allow-fs-write=*', ...(MAJOR < 25 ? [] : ['--allow-net'])];

for (const flags of [
  ['--frozen-intrinsics'],
  ['--disallow-code-generation-from-strings'],
  ['--disable-proto=throw'],
  ['--jitless'],
  ['--max-old-space-size=32'],
  ['--pending-deprecation', '--throw-deprecation'],
  ...(MAJOR < 22 ? [] : [[PERMISSION, ...GIVEN, '--allow-addons']]),
]) {
  test(`works with ${flags[0]}`, OF_NODE, () => {
    const { words, stderr } = ended(flags);
    assert.equal(words, 'dgram seqpacket stream', stderr);
  });
}

for (const flags of [['--no-addons'], ...(MAJOR < 22 ? [] : [[PERMISSION, ...GIVEN]])]) {
  test(`says what is in its way with ${flags[0]}`, OF_NODE, () => {
    const { words, stderr } = ended(flags);
    assert.equal(words, '');
    assert.match(stderr, /is disabled\. Start Node\.js without --no-addons, or with --allow-addons/);
  });
}
