import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { connect, pair } from 'udsock';
import { GUARD, RUNTIME, directory, openDescriptors, program, script, text } from './support.mjs';

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
    if (port.close) port.close();
    else port.unref();
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
  // (Deno keeps some of its own, and the number of the connection's.)
  const most = before + (RUNTIME === 'deno' ? 8 : 2);
  assert.ok(openDescriptors() <= most, `${openDescriptors()} ${before}`);
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
  const ended = once(thread, 'exit');
  left.write('hello');
  assert.equal(await text(left), 'worker: hello');
  left.destroy();
  assert.deepEqual(await ended, [0]);
});

/** Sockets of every kind, which answer. */
const SERVE_ALL = `
  const { Poller, promises } = require('udsock');
  const { parentPort: port, workerData: at } = require('node:worker_threads');
  (async () => {
    await promises.listen(at + '/stream', (socket) => socket.on('error', () => {}).pipe(socket));
    await promises.listen(at + '/seqpacket', { type: 'seqpacket' }, (connection) => {
      connection.on('error', () => {}).on('message', (message) => connection.write(message));
    });
    const datagrams = await promises.bind(at + '/dgram');
    datagrams.on('message', (message, { address }) => datagrams.send(message, address, () => {}));
    const poller = new Poller();
    await poller.listen(at + '/poller');
    poller.start((batch) => {
      for (let i = 0; i < batch.length; i++) {
        if (batch.kind(i) === Poller.RECEIVED) poller.forward(batch, i);
      }
    });
    port.postMessage('ready');
  })();`;

/** Serves in a worker, and ends it in this way; with clients who never stop, if there is traffic. */
const END_WORKER = `
  import { once } from 'node:events';
  import fs from 'node:fs';
  import { Worker } from 'node:worker_threads';
  import { connect, createSocket } from 'udsock';
  const [at, traffic, how] = process.argv.slice(1);
  const options = { eval: true, workerData: at, execArgv: [] };
  const worker = new Worker(${JSON.stringify(SERVE_ALL)}, options);
  await once(worker, 'message');
  console.log('ready');
  const clients = [];
  if (traffic === 'traffic') {
    for (const [name, type] of [['stream'], ['poller'], ['seqpacket', 'seqpacket']]) {
      const client = connect({ path: at + '/' + name, type }).on('error', () => {});
      client.on('data', (data) => client.destroyed || client.write(data));
      for (let i = 0; i < 5; i++) client.write('back and forth');
      clients.push(client);
    }
    const sender = createSocket('dgram', (message, { address }) => {
      sender.send(message, address, () => {});
    });
    sender.send('back and forth', at + '/dgram', () => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    clients.push({ destroy: () => sender.close() });
  }
  if (how === 'exit') process.exit(0);
  await worker.terminate();
  // (Deno's goes on in its thread for a moment.)
  for (let i = 0; i < 500 && globalThis.Deno && fs.readdirSync(at).length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (const client of clients) client.destroy();
  console.log(fs.readdirSync(at).join());`;

for (const traffic of ['idle', 'traffic']) {
  for (const how of ['terminate', 'exit']) {
    test(`a worker with sockets is ended: ${traffic}, ${how}`, GUARD, async () => {
      for (let round = 0; round < 3; round++) {
        const name = `${traffic}-${how}-${round}`;
        fs.mkdirSync(at(name));
        const [command, args] = script(END_WORKER, [at(name), traffic, how], { module: true });
        const child = await program(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
        const { code, signal, output } = await child.end();
        // What it had open is closed, and the files are gone.
        const said = how === 'exit' ? '' : '\n';
        assert.deepEqual({ code, signal, output }, { code: 0, signal: null, output: said });
        assert.deepEqual(fs.readdirSync(at(name)), []);
      }
    });
  }
}
