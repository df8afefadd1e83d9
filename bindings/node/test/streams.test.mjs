import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { Poller, Socket, connect, createServer, pair, promises } from 'udsock';
import {
  GUARD, RUNTIME, closeDescriptor, closed, directory, echoServer, except, openDescriptors, program,
  script, text, using,
} from './support.mjs';

const at = directory();
const MIB = 1 << 20;

test('what is sent comes back, and the end with it', GUARD, async (t) => {
  const server = using(t, await echoServer(at('echo')));
  assert.equal(server.address(), at('echo'));
  assert.equal(server.listening, true);
  const client = connect(at('echo'));
  assert.equal(client.connecting, true);
  assert.equal(client.readyState, 'opening');
  client.write('before it is connected, ');
  await once(client, 'connect');
  assert.equal(client.connecting, false);
  assert.equal(client.readyState, 'open');
  client.end('and after');
  assert.equal(await text(client), 'before it is connected, and after');
  if (!client.closed) await closed(client);
  assert.equal(client.bytesWritten, 33);
  assert.equal(client.bytesRead, 33);
  assert.equal(client.readyState, 'closed');
  assert.ok(client instanceof Duplex);
});

test('a server removes its file, says when it is closed, and can listen again', GUARD, async () => {
  const server = createServer();
  for (let round = 0; round < 3; round++) {
    server.listen(at('again'));
    await once(server, 'listening');
    assert.ok(fs.statSync(at('again')).isSocket());
    server.close();
    await closed(server);
    assert.equal(fs.existsSync(at('again')), false);
    assert.equal(server.address(), null);
  }
  // Without waiting for the end of the first.
  const first = await promises.listen(at('again'));
  first.close();
  const second = createServer().listen(at('again'));
  await once(second, 'listening');
  assert.equal(second.address(), at('again'));
  await second[Symbol.asyncDispose]();
});

test('close waits for the connections', GUARD, async () => {
  const server = createServer().listen(at('waits'));
  await once(server, 'listening');
  const client = connect(at('waits'));
  const [peer] = await once(server, 'connection');
  let isClosed = false;
  server.close(() => {
    isClosed = true;
  });
  peer.end('the last words');
  assert.equal(await text(client), 'the last words');
  assert.equal(isClosed, false);
  if (!client.closed) client.end();
  await closed(server);
  assert.equal(isClosed, true);
});

test('many megabytes both ways at once', GUARD, async (t) => {
  // Neither side reads until it has written: nobody may wait for the other for ever.
  const answer = async (socket) => {
    await pipeline(Readable.from(blocks('server', 16)), socket, { end: false });
    socket.end();
    socket.resume();
  };
  const server = using(t, await promises.listen(at('both'), { allowHalfOpen: true }, answer));
  const client = connect(at('both'));
  const received = new Promise((resolve) => {
    let size = 0;
    client.on('data', (data) => (size += data.length)).on('end', () => resolve(size));
  });
  await pipeline(Readable.from(blocks('client', 16)), client, { end: false });
  client.end();
  assert.equal(await received, 16 * MIB);
  assert.equal(server.listening, true);

  function* blocks(name, count) {
    for (let i = 0; i < count; i++) yield Buffer.alloc(MIB, name);
  }
});

test('both ends echo and flood: a pair under back pressure loses nothing', GUARD, async () => {
  const [left, right] = pair();
  right.pipe(right);
  const sent = Buffer.alloc(24 * MIB);
  for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(i, i);
  left.end(sent);
  const chunks = [];
  for await (const chunk of left) {
    chunks.push(chunk);
    // A reader that is slower than the loop.
    if (chunks.length % 16 === 0) await new Promise(setImmediate);
  }
  assert.ok(Buffer.concat(chunks).equals(sent));
});

