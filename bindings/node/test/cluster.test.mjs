// What the README says of node:cluster: a server's clients are served by workers.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { test } from 'node:test';
import { GUARD, RUNTIME, directory, program } from './support.mjs';

const at = directory();
const UDSOCK = JSON.stringify(createRequire(import.meta.url).resolve('udsock'));

const WAYS = {
  'the primary sends connections': {
    primary: `
      const server = createServer({ pauseOnConnect: true }).listen(process.argv[2], start);
      let next = 0;
      server.on('connection', (socket) => workers[next++ % 2].send('connection', socket));`,
    worker: `
      process.on('message', (_, socket) => socket.on('error', () => {}).end(String(process.pid)));`,
  },
  'the workers have the descriptor': {
    primary: `
      const server = createServer().listen(process.argv[2], () => {
        cluster.setupPrimary({ stdio: [0, 1, 2, 'ipc', server.release()] });
        start();
      });`,
    worker: `
      createServer((socket) => socket.on('error', () => {}).end(String(process.pid)))
        .listen({ fd: 4 });`,
  },
};

for (const [name, { primary, worker }] of Object.entries(WAYS)) {
  test(`a cluster: ${name}`, GUARD, async (t) => {
    const [file, workerFile] = [at('primary.cjs'), at('worker.cjs')];
    fs.writeFileSync(file, `
      const cluster = require('node:cluster');
      const { once } = require('node:events');
      const { createServer } = require(${UDSOCK});
      const workers = [];
      async function start() {
        cluster.setupPrimary({ exec: ${JSON.stringify(workerFile)} });
        workers.push(cluster.fork(), cluster.fork());
        await Promise.all(workers.map((one) => once(one, 'message')));
        console.log('ready');
      }
      process.stdin.on('end', () => {
        for (const one of workers) one.kill();
        process.exit();
      }).resume();
      ${primary}`);
    fs.writeFileSync(workerFile, `
      const { createServer } = require(${UDSOCK});
      ${worker}
      process.send('up');`);
    const run = RUNTIME === 'deno' ? ['run', '--allow-all'] : [];
    const { child, end } = await program(process.execPath, [...run, file, at(name)]);
    t.after(() => child.kill());
    const answers = new Set();
    for (let i = 0; i < 200 && answers.size < 2; i++) {
      const [answer] = await once(net.connect(at(name)), 'data');
      answers.add(String(answer));
    }
    assert.equal(answers.size, 2);
    child.stdin.end();
    assert.equal((await end()).code, 0);
  });
}
