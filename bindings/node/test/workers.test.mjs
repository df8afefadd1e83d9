import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { connect, pair } from 'udsock';
import { GUARD, directory, openDescriptors, text } from './support.mjs';

const at = directory();

/** A worker that runs this code, with `udsock`, `data` and `port`. */
function worker(data, code) {
  const source = `
    const udsock = require('udsock');
    const { parentPort: port, workerData: data } = require('node:worker_threads');
    (async () => { ${code} })();`;
  return new Worker(source, { eval: true, workerData: data });
}

const SERVE = `
  const server = await udsock.promises.listen(data, (socket) => socket.pipe(socket));
  port.postMessage('listening');
  port.once('message', (how) => {
    if (how === 'exit') process.exit();
    server.close();
    port.close();
  });`;

test('each worker has a poller of its own', GUARD, async () => {
  const workers = Array.from({ length: 3 }, (_, i) => worker(at(`worker${i}`), SERVE));
  await Promise.all(workers.map((thread) => once(thread, 'message')));
  const answers = Array.from({ length: 60 }, async (_, i) => {
    const client = connect(at(`worker${i % 3}`));
    client.end(`to ${i}`);
    assert.equal(await text(client), `to ${i}`);
  });
  await Promise.all(answers);
  for (const thread of workers) {
    thread.postMessage('close');
    assert.deepEqual(await once(thread, 'exit'), [0]);
  }
  for (let i = 0; i < 3; i++) assert.equal(fs.existsSync(at(`worker${i}`)), false);
});

test('a worker that ends takes its sockets with it', GUARD, async () => {
  const before = openDescriptors();
  const thread = worker(at('exits'), SERVE);
  await once(thread, 'message');
  const client = connect(at('exits'));
  client.write('x');
  await once(client, 'data');
  thread.postMessage('exit');
  await Promise.all([once(thread, 'exit'), once(client, 'close')]);
  assert.equal(fs.existsSync(at('exits')), false);
  await new Promise(setImmediate);
  assert.ok(openDescriptors() <= before + 2, `${openDescriptors()} ${before}`);
});

test('a handle of another thread: a clear error', GUARD, async () => {
  const [left, right] = pair({ type: 'seqpacket' });
  const code = `
    const poller = new udsock.Poller();
    const result = [];
    try { poller.add(data); } catch (error) { result.push(error.code); }
    try { poller.remove(data); } catch (error) { result.push(error.code); }
    poller.send(data, 'x');
    poller.flush();
    poller.close();
    port.postMessage(result);`;
  const [busy] = await once(worker(left.handle, code), 'message');
  assert.deepEqual(busy, ['EBUSY', 'ENOENT']);
  const { handle } = left;
  left.destroy();
  right.destroy();
  const [gone] = await once(worker(handle, code), 'message');
  assert.deepEqual(gone, ['EBADF', 'EBADF']);
});

test('a connection moves to another thread as a descriptor', GUARD, async () => {
  const [left, right] = pair();
  const code = `
    const socket = new udsock.Socket({ fd: data });
    socket.on('data', (question) => socket.end('worker: ' + question));`;
  const thread = worker(right.release(), code);
  left.write('hello');
  assert.equal(await text(left), 'worker: hello');
  left.destroy();
  assert.deepEqual(await once(thread, 'exit'), [0]);
});

test('a worker that is terminated while its sockets are idle', GUARD, async () => {
  const thread = worker(at('terminated'), SERVE);
  await once(thread, 'message');
  await thread.terminate();
  assert.equal(fs.existsSync(at('terminated')), false);
});
