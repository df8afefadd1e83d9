// What is written is handed to the kernel at once, as far as there is room: whatever the program
// does next does not take it back.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { Connection, Socket, connect, createServer, createSocket, pair, promises } from 'udsock';
import http from 'udsock/http';
import { GUARD, closeDescriptor, closed, directory, program, script, text, using } from './support.mjs';

const at = directory();

/** All that comes until the end, or the reset. */
function heard(socket) {
  let said = '';
  socket.on('data', (data) => (said += data)).on('error', () => {});
  return new Promise((resolve) => socket.on('close', () => resolve(said)));
}

const endings = {
  destroy: (socket) => socket.destroy(),
  'end and destroy': (socket) => socket.end().destroy(),
  destroySoon: (socket) => socket.destroySoon(),
};

for (const type of ['stream', 'seqpacket']) {
  for (const [name, end] of Object.entries(endings)) {
    test(`${type}: written, then ${name}`, GUARD, async () => {
      const [left, right] = pair({ type });
      const said = heard(right);
      left.write('the last words');
      end(left);
      assert.equal(await said, 'the last words');
      await closed(left);
    });
  }

  test(`${type}: written, then released: the next goes behind it`, GUARD, async () => {
    const Kind = type === 'stream' ? Socket : Connection;
    const [left, right] = pair({ type });
    const said = heard(right);
    left.write('greeting, ');
    new Kind({ fd: left.release() }).end('more').resume();
    assert.equal(await said, 'greeting, more');
  });

  test(`${type}: ended, then released: the end goes, too`, GUARD, async () => {
    const [left, right] = pair({ type });
    const said = heard(right);
    left.end('all');
    const fd = left.release();
    assert.equal(await said, 'all');
    closeDescriptor(fd);
  });

  test(`${type}: written, then the process ends`, GUARD, async (t) => {
    const server = using(t, await promises.listen(at(`exit-${type}`), { type }));
    const code = `
      const { connect } = require('udsock');
      console.log('ready');
      const client = connect({ path: process.argv[1], type: '${type}' }, () => {
        client.write('last words');
        process.exit();
      });`;
    const connection = once(server, 'connection');
    const child = await program(...script(code, [at(`exit-${type}`)]));
    const [peer] = await connection;
    assert.equal(await heard(peer), 'last words');
    await child.end();
  });
}

test('datagrams: sent, then closed, or the process ends', GUARD, async (t) => {
  const receiver = using(t, await promises.bind(at('datagrams')));
  const errors = [];
  for (let i = 0; i < 3; i++) {
    const sender = createSocket('dgram').on('error', (error) => errors.push(error));
    const done = new Promise((resolve) => sender.send('sent', at('datagrams'), resolve));
    sender.close();
    const [message] = await once(receiver, 'message');
    assert.equal(message.toString(), 'sent');
    assert.equal(await done, null);
  }
  const code = `
    console.log('ready');
    require('udsock').createSocket('dgram').send('last words', process.argv[1]);
    process.exit();`;
  const came = once(receiver, 'message');
  const child = await program(...script(code, [at('datagrams')]));
  assert.equal((await came)[0].toString(), 'last words');
  await child.end();
  assert.deepEqual(errors, []);
});

test('datagrams: what waits is bounded, and the callback of each is called', GUARD, async (t) => {
  const deaf = using(t, createSocket('dgram'));
  deaf.bind(at('deaf'));
  // Nothing is received in this turn.
  const sender = createSocket('dgram');
  const fates = new Map();
  const message = Buffer.alloc(64 * 1024);
  const COUNT = 1_000;
  for (let i = 0; i < COUNT; i++) {
    sender.send(message, at('deaf'), (error) => {
      const code = error?.code ?? 'sent';
      fates.set(code, (fates.get(code) ?? 0) + 1);
    });
  }
  assert.ok(sender.getSendQueueSize() <= 16 << 20);
  sender.close();
  await closed(sender);
  await new Promise(setImmediate);
  assert.deepEqual([...fates.keys()].sort(), ['ECANCELED', 'ENOBUFS', 'sent']);
  assert.equal([...fates.values()].reduce((sum, count) => sum + count), COUNT);
});

test('http: the answer to nonsense, and one to whom the server is closing', GUARD, async (t) => {
  const server = using(t, http.createServer((request, response) => {
    request.resume().on('end', () => {
      response.end('done');
      server.close();
    });
  }));
  await once(server.listen(at('http')), 'listening');
  const rude = net.connect(at('http'), () => rude.write('NONSENSE\r\n\r\n'));
  assert.match(await heard(rude), /^HTTP\/1\.1 400 /);
  const request = http.request({ socketPath: at('http'), method: 'POST' });
  request.end('body');
  const [response] = await once(request, 'response');
  assert.equal(await text(response), 'done');
});

test('a write to a socket that was never connected', GUARD, async () => {
  for (const Kind of [Socket, Connection]) {
    const log = [];
    const socket = new Kind();
    socket.on('error', (error) => log.push(`error ${error.code}`)).on('close', () => log.push('close'));
    // (events.once would be told of the error.)
    const gone = new Promise((resolve) => socket.on('close', resolve));
    socket.write('x', (error) => log.push(`callback ${error?.code}`));
    await gone;
    assert.deepEqual(log, ['callback ERR_SOCKET_CLOSED', 'error ERR_SOCKET_CLOSED', 'close']);
  }
});

for (const type of ['stream', 'seqpacket']) {
  test(`${type}: connecting again in 'close', listening again after close()`, GUARD, async (t) => {
    const server = using(t, createServer({ type }, (peer) => peer.on('error', () => {}).end('hello')));
    server.listen(at(`again-${type}`));
    server.close();
    server.listen(at(`again-${type}`));
    await once(server, 'listening');
    const client = connect({ path: at(`again-${type}`), type });
    for (let i = 0; i < 3; i++) {
      const [data] = await once(client, 'data');
      assert.equal(data.toString(), 'hello');
      await new Promise((resolve) => {
        client.once('close', () => {
          if (i < 2) client.connect(at(`again-${type}`));
          resolve();
        });
      });
    }
  });
}
