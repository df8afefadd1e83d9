import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { Socket, createServer, createSocket, pair, promises } from 'udsock';
import {
  GUARD, RUNTIME, closeDescriptor, closed, directory, openDescriptors, text, using,
} from './support.mjs';

const at = directory();
fs.writeFileSync(at('file'), 'what is in the file');

const contents = (fd) => {
  const data = fs.readFileSync(RUNTIME === 'deno' ? `/proc/self/fd/${fd}` : fd, 'utf8');
  closeDescriptor(fd);
  return data;
};

/** One that may be consumed: Deno must not know of it. */
async function open(file) {
  const fd = fs.openSync(file);
  if (RUNTIME !== 'deno') return fd;
  const [left, right] = pair({ type: 'seqpacket', receiveDescriptors: true });
  await left.send('', { fds: [fd] });
  fs.closeSync(fd);
  const [{ fds }] = await once(right, 'data');
  left.destroy();
  right.destroy();
  return fds[0];
}

test('over a stream, in order with its data', GUARD, async () => {
  const [left, right] = pair({ receiveDescriptors: true });
  const file = await fs.promises.open(at('file'));
  const events = [];
  right.on('descriptors', (fds) => events.push(...fds.map(contents)));
  right.on('data', (data) => events.push(data.toString()));
  left.write('before ');
  left.sendDescriptors([file, fs.openSync('/dev/null')], 'with');
  left.end('after');
  await once(right, 'end');
  await file.close();
  // The kernel may put what came before them into the same chunk.
  assert.equal(events.join('').replace('what is in the file', ''), 'before withafter');
  assert.throws(() => left.sendDescriptors([0], ''), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => left.sendDescriptors(['x'], 'x'), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('a socket is passed, and taken up at the other end', GUARD, async (t) => {
  const server = await promises.listen(at('pass'), { receiveDescriptors: true }, (peer) => {
    peer.once('descriptors', ([fd]) => new Socket({ fd }).end('from the other process'));
    peer.resume();
  });
  using(t, server);
  const client = await promises.connect(at('pass'));
  const [near, far] = pair();
  const fd = far.release();
  client.sendDescriptors([fd], '.', () => closeDescriptor(fd));
  assert.equal(await text(near), 'from the other process');
  client.destroy();
});

test('over seqpacket, with their message', GUARD, async () => {
  const [left, right] = pair({ type: 'seqpacket', receiveDescriptors: true });
  const fd = fs.openSync(at('file'));
  await left.send('first');
  await left.send('second', { fds: [fd] });
  await left.send('', { fds: [fd, fd] });
  left.end();
  const got = [];
  for await (const message of right) got.push([message.toString(), message.fds?.map(contents)]);
  fs.closeSync(fd);
  const all = 'what is in the file';
  assert.deepEqual(got.slice(0, 2), [['first', undefined], ['second', [all]]]);
  // All share one offset, which is at the end by now.
  // (But not where the file is opened again.)
  if (RUNTIME !== 'deno') assert.deepEqual(got[2], ['', ['', '']]);
});

test('over datagrams', GUARD, async (t) => {
  const server = using(t, createSocket({ type: 'dgram', receiveDescriptors: true }));
  server.bind(at('datagrams'));
  await once(server, 'listening');
  const client = using(t, createSocket('dgram'));
  const fd = fs.openSync(at('file'));
  client.send('here', { address: at('datagrams'), fds: [fd] }, () => fs.closeSync(fd));
  const [message, { fds }] = await once(server, 'message');
  assert.equal(message.toString(), 'here');
  assert.equal(contents(fds[0]), 'what is in the file');
});

test('who did not ask gets none; who does not take them leaks none', GUARD, async () => {
  const before = openDescriptors();
  const fd = fs.openSync(at('file'));
  {
    const [left, right] = pair();
    right.on('data', () => {});
    const error = await new Promise((resolve) => {
      left.on('error', () => {});
      left.sendDescriptors([fd], 'x', resolve);
    });
    // Linux 6.16 tells the sender; older ones drop them.
    if (error) assert.equal(error.code, 'EPERM');
    left.destroy();
    right.destroy();
    await Promise.all([closed(left), closed(right)]);
  }
  {
    const [left, right] = pair({ receiveDescriptors: true });
    for (let i = 0; i < 10; i++) left.sendDescriptors([fd, fd], `${i}`);
    left.end();
    assert.equal(await text(right), '0123456789');
    await Promise.all([closed(left.resume()), closed(right)]);
  }
  {
    const [left, right] = pair({ type: 'seqpacket', receiveDescriptors: true });
    for (let i = 0; i < 10; i++) await left.send(`${i}`, { fds: [fd] });
    await once(right, 'readable');
    right.destroy();
    left.destroy();
    await Promise.all([closed(left), closed(right)]);
  }
  fs.closeSync(fd);
  assert.equal(openDescriptors(), before);
});

test('a descriptor may be closed as soon as the call returns', GUARD, async (t) => {
  for (const type of ['stream', 'seqpacket']) {
    const [left, right] = pair({ type, receiveDescriptors: true });
    const got = [];
    right.on('descriptors', (fds) => got.push(...fds.map(contents)));
    right.on('data', (data) => got.push(...(data.fds ?? []).map(contents)));
    // There is no room, so all of these wait.
    right.pause();
    while (left.writableLength === 0) left.write(Buffer.alloc(32 * 1024));
    for (let i = 0; i < 3; i++) {
      const fd = fs.openSync(at('file'));
      if (type === 'stream') left.sendDescriptors([fd], 'x');
      else left.send('x', { fds: [fd] });
      fs.closeSync(fd);
      // Another file gets the number, which must not be sent in its place.
      const other = fs.openSync('/dev/null');
      t.after(() => fs.closeSync(other));
    }
    left.end();
    right.resume();
    await closed(right);
    assert.deepEqual(got, Array(3).fill('what is in the file'));
  }
  const server = using(t, createSocket({ type: 'dgram', receiveDescriptors: true }));
  server.bind(at('early'));
  const client = using(t, createSocket('dgram'));
  let answers = 0;
  server.on('message', (_, { fds }) => {
    assert.equal(contents(fds[0]), 'what is in the file');
    answers += 1;
  });
  const COUNT = 600;
  for (let i = 0; i < COUNT; i++) {
    const fd = fs.openSync(at('file'));
    client.send('x', { address: at('early'), fds: [fd] });
    fs.closeSync(fd);
  }
  assert.ok(client.getSendQueueCount() > 0);
  while (answers < COUNT) await once(server, 'message');
});

test('consumed: the sender\'s own is closed when it has gone, or never will', GUARD, async () => {
  const before = openDescriptors();
  for (const type of ['stream', 'seqpacket']) {
    const [left, right] = pair({ type, receiveDescriptors: true });
    const fds = [await open(at('file')), await open(at('file'))];
    const options = { fds, consume: true };
    await new Promise((resolve, reject) => {
      const done = (error) => (error ? reject(error) : resolve());
      if (type === 'stream') left.write('x', options, done);
      else left.send('x', options).then(resolve, reject);
    });
    const [data] = await once(right, 'data');
    for (const fd of data.fds ?? right.takeFds()) assert.equal(contents(fd), 'what is in the file');
    for (const fd of fds) assert.equal(fs.existsSync(`/proc/self/fd/${fd}`), false);
    // One that has no room, and never will have any.
    right.pause();
    while (left.writableLength === 0) left.write(Buffer.alloc(32 * 1024));
    const waiting = { fds: [await open(at('file'))], consume: true };
    if (type === 'stream') left.write('x', waiting);
    else left.send('x', waiting).catch(() => {});
    left.on('error', () => {}).destroy();
    right.on('error', () => {}).destroy();
    await Promise.all([closed(left), closed(right)]);
  }
  await new Promise(setImmediate);
  assert.equal(openDescriptors(), before);
});

test('a peer can\'t fill the table of who takes no descriptors', GUARD, async () => {
  const before = openDescriptors();
  const [left, right] = pair({ receiveDescriptors: true });
  right.resume();
  const fds = Array(200).fill(fs.openSync(at('file')));
  for (let i = 0; i < 10; i++) await new Promise((resolve) => left.write('x', { fds }, resolve));
  while (right.bytesRead < 10) await new Promise(setImmediate);
  assert.ok(openDescriptors() < before + 1_100, `${openDescriptors()}`);
  assert.equal(right.takeFds(3).map(closeDescriptor).length, 3);
  fs.closeSync(fds[0]);
  left.destroy();
  right.destroy();
  await Promise.all([closed(left), closed(right)]);
  assert.ok(openDescriptors() <= before, `${openDescriptors()} ${before}`);
});

test('at their place among the bytes, however slowly these are read', GUARD, async () => {
  const [left, right] = pair({ receiveDescriptors: true });
  const descriptors = [await open(at('file')), await open('/dev/null')];
  left.write('0123456789');
  left.write('A', { fds: [descriptors[0]], consume: true });
  left.write('bcdefghi');
  left.write('BC', { fds: [descriptors[1]], consume: true });
  left.end('the end');
  await once(right, 'readable');
  await new Promise((resolve) => setTimeout(resolve, 20));
  let position = 0;
  const places = [];
  for (let byte; (byte = right.read(1)) !== null || !right.readableEnded; ) {
    if (byte === null) {
      await Promise.race([once(right, 'readable'), once(right, 'end')]);
      continue;
    }
    position += 1;
    for (const fd of right.takeFds()) {
      places.push(position);
      closeDescriptor(fd);
    }
  }
  assert.equal(position, 28);
  // With the first byte that was sent with them, or with one before that came in the same chunk.
  const [first, second] = places;
  assert.ok(first >= 1 && first <= 11, `${places}`);
  assert.ok(second > first && second <= 20, `${places}`);
});

test('to a peer that has ended, after destroy(), and when connected again', GUARD, async (t) => {
  const told = (socket, fd) =>
    new Promise((resolve) => {
      socket.write('x', { fds: [fd], consume: true }, (error) => resolve(error?.code ?? 'sent'));
    });
  const [first, second, ...others] = await Promise.all(Array(5).fill('/dev/null').map(open));
  const [left, right] = pair();
  left.on('error', () => {});
  right.end();
  left.resume();
  const atEnd = new Promise((resolve, reject) => {
    left.on('end', () => {
      try {
        resolve(told(left, first));
      } catch (error) {
        reject(error);
      }
    });
  });
  assert.match(await atEnd, /^(sent|EPIPE|ERR_STREAM_WRITE_AFTER_END|ERR_STREAM_DESTROYED)$/);
  left.destroy();
  assert.match(await told(left, second), /^(EPIPE|ERR_STREAM_WRITE_AFTER_END|ERR_STREAM_DESTROYED)$/);
  const received = [];
  const server = createServer({ receiveDescriptors: true }, (socket) => {
    socket.on('descriptors', (fds) => received.push(...fds) && socket.end()).resume();
  });
  using(t, server).listen(at('ended'));
  const client = new Socket().on('error', () => {}).resume();
  const before = openDescriptors();
  for (const [round, fd] of others.entries()) {
    client.connect(at('ended'));
    assert.equal(await told(client, fd), 'sent');
    await once(client, 'close');
    assert.equal(received.length, round + 1);
  }
  received.forEach(closeDescriptor);
  assert.ok(openDescriptors() <= before);
});

test('a descriptor of another kind is not taken', GUARD, async () => {
  const [left, right] = pair({ type: 'seqpacket' });
  const fd = left.release();
  assert.throws(() => new Socket({ fd }), { code: 'ERR_INVALID_FD_TYPE' });
  closeDescriptor(fd);
  right.destroy();
  assert.throws(() => new Socket({ fd: 999 }), { code: 'EBADF' });
  assert.throws(() => new Socket({ fd: -1 }), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(() => new Socket({ fd: 'x' }), { code: 'ERR_INVALID_ARG_TYPE' });
  const file = fs.openSync(at('file'));
  assert.throws(() => new Socket({ fd: file }), { code: 'ENOTSOCK' });
  fs.closeSync(file);
});