test('what waits for room goes on when nothing is read any more', GUARD, async () => {
  const [left, right] = pair({ highWaterMark: 1024 });
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
  let [size, written] = [0, undefined];
  for (let isFull = false; !isFull; size += 8192) {
    written = new Promise((resolve) => left.write(Buffer.alloc(8192), resolve));
    isFull = await Promise.race([written.then(() => false), pause().then(() => true)]);
  }
  // More than `left` takes unread, so that it leaves the loop's poller.
  right.write(Buffer.alloc(64 * 1024));
  await pause();
  right.resume();
  await written;
  left.destroy();
  await closed(right);
  assert.equal(right.bytesRead, size);
});

test('writing stops at the high-water mark, and goes on at drain', GUARD, async () => {
  const [left, right] = pair({ highWaterMark: 16 * 1024 });
  const block = Buffer.alloc(64 * 1024, 'x');
  let written = 0;
  while (left.write(block)) written += block.length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  while (left.writableLength === 0 && left.write(block)) written += block.length;
  assert.ok(left.writableNeedDrain);
  const drained = once(left, 'drain');
  right.resume();
  await drained;
  assert.equal(left.writableLength, 0);
  left.destroy();
  await closed(right);
  assert.ok(right.bytesRead >= written);
});

test('pause and resume', GUARD, async () => {
  const [left, right] = pair();
  right.pause();
  right.on('data', () => {});
  left.write(Buffer.alloc(4 * MIB));
  await new Promise((resolve) => setTimeout(resolve, 50));
  // What a paused stream holds is bounded by its mark and what comes at a time.
  assert.ok(right.bytesRead <= 256 * 1024, `${right.bytesRead}`);
  assert.ok(left.writableLength > 0);
  right.resume();
  left.end();
  await once(right, 'end');
  assert.equal(right.bytesRead, 4 * MIB);
});

test('pauseOnConnect leaves everything where it is', GUARD, async (t) => {
  const server = using(t, createServer({ pauseOnConnect: true }).listen(at('paused')));
  const client = connect(at('paused'));
  client.end('later');
  const [peer] = await once(server, 'connection');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(peer.bytesRead, 0);
  assert.equal(await text(peer), 'later');
  client.destroy();
  await closed(client);
});

test('allowHalfOpen', GUARD, async () => {
  const [left, right] = pair({ allowHalfOpen: true });
  left.end('question');
  assert.equal(await text(right), 'question');
  assert.equal(right.readyState, 'writeOnly');
  right.end('answer');
  assert.equal(await text(left), 'answer');

  const [open, other] = pair();
  other.end();
  open.resume();
  // The other side's end is one's own.
  await Promise.all([closed(open), (other.resume(), closed(other))]);
});

