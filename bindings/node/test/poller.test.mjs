import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { test } from 'node:test';
import { Poller, connect, createSocket, promises } from 'udsock';
import { GUARD, closed, directory, pause, text, using } from './support.mjs';

const at = directory();

test('an echo server', GUARD, async () => {
  const poller = new Poller();
  const connections = new Set();
  poller.start((batch) => {
    for (let i = 0; i < batch.length; i++) {
      const socket = batch.socket(i);
      assert.equal(batch.token(i), 2 ** 40 + 7);
      if (batch.kind(i) === Poller.ACCEPTED) connections.add(socket);
      else if (batch.kind(i) === Poller.RECEIVED) poller.forward(batch, i);
      else if (connections.delete(socket)) poller.closeSocket(socket);
    }
  });
  const server = await poller.listen(at('echo'), { token: 2 ** 40 + 7 });
  const sent = Buffer.alloc(300_000, 'echo');
  const answers = Array.from({ length: 50 }, async () => {
    const client = connect(at('echo'));
    client.write(sent);
    let size = 0;
    for await (const data of client) {
      size += data.length;
      if (size === sent.length) break;
    }
  });
  await Promise.all(answers);
  while (connections.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await poller.closeSocket(server);
  assert.equal(fs.existsSync(at('echo')), false);
  poller.close();
});

test('answers of one\'s own, and the end behind them', GUARD, async (t) => {
  const poller = new Poller({ capacity: 2, outputSize: 4096 });
  poller.start((batch) => {
    for (let i = 0; i < batch.length; i++) {
      if (batch.kind(i) !== Poller.RECEIVED) continue;
      const name = batch.data(i).toString();
      for (let n = 0; n < 100; n++) poller.send(batch.socket(i), `${name} ${n};`);
      poller.send(batch.socket(i), new Uint8Array([33]), Poller.THEN_CLOSE);
    }
  });
  const server = await poller.listen(at('answers'));
  const client = await promises.connect(at('answers'), { allowHalfOpen: true });
  client.write('line');
  const expected = Array.from({ length: 100 }, (_, n) => `line ${n};`).join('');
  assert.equal(await text(client), `${expected}!`);
  client.destroy();
  assert.throws(() => poller.send(server, Buffer.alloc(5000)), RangeError);
  await poller.closeSocket(server);
  poller.close();
});

test('datagrams: from whom, and to whom', GUARD, async (t) => {
  const poller = new Poller();
  poller.start((batch) => {
    for (let i = 0; i < batch.length; i++) {
      poller.sendTo(batch.socket(i), `${batch.address(i)} said ${batch.data(i)}`, batch.address(i));
    }
  });
  const server = await poller.listen(at('datagrams'), { type: 'dgram' });
  const client = using(t, createSocket('dgram').bind(at('client')));
  await once(client, 'listening');
  client.send('hello', at('datagrams'));
  const [message] = await once(client, 'message');
  assert.equal(message.toString(), `${at('client')} said hello`);
  await poller.closeSocket(server);
  poller.close();
});

test('what is refused is told, and DRAINED when to go on', GUARD, async (t) => {
  const server = await promises.listen(at('drained'), { pauseOnConnect: true });
  using(t, server);
  const refused = [];
  const poller = new Poller({ sendLimit: 4096 }, (socket, code) => refused.push([socket, code]));
  const client = poller.connect(at('drained'));
  const [peer] = await once(server, 'connection');
  const drained = new Promise((resolve) => {
    poller.start((batch) => {
      if (batch.kind(0) === Poller.DRAINED) resolve(batch.socket(0));
    });
  });
  while (refused.length === 0) {
    poller.send(client, Buffer.alloc(65_536));
    poller.flush();
  }
  assert.deepEqual(refused, [[client, -11]]);
  peer.resume();
  assert.equal(await drained, client);
  poller.closeSocket(client);
  poller.send(client, 'x');
  poller.flush();
  assert.deepEqual(refused[1], [client, -9]);
  poller.close();
});

test('duplex: what comes is received while something is kept; paused: it is not', GUARD, async (t) => {
  const { EAGAIN } = os.constants.errno;
  const server = using(t, await promises.listen(at('duplex'), { pauseOnConnect: true }));
  const poller = new Poller();
  const [plain, duplex] = [poller.connect(at('duplex')), poller.connect(at('duplex'), { duplex: true })];
  const peers = [];
  while (peers.length < 2) peers.push((await once(server, 'connection'))[0]);
  const heard = [];
  let onHeard;
  poller.start((batch) => {
    for (let i = 0; i < batch.length; i++) {
      if (batch.kind(i) !== Poller.RECEIVED) continue;
      heard.push([batch.socket(i), batch.data(i).toString()]);
      onHeard();
    }
  });
  const hears = () => new Promise((resolve) => (onHeard = resolve));
  // Until something is kept for both.
  for (const socket of [plain, duplex]) {
    while (poller.sendNow(socket, '', Poller.DONT_KEEP) !== -EAGAIN) {
      assert.equal(poller.sendNow(socket, Buffer.alloc(65_536)), 65_536);
    }
  }
  for (const peer of peers) peer.write('one');
  await hears();
  await pause(50);
  assert.deepEqual(heard, [[duplex, 'one']]);
  poller.add(duplex, 0, { duplex: true, paused: true });
  peers[1].write('two');
  await pause(50);
  assert.equal(heard.length, 1);
  poller.add(duplex, 0, { duplex: true });
  await hears();
  assert.deepEqual(heard[1], [duplex, 'two']);
  // When all is out, the first goes on, too.
  for (const peer of peers) peer.resume();
  await hears();
  assert.deepEqual(heard[2], [plain, 'one']);
  // A server's connections have it from the server.
  const shared = await poller.listen(at('inherited'), { duplex: true });
  poller.stop();
  poller.start((batch) => {
    const last = batch.length - 1;
    if (batch.kind(last) === Poller.RECEIVED) onHeard(batch.data(last).toString());
    else if (batch.kind(0) === Poller.ACCEPTED) {
      while (poller.sendNow(batch.socket(0), '', Poller.DONT_KEEP) !== -EAGAIN) {
        poller.sendNow(batch.socket(0), Buffer.alloc(65_536));
      }
    }
  });
  const client = await promises.connect(at('inherited'));
  client.pause().write('three');
  assert.equal(await hears(), 'three');
  client.destroy();
  for (const socket of [plain, duplex, shared]) poller.closeSocket(socket);
  poller.close();
});

test('sendNow tells of each send; the others\' refusals go where they went', GUARD, async (t) => {
  const { EAGAIN, EBADF, EPIPE } = os.constants.errno;
  const options = { pauseOnConnect: true, allowHalfOpen: true };
  const server = using(t, await promises.listen(at('now'), options));
  const refused = [];
  const poller = new Poller({ capacity: 2 }, (socket, code) => {
    refused.push([socket, code]);
    poller.send(client, 'refused;');
  });
  const client = poller.connect(at('now'));
  const [peer] = await once(server, 'connection');
  const closed = poller.connect(at('now'));
  poller.closeSocket(closed);
  assert.equal(poller.sendNow(closed, 'x'), -EBADF);
  poller.send(client, 'one;');
  poller.send(closed, 'lost');
  // (There is room for two: the first two leave before it.)
  assert.equal(poller.sendNow(client, 'three;'), 6);
  assert.deepEqual(refused, [[closed, -EBADF]]);
  poller.flush();
  // What a batch brought goes on from where it is.
  const sent = new Promise((resolve) => {
    poller.start((batch) => {
      if (batch.kind(0) === Poller.RECEIVED) resolve(poller.sendNow(client, batch.data(0)));
    });
  });
  peer.write('four;');
  assert.equal(await sent, 5);
  assert.equal(poller.sendNow(client, '', Poller.THEN_SHUTDOWN), 0);
  assert.equal(poller.sendNow(client, 'late'), -EPIPE);
  assert.throws(() => poller.sendNow(client, Buffer.alloc(2 ** 21)), RangeError);
  assert.equal(await text(peer), 'one;refused;three;four;');
  poller.shutdown(client, Poller.READ);
  peer.write('nobody reads it');
  const [error] = await once(peer, 'error');
  assert.equal(error.code, 'EPIPE');
  assert.throws(() => poller.shutdown(closed, Poller.READ), { code: 'EBADF', syscall: 'shutdown' });

  const deaf = poller.connect(at('now'));
  let size;
  do size = poller.sendNow(deaf, Buffer.alloc(65_537), Poller.DONT_KEEP);
  while (size === 65_537);
  assert.ok(size === -EAGAIN || (size > 0 && size < 65_537), `${size}`);
  poller.closeSocket(deaf);
  poller.closeSocket(client);
  poller.close();
  assert.throws(() => poller.sendNow(client, 'x'), { code: 'EBADF' });
});

test('handles that are closed, forged, or another poller\'s: a clear error', GUARD, async () => {
  const [one, other] = [new Poller(), new Poller()];
  const server = await one.listen(at('errors'));
  const client = one.connect(at('errors'));
  assert.throws(() => other.add(client), { code: 'EBUSY', syscall: 'poller_add' });
  assert.throws(() => other.remove(client), { code: 'ENOENT' });
  one.closeSocket(client);
  for (const handle of [client, 0, 3, 2 ** 33, 2 ** 52 + 1]) {
    assert.throws(() => one.add(handle), { code: 'EBADF' });
    assert.throws(() => one.closeSocket(handle), { code: 'EBADF' });
  }
  await assert.rejects(other.listen(at('errors')), { code: 'EADDRINUSE' });
  assert.throws(() => other.connect(at('nothing')), { code: 'ENOENT' });
  await one.closeSocket(server);
  one.close();
  other.close();
  assert.throws(() => one.poll(), { code: 'EBADF' });
});

test('a poller that is unref\'d or stopped lets others go on', GUARD, async () => {
  const poller = new Poller().start(() => {}).unref().ref();
  poller.stop();
  const server = await poller.listen(at('stopped'));
  const client = connect(at('stopped'));
  await once(client, 'connect');
  let events = 0;
  poller.start((batch) => (events += batch.length));
  poller.stop();
  assert.equal(poller.poll(), 1);
  assert.equal(events, 1);
  client.destroy();
  await closed(client);
  await poller.closeSocket(server);
  poller.close();
});
