import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Connection, Socket, connect, createServer, pair, promises } from 'udsock';
import { GUARD, RUNTIME, closeDescriptor, closed, directory, using } from './support.mjs';

const at = directory();
const type = 'seqpacket';

async function messages(connection) {
  const list = [];
  for await (const message of connection.iterator({ destroyOnReturn: false })) {
    list.push(message.toString());
  }
  return list;
}

test('messages, empty ones too, and the end', GUARD, async () => {
  const [left, right] = pair({ type });
  const all = ['one', '', 'three', '', ''];
  for (const message of all) await left.send(message);
  left.end();
  assert.deepEqual(await messages(right), all);
  assert.equal(right.bytesRead, 8);
  assert.equal(left.bytesWritten, 8);
  await Promise.all([closed(left.resume()), closed(right)]);
});

test('a server that answers each message', GUARD, async (t) => {
  const server = createServer({ type }, async (connection) => {
    assert.ok(connection instanceof Connection);
    for await (const message of connection) await connection.send(`re: ${message}`);
  });
  using(t, server.listen(at('answers')));
  await once(server, 'listening');
  const client = connect({ path: at('answers'), type });
  client.send('before it is connected');
  await once(client, 'connect');
  const got = [];
  client.on('message', (message) => got.push(message.toString()));
  client.write('as a stream');
  client.write(Buffer.from('of messages'));
  client.end('and the last');
  await closed(client);
  const sent = ['before it is connected', 'as a stream', 'of messages', 'and the last'];
  assert.deepEqual(got, sent.map((message) => `re: ${message}`));
  assert.deepEqual(client.readyState, 'closed');
});

test('both sides flood each other, and nothing is lost', GUARD, async () => {
  const COUNT = 20_000;
  const [left, right] = pair({ type });
  const flood = async (connection) => {
    for (let i = 0; i < COUNT; i++) {
      if (!connection.write(`${i}`)) await once(connection, 'drain');
    }
  };
  const count = async (connection) => {
    let next = 0;
    for await (const message of connection.iterator({ destroyOnReturn: false })) {
      assert.equal(Number(message), next++);
      if (next === COUNT) break;
    }
  };
  await Promise.all([flood(left), flood(right), count(left), count(right)]);
  left.destroy();
  right.destroy();
});

test('a message stays whole, however large', GUARD, async () => {
  const [left, right] = pair({ type });
  const large = Buffer.alloc(200_000, 'large');
  left.write(large);
  const [message] = await once(right, 'data');
  assert.ok(message.equals(large));
  // One that is too large is told, and the connection goes on.
  await assert.rejects(left.send(Buffer.alloc(8 << 20)), { code: /EMSGSIZE|ENOBUFS/ });
  left.write(Buffer.alloc(8 << 20));
  const [error] = await once(left, 'error');
  assert.match(error.code, /EMSGSIZE|ENOBUFS/);
  await left.send('and on');
  const [next] = await once(right, 'data');
  assert.equal(next.toString(), 'and on');
  left.destroy();
  right.destroy();
});

test('a reader that pauses holds up the writer', GUARD, async () => {
  const [left, right] = pair({ type });
  right.pause();
  right.on('data', () => {});
  for (let i = 0; i < 2_000; i++) left.write(`${i}`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(right.readableLength <= 64, `${right.readableLength}`);
  assert.ok(left.writableLength > 0);
  let count = 0;
  right.on('data', () => count++);
  left.end();
  right.resume();
  await once(right, 'end');
  assert.equal(count, 2_000);
});

test('only messages, and only to this kind of server', GUARD, async (t) => {
  const [left, right] = pair({ type });
  assert.throws(() => left.write(5), { code: 'ERR_INVALID_ARG_TYPE' });
  left.destroy();
  right.destroy();
  using(t, await promises.listen(at('stream')));
  await assert.rejects(promises.connect(at('stream'), { type }), { code: 'EPROTOTYPE' });
  assert.throws(() => createServer({ type: 'dgram' }), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('credentials of each message', GUARD, async (t) => {
  const server = await promises.listen(at('who'), { type, receiveCredentials: true }, (peer) => {
    peer.on('message', (message) => peer.send(`${message.credentials.pid}`));
  });
  using(t, server);
  const client = await promises.connect(at('who'), { type });
  client.write('?');
  const [message] = await once(client, 'message');
  assert.equal(Number(message), process.pid);
  client.destroy();
});

for (const type of ['stream', 'seqpacket']) {
  test(`a ${type} connection that connects again tells the same listeners`, GUARD, async (t) => {
    const server = createServer({ type }, (connection) => {
      connection.write('one, ');
      connection.end('two');
      connection.resume();
    });
    using(t, server).listen(at(`again ${type}`));
    const client = new (type === 'stream' ? Socket : Connection)();
    let came = '';
    client.on(type === 'stream' ? 'data' : 'message', (data) => (came += data));
    for (let round = 0; round < 3; round++) {
      came = '';
      client.connect({ path: at(`again ${type}`), type });
      await once(client, 'close');
      assert.equal(came, 'one, two');
      // (Bun's own streams go on counting.)
      if (type === 'seqpacket' || RUNTIME !== 'bun') assert.equal(client.bytesRead, 8);
    }
  });
}

test('and so does one whose descriptor was given away', GUARD, async (t) => {
  const server = createServer({ type: 'seqpacket' }, (connection) => {
    connection.on('error', () => {}).resume();
    connection.end('hello');
  });
  using(t, server).listen(at('given away'));
  const client = new Connection();
  const messages = [];
  client.on('message', (message) => messages.push(String(message)));
  client.pause();
  client.connect({ path: at('given away'), type: 'seqpacket' });
  await once(client, 'connect');
  closeDescriptor(client.release());
  await once(client, 'close');
  client.connect({ path: at('given away'), type: 'seqpacket' }).resume();
  await once(client, 'close');
  assert.deepEqual(messages, ['hello']);
});

test('end() of what was destroyed tells its callback', GUARD, async () => {
  const [one, other] = pair({ type: 'seqpacket' });
  other.destroy();
  one.on('error', () => {}).destroy();
  for (const end of [(done) => one.end(done), (done) => one.end('x', done)]) {
    const error = await new Promise(end);
    assert.equal(error?.code, 'ERR_STREAM_DESTROYED');
  }
});
