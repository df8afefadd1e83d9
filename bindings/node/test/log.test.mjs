// What the library does by itself comes to the channel udsock:log.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fs from 'node:fs';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { connect, createServer, promises } from 'udsock';
import { GUARD, closed, directory, script } from './support.mjs';

const at = directory();

/** Gathers what is told of a path until there is so much. */
function told(t, path, count) {
  const records = [];
  // To be told keeps no process alive.
  const wait = setInterval(() => {}, 1000);
  t.after(() => clearInterval(wait));
  return {
    records,
    all: new Promise((resolve) => {
      const hear = (record) => {
        if (record.path === path) records.push(record);
        if (records.length >= count) resolve(records);
      };
      subscribe('udsock:log', hear);
      t.after(() => unsubscribe('udsock:log', hear));
    }),
  };
}

/** Leaves the file of a server that has gone. */
function leave(path) {
  const code = 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])';
  execFileSync('python3', ['-c', code, path]);
}

test('a file that was reclaimed, and a client that was refused', GUARD, async (t) => {
  const path = at('server');
  const { all } = told(t, path, 2);
  leave(path);
  const server = createServer();
  await new Promise((resolve) => server.listen(path, resolve));
  await server.allow({ users: [process.getuid() + 1] });
  const client = connect(path);
  client.on('error', () => {});
  client.resume();
  const [reclaimed, { handle, ...refused }] = await all;
  assert.deepEqual(reclaimed, {
    level: 'info',
    event: 'reclaimed',
    code: undefined,
    handle: reclaimed.handle,
    pid: undefined,
    uid: undefined,
    path,
    text: `${path}: removed the file of a server that has gone`,
  });
  assert.ok(handle >= 2 ** 32);
  assert.deepEqual(refused, {
    level: 'info',
    event: 'refused',
    code: 'EACCES',
    pid: process.pid,
    uid: process.getuid(),
    path,
    text: `${path}: refused a client (pid ${process.pid}, uid ${process.getuid()}): no rule lets it in`,
  });
  client.destroy();
  server.close();
  await closed(client);
});

test('a call that failed, in the words of its error', GUARD, async (t) => {
  const path = at('nobody');
  const { all } = told(t, path, 1);
  await assert.rejects(promises.connect(path), { code: 'ENOENT' });
  const [failed] = await all;
  assert.equal(failed.level, 'debug');
  assert.equal(failed.event, 'call-failed');
  assert.equal(failed.code, 'ENOENT');
});

test('in every thread, also what happened in another', GUARD, async (t) => {
  const path = at('worker');
  const { all } = told(t, path, 1);
  const worker = new Worker(
    `
    const { parentPort, workerData: path } = require('node:worker_threads');
    const { subscribe } = require('node:diagnostics_channel');
    const { promises } = require('udsock');
    subscribe('udsock:log', (record) => record.path === path && parentPort.postMessage(record));
    promises.connect(path).catch(() => {});
    setInterval(() => {}, 1000); // To be told keeps no thread alive.
    `,
    { eval: true, workerData: path },
  );
  const there = await new Promise((resolve) => worker.once('message', resolve));
  const [here] = await all;
  assert.deepEqual(here, there);
  await worker.terminate();
  const again = told(t, at('later'), 1);
  await assert.rejects(promises.connect(at('later')));
  await again.all;
});

test('what happens last is told at the exit, and nothing keeps a process alive', GUARD, () => {
  const path = at('last');
  leave(path);
  const program = `
    const { subscribe } = require('node:diagnostics_channel');
    const { createServer } = require('udsock');
    subscribe('udsock:log', ({ event, path }) => console.log(event, path));
    createServer().listen(${JSON.stringify(path)}, () => process.exit());
  `;
  const said = execFileSync(...script(program), { encoding: 'utf8' });
  assert.equal(said, `reclaimed ${path}\n`);
  assert.equal(fs.existsSync(path), false);
  const quiet = execFileSync(...script("require('udsock')"), { encoding: 'utf8' });
  assert.equal(quiet, '');
});

test('a thread that does not come to hear keeps no more than so much', GUARD, async (t) => {
  const path = at('many');
  const { records, all } = told(t, path, 1000);
  const missed = new Promise((resolve) => {
    const hear = (record) => record.event === 'not-noted' && resolve(record);
    subscribe('udsock:log', hear);
    t.after(() => unsubscribe('udsock:log', hear));
  });
  const { createRequire } = await import('node:module');
  const { calls } = createRequire(import.meta.url)('../lib/library.js');
  for (let i = 0; i < 1500; i++) assert.ok(calls.open_client(1, path, null, null) < 0);
  await all;
  assert.equal((await missed).level, 'warning');
  assert.equal(records.length, 1000);
});
