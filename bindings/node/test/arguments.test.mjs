// What C would take for 0 is an error: a mode in a string, say, or a uid. What may be left out may
// be null, as in Node.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';
import {
  Connection, Poller, Server, Socket, cleanupOnSignal, connect, createServer, createSocket, pair,
  promises,
} from 'udsock';
import http from 'udsock/http';
import { GUARD, closed, directory, openDescriptors, text } from './support.mjs';

const at = directory();
const WRONG = 'ERR_INVALID_ARG_TYPE';
const RANGE = 'ERR_OUT_OF_RANGE';

const NUMBERS = [
  ['600', WRONG], [6n, WRONG], [{}, WRONG], [true, WRONG], [[6], WRONG], [1.5, RANGE], [NaN, RANGE],
  [-1, RANGE], [Infinity, RANGE], [2 ** 40, RANGE],
];

/** What takes a number, by its name. */
const TAKERS = {
  'listen: mode': (mode) => createServer().listen({ path: at('s'), mode }),
  'listen: fd': (fd) => createServer().listen({ fd }),
  'http: mode': (mode) => http.createServer().listen({ path: at('s'), mode }),
  'bind: mode': (mode) => createSocket('dgram').bind({ address: at('s'), mode }),
  'poller: mode': (mode) => new Poller().listen(at('s'), { mode }),
  'poller: token': (token) => new Poller().listen(at('s'), { token }),
  'poller: add': (token) => new Poller().add(1, token),
  'poller: capacity': (capacity) => new Poller({ capacity }),
  'poller: arenaSize': (arenaSize) => new Poller({ arenaSize }),
  'allow: uids': (uid) => createServer({ allow: { uids: [uid] } }),
  'allow: gids': (gid) => createServer({ allow: { gids: [gid] } }),
  'maxPerUid': (maxPerUid) => createServer({ maxPerUid }),
  'a descriptor': (fd) => new Socket({ fd }),
  'a descriptor of messages': (fd) => new Connection({ fd }),
  'setTimeout': (msecs) => new Connection().setTimeout(msecs),
  'timeout': (timeout) => connect({ path: at('s'), type: 'seqpacket', timeout }),
  'takeFds': (count) => new Socket().takeFds(count),
  'sendBufferSize': (sendBufferSize) => createSocket({ type: 'dgram', sendBufferSize }),
  'setRecvBufferSize': (size) => createSocket('dgram').setRecvBufferSize(size),
};

/** What some of them take: more than integers, more than 31 bits, NaN as no time or size. */
const ALSO = {
  'setTimeout': [1.5, 2 ** 40],
  'timeout': [1.5, NaN, 2 ** 40],
  'sendBufferSize': [NaN],
  'poller: token': [2 ** 40],
  'poller: add': [2 ** 40],
  'takeFds': [2 ** 40],
};

for (const [name, take] of Object.entries(TAKERS)) {
  test(`no number: ${name}`, GUARD, async () => {
    for (const [value, code] of NUMBERS) {
      if (ALSO[name]?.includes(value)) continue;
      // (Without `await` what throws in the call would be no rejection.)
      await assert.rejects(async () => await take(value), { code }, String(value));
    }
    assert.equal(fs.existsSync(at('s')), false);
  });
}

/** What takes neither of these. */
const OTHERS = [
  ['rules that are no list', () => createServer({ allow: { uids: '0' } })],
  ['a name that is none', () => createServer({ allow: { users: [null] } })],
  ['an owner that is none', () => createServer().listen({ path: at('s'), user: {} })],
  ['a kind that is none', () => new Poller().connect(at('s'), { type: 'tcp' })],
  ['options that are none', () => createServer('x')],
  ['options that are none, of a pair', () => pair('x')],
  ['options that are none, of a socket', () => createSocket(5)],
  ['a listener that is none', () => createSocket('dgram', 5)],
  ['a signal that is none', () => createSocket({ type: 'dgram', signal: 'SIGTERM' })],
  ['a signal that is none, of a server', () => createServer().listen({ path: at('s'), signal: {} })],
  ['a promise of nothing', () => promises.connect(5)],
  ['data that are none', () => new Poller().send(1, new Uint16Array(1))],
  ['data that are none, at once', () => new Poller().sendNow(1, null)],
  ['descriptors that are none', () => new Socket().sendDescriptors(['1'], 'x')],
];

