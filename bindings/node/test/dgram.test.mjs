import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { Poller, createSocket, promises } from 'udsock';
import { GUARD, closed, directory, openDescriptors, program, script, using } from './support.mjs';

const at = directory();

function sent(socket, ...args) {
  return new Promise((resolve, reject) => {
    socket.send(...args, (error, bytes) => (error ? reject(error) : resolve(bytes)));
  });
}

test('a message, who sent it, and an answer', GUARD, async (t) => {
  const server = using(t, createSocket('dgram'));
  server.on('message', (message, rinfo) => server.send(message, rinfo.port, rinfo.address));
  server.bind(at('echo'));
  await once(server, 'listening');
  assert.deepEqual(server.address(), { address: at('echo'), family: 'unix', port: 0 });
  const client = using(t, createSocket({ type: 'dgram' }));
  assert.equal(await sent(client, 'hello', at('echo')), 5);
  const [message, rinfo] = await once(client, 'message');
  assert.equal(message.toString(), 'hello');
  assert.deepEqual(rinfo, { address: at('echo'), family: 'unix', port: 0, size: 5 });
  // The client was given a name by its first message.
  assert.match(client.address().address, /^@/);
});

test('all the ways to say send', GUARD, async (t) => {
  const server = using(t, await promises.bind(at('ways')));
  const client = using(t, await promises.bind());
  const data = Buffer.from('0123456789');
  const to = at('ways');
  const ways = [
    [['plain', to], 'plain'],
    [['', to], ''],
    [['port', 0, to], 'port'],
    [[data, 2, 3, to], '234'],
    [[data, 2, 3, 0, to], '234'],
    [[['a', Buffer.from('b'), new Uint8Array([99])], to], 'abc'],
    [[new DataView(new ArrayBuffer(2)), to], '\0\0'],
  ];
  for (const [args, expected] of ways) {
    const [bytes, [message]] = await Promise.all([sent(client, ...args), once(server, 'message')]);
    assert.equal(message.toString(), expected);
    assert.equal(bytes, expected.length);
  }
  client.connect(to);
  await once(client, 'connect');
  assert.deepEqual(client.remoteAddress(), { address: to, family: 'unix', port: 0 });
  for (const args of [['connected'], [data, 0, 1]]) {
    const [, [message]] = await Promise.all([sent(client, ...args), once(server, 'message')]);
    assert.equal(message.length, args.length === 1 ? 9 : 1);
  }
  assert.throws(() => client.send(5, to), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => client.send(data, 5, 6, to), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' });
  assert.throws(() => server.send('x'), { code: 'EDESTADDRREQ' });
  assert.throws(() => server.remoteAddress(), { code: 'ERR_SOCKET_DGRAM_NOT_CONNECTED' });
});

test('a flood to a few receivers: nothing lost, nothing overtaken', GUARD, async (t) => {
  const COUNT = 5_000;
  const names = ['one', 'two', 'three'];
  const client = using(t, createSocket('dgram'));
  const received = names.map(async (name) => {
    const server = using(t, await promises.bind(at(name)));
    const numbers = [];
    server.on('message', (message) => numbers.push(Number(message)));
    while (numbers.length < COUNT) await once(server, 'message');
    return numbers;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  let done = 0;
  for (let i = 0; i < COUNT; i++) {
    for (const name of names) client.send(`${i}`, at(name), (error) => (done += error ? 0 : 1));
  }
  // As many as the queues take have gone at once.
  const waiting = client.getSendQueueCount();
  assert.ok(waiting > 0 && waiting < 3 * COUNT, `${waiting}`);
  for (const numbers of await Promise.all(received)) {
    assert.deepEqual(numbers, Array.from({ length: COUNT }, (_, i) => i));
  }
  await new Promise(setImmediate);
  assert.equal(done, 3 * COUNT);
  assert.equal(client.getSendQueueCount(), 0);
  assert.equal(client.getSendQueueSize(), 0);
});

test('a receiver that does not read holds up nobody else', GUARD, async (t) => {
  const idle = new Poller();
  const silent = await idle.listen(at('silent'), { type: 'dgram' });
  const awake = using(t, await promises.bind(at('awake')));
  const client = createSocket('dgram');
  const fates = [];
  const settled = (error) => fates.push(error?.code);
  for (let i = 0; i < 100; i++) client.send(`${i}`, at('silent'), settled);
  client.send('to the other', at('awake'));
  const [message] = await once(awake, 'message');
  assert.equal(message.toString(), 'to the other');
  client.close();
  await closed(client);
  await new Promise(setImmediate);
  assert.equal(fates.length, 100);
  // As many as a queue takes had gone.
  const gone = fates.filter((code) => code === undefined).length;
  assert.ok(gone > 0 && gone < 100);
  assert.equal(fates.filter((code) => code === 'ECANCELED').length, 100 - gone);
  await idle.closeSocket(silent);
  idle.close();
});

test('errors: to the callback, or else as an event', GUARD, async (t) => {
  const client = using(t, createSocket('dgram'));
  await assert.rejects(sent(client, 'x', at('nobody')), {
    code: 'ENOENT',
    syscall: 'send',
    address: at('nobody'),
  });
  client.send('x', at('nobody'));
  const [error] = await once(client, 'error');
  assert.equal(error.code, 'ENOENT');
  // A message that fails is no other's hindrance.
  const server = using(t, await promises.bind(at('between')));
  const [, message] = await Promise.all([
    Promise.allSettled([sent(client, 'a', at('nobody')), sent(client, 'b', at('between'))]),
    once(server, 'message'),
  ]);
  assert.equal(message[0].toString(), 'b');
  const tooLarge = sent(client, Buffer.alloc(8 << 20), at('between'));
  await assert.rejects(tooLarge, { code: /EMSGSIZE|ENOBUFS/ });

  const second = using(t, createSocket('dgram'));
  second.bind(at('between'));
  const [inUse] = await once(second, 'error');
  assert.equal(inUse.code, 'EADDRINUSE');
  assert.equal(inUse.syscall, 'bind');
  second.connect(at('nobody'));
  const [refused] = await once(second, 'error');
  assert.equal(refused.code, 'ENOENT');
  assert.throws(() => createSocket('udp4'), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => server.bind(at('twice')), { code: 'ERR_SOCKET_ALREADY_BOUND' });
});

test('large messages come whole', GUARD, async (t) => {
  const server = using(t, await promises.bind(at('large')));
  const client = using(t, createSocket('dgram'));
  const size = client.getSendBufferSize() - 32;
  const message = Buffer.alloc(size, 'abc');
  client.send(message, at('large'));
  const [got] = await once(server, 'message');
  assert.ok(got.equals(message));
  client.setSendBufferSize(32 * 1024);
  assert.ok(client.getSendBufferSize() >= 32 * 1024);
  assert.ok(server.getRecvBufferSize() > 0);
});

test('credentials come with messages that are asked for them', GUARD, async (t) => {
  const server = using(t, createSocket({ type: 'dgram', receiveCredentials: true }));
  server.bind(at('credentials'));
  await once(server, 'listening');
  const client = using(t, createSocket('dgram'));
  client.send('who am I?', at('credentials'));
  const [message, { credentials, address }] = await once(server, 'message');
  assert.equal(message.toString(), 'who am I?');
  assert.equal(credentials.pid, process.pid);
  assert.equal(credentials.uid, process.getuid());
  assert.equal(address, client.address().address);
});

test('close, dispose, abort; the file goes', GUARD, async () => {
  const before = openDescriptors();
  const socket = await promises.bind(at('close'), { mode: 0o600 });
  assert.equal(fs.statSync(at('close')).mode & 0o777, 0o600);
  socket.close();
  await closed(socket);
  assert.equal(fs.existsSync(at('close')), false);
  assert.throws(() => socket.send('x', at('close')), { code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
  await socket[Symbol.asyncDispose]();

  const controller = new AbortController();
  const aborted = createSocket({ type: 'dgram', signal: controller.signal }).bind(at('close'));
  await once(aborted, 'listening');
  controller.abort();
  await closed(aborted);
  assert.equal(openDescriptors(), before);
});

test('a socket that is closed while its messages wait lets the program end', GUARD, async () => {
  const code = `
    const { Poller, createSocket } = require('udsock');
    console.log('ready');
    setTimeout(() => {}, 3_600_000).unref();
    const sender = createSocket('dgram');
    const silent = new Poller();
    silent.listen(process.argv[1], { type: 'dgram' }).then((receiver) => {
      for (let i = 0; i < 2000; i++) sender.send('x', process.argv[1], () => {});
      setTimeout(() => {
        sender.close();
        silent.closeSocket(receiver);
        silent.close();
        console.log('closed');
      }, 200);
    });`;
  const child = await program(...script(code, [at('lets-end')]));
  assert.deepEqual(await child.end(), { code: 0, signal: null, output: 'closed\n' });
});
