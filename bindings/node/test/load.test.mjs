import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { Poller, connect, createSocket, pair, promises } from 'udsock';
import { GUARD, closed, directory, echoServer, openDescriptors, repeat, text } from './support.mjs';

const at = directory();

/** Bun has it without being asked. */
function garbageCollector() {
  if (globalThis.Bun) return () => globalThis.Bun.gc(true);
  v8.setFlagsFromString('--expose-gc');
  return vm.runInNewContext('gc');
}

const collectGarbage = garbageCollector();

test('1,000 connections at once: nothing lost, a clean end', GUARD, async (t) => {
  const COUNT = 1_000;
  const before = openDescriptors();
  const server = await echoServer(at('thousand'));
  const clients = Array.from({ length: COUNT }, () => connect(at('thousand')));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  const held = () => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
  while ((await held()) < COUNT) await new Promise((resolve) => setTimeout(resolve, 1));
  const answers = clients.map(async (client, i) => {
    for (let round = 0; round < 5; round++) {
      client.write(`${i} ${round};`);
      const [answer] = await once(client, 'data');
      assert.equal(answer.toString(), `${i} ${round};`);
    }
    client.end();
    await closed(client);
  });
  await Promise.all(answers);
  await server[Symbol.asyncDispose]();
  assert.equal(fs.existsSync(at('thousand')), false);
  assert.ok(openDescriptors() <= before + 4, `${openDescriptors()} ${before}`);
});

test('5,000 sockets, closed at once', GUARD, async () => {
  const sockets = Array.from({ length: 5_000 }, () => createSocket('dgram'));
  const servers = await Promise.all(
    Array.from({ length: 500 }, (_, i) => promises.listen(at(`server${i}`))),
  );
  const all = [...sockets, ...servers].map((socket) => once(socket, 'close'));
  for (const socket of [...sockets, ...servers]) socket.close();
  await Promise.all(all);
  assert.ok(!fs.readdirSync(at('')).some((name) => name.startsWith('server')));
});

test('files are read while 1,000 sockets wait', GUARD, async () => {
  // More than the pool has threads, of every kind, and each of them waits for something.
  const kinds = ['stream', 'seqpacket'];
  const pairs = Array.from({ length: 300 }, (_, i) => pair({ type: kinds[i % 2] }));
  for (const socket of pairs.flat()) socket.resume();
  const full = Array.from({ length: 100 }, () => pair());
  for (const [left, right] of full) {
    right.pause();
    left.write(Buffer.alloc(1 << 20));
  }
  const retrying = new AbortController();
  const { signal } = retrying;
  const absent = Array.from({ length: 100 }, () =>
    promises.connect(at('absent'), { retry: true, signal }).catch((error) => error.name),
  );
  const silent = new Poller();
  const receiver = await silent.listen(at('silent'), { type: 'dgram' });
  const senders = Array.from({ length: 100 }, () => createSocket('dgram'));
  for (const sender of senders) {
    for (let i = 0; i < 20; i++) sender.send('x', at('silent'), () => {});
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  fs.writeFileSync(at('file'), 'read at once');
  const reads = Array.from({ length: 100 }, () => fs.promises.readFile(at('file'), 'utf8'));
  // If one call had a thread for as long as it waits these would never end.
  for (const read of await Promise.all(reads)) assert.equal(read, 'read at once');
  assert.ok(full.every(([left]) => left.writableLength > 0));
  assert.ok(senders.some((sender) => sender.getSendQueueCount() > 0));
  retrying.abort();
  assert.deepEqual(new Set(await Promise.all(absent)), new Set(['AbortError']));
  for (const socket of [...pairs, ...full].flat()) socket.destroy();
  for (const sender of senders) sender.close();
  await Promise.all(senders.map(closed));
  await silent.closeSocket(receiver);
  silent.close();
});

test('heap and descriptors stay level over many connections', { timeout: 3_600_000 }, async () => {
  const COUNT = repeat('UDSOCK_CONNECTION_COUNT', 3_000);
  const server = await promises.listen(at('many'), (socket) => socket.pipe(socket));
  const exchange = async () => {
    const client = connect(at('many'));
    client.end('x');
    assert.equal(await text(client), 'x');
    if (!client.closed) await once(client, 'close');
  };
  const rounds = async (count) => {
    for (let done = 0; done < count; done += 50) {
      await Promise.all(Array.from({ length: 50 }, exchange));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    collectGarbage();
    return { heap: process.memoryUsage().heapUsed, descriptors: openDescriptors() };
  };
  const before = await rounds(1_000);
  const after = await rounds(COUNT);
  assert.equal(after.descriptors, before.descriptors);
  // A connection that were kept would hold some 4 KiB.
  const grown = after.heap - before.heap;
  assert.ok(grown < 2 * 2 ** 20 + COUNT * 256, `${grown} bytes after ${COUNT} connections`);
  await server[Symbol.asyncDispose]();
});