for (const [name, take] of OTHERS) {
  test(`of a wrong type: ${name}`, GUARD, async () => {
    const before = openDescriptors();
    await assert.rejects(async () => await take(), { name: 'TypeError', code: WRONG });
    assert.ok(openDescriptors() <= before + 3);
    assert.equal(fs.existsSync(at('s')), false);
  });
}

test('a descriptor that is beyond 32 bits is no other descriptor', GUARD, () => {
  const socket = new Socket();
  assert.throws(() => socket.sendDescriptors([2 ** 32], 'x'), { code: RANGE });
  assert.throws(() => socket.sendDescriptors([-1], 'x'), { code: 'EBADF' });
});

test('a signal that there is not', GUARD, () => {
  assert.throws(() => cleanupOnSignal('SIGNONE'), { code: 'ERR_UNKNOWN_SIGNAL' });
});

test('what may be left out may be null', GUARD, async () => {
  const servers = [
    createServer(null), new Server(null, () => {}), http.createServer(null),
    createServer({ maxPerUid: null, allow: null }),
  ];
  for (const server of servers) {
    const how = { path: at('null'), fd: null, mode: null, user: null, group: null };
    await once(server.listen(how), 'listening');
    await server[Symbol.asyncDispose]();
  }
  for (const socket of [...pair(null), new Socket(null), new Connection(null)]) socket.destroy();
  new Poller(null).close();
  const socket = await promises.bind(null, null);
  await socket[Symbol.asyncDispose]();
  const server = await promises.listen(at('null'), null);
  const client = await promises.connect(at('null'), null);
  client.destroy();
  await server[Symbol.asyncDispose]();
});

test('a callback that is none is left out, as Node does it', GUARD, async () => {
  for (const type of ['stream', 'seqpacket']) {
    const [one, other] = pair({ type });
    one.write('a', 'utf8', 5);
    if (type === 'stream') one.sendDescriptors([1], 'b', {}, 5);
    one.end();
    assert.equal(await text(other), type === 'stream' ? 'ab' : 'a');
    one.destroy();
  }
});

test('the bytes of another realm are bytes', GUARD, async () => {
  const bytes = vm.runInNewContext('Uint8Array.from([104, 105])');
  const [one, other] = pair({ type: 'seqpacket' });
  await one.send(bytes);
  one.end();
  assert.equal(await text(other), 'hi');
  const [stream, end] = pair();
  stream.sendDescriptors([1], bytes);
  stream.end();
  assert.equal(await text(end), 'hi');
  for (const socket of [one, stream]) socket.destroy();
});

test('a time that setTimeout can\'t take is the longest, not none', GUARD, async () => {
  const [one, other] = pair({ type: 'seqpacket' });
  one.setTimeout(2 ** 40, () => assert.fail('not in this year'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  one.destroy();
  other.destroy();
  await closed(other);
});

test('a datagram socket that was bound in vain may be bound again', GUARD, async () => {
  const socket = createSocket('dgram');
  const calls = [];
  socket.bind(at('none/s'), () => calls.push('first'));
  await once(socket, 'error').catch((error) => error);
  socket.bind(at('again'), () => calls.push('second'));
  await once(socket, 'listening');
  assert.deepEqual(calls, ['second']);
  socket.close();
});

test('a datagram socket whose signal has come may be closed all the same', GUARD, async () => {
  const socket = createSocket({ type: 'dgram', signal: AbortSignal.abort() });
  socket.close();
  await once(socket, 'close');
});