test('setTimeout tells of silence only', GUARD, async () => {
  const [left, right] = pair();
  let told = 0;
  left.setTimeout(60, () => told++);
  assert.equal(left.timeout, 60);
  left.resume();
  for (let i = 0; i < 6; i++) {
    right.write('.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await once(left, 'timeout');
  assert.equal(told, 1);
  left.setTimeout(0);
  left.destroy();
  right.destroy();
});

test('corked writes and many small ones arrive in order', GUARD, async () => {
  const [left, right] = pair();
  const numbers = Array.from({ length: 20_000 }, (_, i) => `${i}\n`);
  left.cork();
  for (const number of numbers.slice(0, 10_000)) left.write(number);
  left.uncork();
  for (const number of numbers.slice(10_000)) left.write(number);
  left.end();
  assert.equal(await text(right), numbers.join(''));
});

test('the callbacks of writes: after the data has gone, or with the error', GUARD, async () => {
  const [left, right] = pair();
  await new Promise((resolve) => left.write('x', resolve));
  right.destroy();
  await closed(right);
  const failed = new Promise((resolve) => left.write('y', resolve));
  const [error] = await once(left, 'error');
  assert.equal((await failed).code, 'EPIPE');
  assert.equal(error.code, 'EPIPE');
  assert.equal(error.syscall, 'write');

  const [full, idle] = pair();
  const pending = new Promise((resolve) => full.write(Buffer.alloc(4 * MIB), resolve));
  await new Promise(setImmediate);
  full.destroy();
  assert.equal((await pending).code, 'ECANCELED');
  idle.destroy();
});

test('a server drops what is beyond maxConnections', GUARD, async (t) => {
  const server = using(t, await echoServer(at('most')));
  server.maxConnections = 1;
  const first = await promises.connect(at('most'));
  const dropped = once(server, 'drop');
  const second = connect(at('most')).resume();
  await dropped;
  await closed(second);
  const count = await new Promise((resolve) => server.getConnections((_, n) => resolve(n)));
  assert.equal(count, 1);
  first.destroy();
});

test('who learns that it has connected has been accepted, in the same process', GUARD, async () => {
  let accepted = 0;
  const server = createServer((socket) => {
    accepted += 1;
    socket.end('hello');
  });
  server.listen(at('accepted'));
  const order = [];
  setImmediate(() => order.push('immediate'));
  const ends = await new Promise((resolve) => {
    const first = connect(at('accepted'), () => {
      order.push('connect');
      assert.equal(accepted, 1);
      // Also who connects from there; and the server may close then: nothing is reset.
      const second = connect(at('accepted'), () => {
        assert.equal(accepted, 2);
        server.close();
        resolve([first, second]);
      });
    });
  });
  assert.deepEqual(await Promise.all(ends.map(text)), ['hello', 'hello']);
  // (Where a thread watches what it tells has setImmediate's turns.)
  if (RUNTIME === 'node') assert.deepEqual(order, ['connect', 'immediate']);
  else assert.deepEqual(order.sort(), ['connect', 'immediate']);
});

/** Ways to be called by the loop, at each point of its round. */
const CALLS = {
  'the pool': (callback) => fs.stat('/', callback),
  'a socket': (callback) => {
    const [one, other] = pair();
    one.once('data', callback).once('data', () => one.destroy());
    other.on('error', () => {}).end('x');
  },
  'a timer': (callback) => setTimeout(callback, 1),
  'an immediate': (callback) => setImmediate(callback),
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`accepted before it learns that it has connected, called by ${name}`, GUARD, async () => {
    const order = [];
    const server = createServer((socket) => {
      order.push('connection');
      socket.on('error', () => {});
    });
    const address = at(`called by ${name}`);
    await once(server.listen(address), 'listening');
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => {
        call(() => {
          const client = connect(address, (...given) => {
            order.push('connect', ...given);
            client.on('close', resolve).destroy();
          });
        });
      });
    }
    assert.equal(order.join(), 'connection,connect,connection,connect,connection,connect');
    server.close();
    await closed(server);
  });
}

