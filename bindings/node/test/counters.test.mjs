// What is counted, and how full a queue is.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Poller, counters, createServer, createSocket, inspect, pair } from 'udsock';
import { GUARD, directory } from './support.mjs';

const at = directory();

test('of a seqpacket connection', GUARD, async () => {
  const [one, other] = pair({ type: 'seqpacket' });
  other.write('hello');
  await once(one, 'data');
  assert.equal(counters(other).sentBytes, 5);
  assert.equal(counters(one).receivedBytes, 5);
  assert.equal(counters(one.handle).receivedMessages, 1);
  one.destroy();
  other.destroy();
});

test('of a datagram socket', GUARD, async () => {
  const [one, other] = [createSocket('dgram'), createSocket('dgram')];
  one.bind(at('one'));
  await once(one, 'listening');
  other.send('hello', at('one'));
  await once(one, 'message');
  assert.equal(counters(one).receivedMessages, 1);
  one.close();
  other.close();
});

test('of a poller, and of its server', GUARD, async () => {
  const poller = new Poller();
  const server = await poller.listen(at('poller'), { type: 'seqpacket' });
  assert.equal((await inspect(at('poller'))).queue, 0);
  poller.connect(at('poller'), { type: 'seqpacket' });
  const found = await inspect(at('poller'));
  assert.equal(found.queue, 1);
  assert.ok(found.queueLimit > 1);
  assert.equal(found.processes, 1);
  await new Promise((resolve) => poller.start((batch) => batch.length > 0 && resolve()));
  assert.equal(counters(poller).accepted, 1);
  assert.equal(counters(server).accepted, 1);
  poller.close();
});

test('of what has none', GUARD, async () => {
  for (const nothing of [undefined, null, {}, 'text', createServer()]) {
    assert.throws(() => counters(nothing), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  assert.throws(() => counters(5), { code: 'EBADF' });
});