test('addresses and who is at the other end', GUARD, async (t) => {
  const server = using(t, createServer().listen(at('who')));
  const client = connect({ path: at('who'), localAddress: at('me') });
  const [[peer]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  assert.equal(client.remoteAddress, at('who'));
  assert.equal(client.localAddress, at('me'));
  assert.equal(peer.remoteAddress, at('me'));
  assert.deepEqual(client.address(), { address: at('me'), family: 'unix' });
  assert.equal(peer.remoteFamily, 'unix');
  assert.equal(peer.server, server);
  const myself = { pid: process.pid, uid: process.geteuid(), gid: process.getegid() };
  assert.deepEqual(peer.peerCredentials(), myself);
  assert.deepEqual(client.peerCredentials(), myself);
  const [, groups] = /^Groups:[ \t]*(.*)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'));
  assert.equal(peer.peerGroups().join(' '), groups.trim());
  const pidfd = peer.peerPidfd();
  assert.match(fs.readlinkSync(`/proc/self/fd/${pidfd}`), /pidfd/);
  closeDescriptor(pidfd);
  client.destroy();
  peer.resume();
  await Promise.all([closed(client), closed(peer)]);
  assert.equal(fs.existsSync(at('me')), false);
});

test('abstract names, and names that the kernel picks', GUARD, async (t) => {
  const name = `@udsock-node-${process.pid}\\0\\xff`;
  for (const address of [name, undefined]) {
    const server = using(t, createServer((socket) => socket.end('abstract')).listen(address));
    await once(server, 'listening');
    assert.match(server.address(), /^@./);
    assert.equal(await text(connect(server.address())), 'abstract');
  }
});

test('a name that is padded, and advice for who asks for another', GUARD, async (t) => {
  const name = `@udsock-node-padded-${process.pid}`;
  const server = using(t, createServer((socket) => socket.end('padded')).listen(`${name}\\z`));
  await once(server, 'listening');
  assert.equal(server.address(), `${name}\\z`);
  assert.equal(await text(connect(`${name}\\z`)), 'padded');
  const [error] = await once(connect(name), 'error');
  assert.equal(error.code, 'ECONNREFUSED');
  assert.ok(error.message.endsWith(`a socket named ${name}\\z is there: write that`), error.message);
});

const ONREAD = except({ bun: 'it has onread only for what it has opened itself' });

test('onread puts what comes into the program\'s own buffer', ONREAD, async (t) => {
  const server = using(t, createServer((socket) => socket.end('0123456789')).listen(at('onread')));
  await once(server, 'listening');
  const parts = [];
  const buffer = Buffer.alloc(4);
  const callback = (size, into) => {
    parts.push(into.toString('latin1', 0, size));
    return parts.length !== 2;
  };
  const client = connect({ path: at('onread'), onread: { buffer, callback } });
  while (parts.length < 2) await new Promise(setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(parts, ['0123', '4567']);
  client.resume();
  await closed(client);
  assert.deepEqual(parts, ['0123', '4567', '89']);
});

test('what a callback throws does not keep the others waiting', GUARD, async () => {
  const code = `
    const { pair } = require('udsock');
    console.log('ready');
    process.on('uncaughtException', (error) => console.log(error.message));
    for (let i = 0; i < 3; i++) {
      const [left, right] = pair();
      right.on('data', (data) => {
        console.log(i + ' ' + data);
        if (i === 0) throw new Error('thrown by the program');
      });
      left.resume().end('x');
    }`;
  const child = await program(...script(code));
  const { code: status, output } = await child.end();
  assert.equal(status, 0);
  const lines = output.trim().split('\n');
  assert.deepEqual(lines.sort(), ['0 x', '1 x', '2 x', 'thrown by the program']);
});

test('a reset is told after all that came before it', GUARD, async () => {
  const size = 150_000;
  const server = createServer({ receiveDescriptors: true, pauseOnConnect: true });
  server.listen(at('reset'));
  await once(server, 'listening');
  const client = connect(at('reset'));
  const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  client.pause();
  // More than the client reads ahead: it leaves something unread.
  const write = (socket) => new Promise((resolve) => socket.write(Buffer.alloc(size), resolve));
  await Promise.all([client, accepted].map(write));
  client.destroy();
  await once(client, 'close');
  let [received, code] = [0];
  accepted.on('data', (data) => (received += data.length)).resume();
  accepted.on('error', (error) => ({ code } = error));
  await new Promise((resolve) => accepted.once('close', resolve));
  // Bun closes its sockets without a word then.
  assert.deepEqual([received, code], [size, RUNTIME === 'bun' ? undefined : 'ECONNRESET']);
  await server[Symbol.asyncDispose]();
});

test('what a listener of connect throws is no failure of the socket', GUARD, async () => {
  const code = `
    const { connect, createServer } = require('udsock');
    console.log('ready');
    process.on('uncaughtException', (error) => console.log(error.message));
    const server = createServer((socket) => socket.pipe(socket)).listen(process.argv[1], () => {
      const client = connect(process.argv[1], () => {
        client.on('error', (error) => console.log('not ' + error.message));
        client.on('data', (data) => console.log(data.toString())).on('end', () => server.close());
        client.end('sent');
        throw new Error('thrown by the program');
      });
    });`;
  const child = await program(...script(code, [at('throws')]));
  const output = 'thrown by the program\nsent\n';
  assert.deepEqual(await child.end(), { code: 0, signal: null, output });
});

test('many clients in one turn after the other do not keep a server waiting', GUARD, async (t) => {
  let [connected, accepted] = [0, 0];
  const server = createServer((socket) => {
    accepted += 1;
    socket.on('error', () => {}).destroy();
  });
  using(t, await once(server.listen(at('turns')), 'listening').then(() => server));
  await new Promise((resolve, reject) => {
    const next = () => {
      if (accepted >= 10) return resolve();
      if (connected++ > 4_000) return reject(new Error(`${accepted} accepted`));
      const client = connect(at('turns'), () => {
        client.on('error', () => {}).destroy();
        next();
      });
    };
    next();
  });
});

test('a descriptor is adopted, and given away', GUARD, async () => {
  const [left, right] = pair();
  const fd = left.release();
  await closed(left);
  const adopted = new Socket({ fd });
  adopted.end('through another socket');
  assert.equal(await text(right), 'through another socket');
  await closed(adopted.resume());
  assert.throws(() => adopted.release(), { code: 'ENOTCONN' });

  // To node:net, and a listening one from elsewhere.
  const [ours, theirs] = pair();
  const fds = { fd: theirs.release() };
  // (Bun's constructor leaves a descriptor alone.)
  const socket = RUNTIME === 'bun' ? new net.Socket().connect(fds) : new net.Socket(fds);
  socket.end('from net');
  assert.equal(await text(ours), 'from net');
});

test('unref lets the program end, ref does not', GUARD, async () => {
  const code = `
    const { createServer, connect } = require('udsock');
    const server = createServer((socket) => socket.unref()).listen(process.argv[1], () => {
      connect(process.argv[1], function () {
        this.unref();
        console.log('ready');
        server.unref();
      });
    });
    process.on('exit', () => console.log('ended by itself'));`;
  const child = await program(...script(code, [at('unref')]));
  assert.deepEqual(await child.end(), { code: 0, signal: null, output: 'ended by itself\n' });
  assert.equal(fs.existsSync(at('unref')), false);
});

const CONTEXT = except({ deno: "its streams' 'data' has no asynchronous context, nor has net's" });

test('callbacks run in the asynchronous context of their socket', CONTEXT, async (t) => {
  const storage = new AsyncLocalStorage();
  const server = using(t, createServer((socket) => socket.pipe(socket)).listen(at('context')));
  await once(server, 'listening');
  const seen = new Map();
  const clients = ['one', 'two'].map((name) =>
    storage.run(name, () => {
      const see = (event) => () => seen.set(`${name} ${event}`, storage.getStore());
      const client = connect(at('context'), see('connect'));
      client.write('x', see('written'));
      client.once('data', see('data')).once('data', () => client.end()).once('close', see('close'));
      return client;
    }),
  );
  await Promise.all(clients.map(closed));
  await new Promise(setImmediate);
  for (const name of ['one', 'two']) {
    for (const event of ['connect', 'written', 'data', 'close']) {
      assert.equal(seen.get(`${name} ${event}`), name, event);
    }
  }
});

test('and those of a server and of a poller in theirs, whoever connects', GUARD, async (t) => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const see = (connection) => {
    seen.push(storage.getStore());
    connection?.on('error', () => {}).destroy();
  };
  const servers = ['stream', 'seqpacket'].map((type) =>
    storage.run(type, () => createServer({ type }, see).listen(at(`context of ${type}`))),
  );
  const poller = new Poller();
  const server = await poller.listen(at('context of a poller'));
  storage.run('a poller', () => poller.start(() => see()));
  t.after(() => {
    poller.close();
    poller.closeSocket(server);
  });
  for (const name of ['stream', 'seqpacket', 'a poller']) {
    seen.length = 0;
    const type = name === 'seqpacket' ? name : 'stream';
    const client = storage.run('a client', () => connect({ path: at(`context of ${name}`), type }));
    client.on('error', () => {}).resume();
    await once(client, 'connect');
    while (seen.length === 0) await new Promise(setImmediate);
    assert.equal(seen[0], name);
    client.destroy();
  }
  for (const one of servers) await one[Symbol.asyncDispose]();
});

test('nothing is left open', GUARD, async () => {
  await new Promise(setImmediate);
  const before = openDescriptors();
  const server = await echoServer(at('left'));
  const client = connect(server.address());
  client.end('x');
  await text(client);
  await server[Symbol.asyncDispose]();
  assert.equal(openDescriptors(), before);
});
