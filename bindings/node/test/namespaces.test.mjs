import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { connect, createSocket } from 'udsock';
import { GUARD, directory, except, script } from './support.mjs';

const at = directory();
const root = new URL('..', import.meta.url);

/** Runs this where processes have other numbers: its lines. `undefined`: that can't be. */
async function elsewhere(t, program, ...args) {
  const [runtime, given] = script(program, args, { module: true });
  const command = ['--pid', '--fork', '--kill-child', runtime, ...given];
  const child = spawn('unshare', command, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  child.on('error', () => {});
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  if (value === 'ready') return async () => JSON.parse((await lines.next()).value);
  t.skip('unshare(1) makes no PID namespace here');
}

const me = { pid: 0, uid: process.geteuid(), gid: process.getegid() };

test('a client of another PID namespace comes with its user', GUARD, async (t) => {
  const server = `
    import { createServer } from 'udsock';
    const options = { type: 'seqpacket', receiveCredentials: true };
    const server = createServer(options, (peer) => {
      peer.on('message', ({ credentials }) => {
        console.log(JSON.stringify([credentials, peer.peerCredentials()]));
        peer.destroy();
        server.close();
      });
    });
    server.listen(process.argv[1], () => console.log('ready'));`;
  const next = await elsewhere(t, server, at('server'));
  if (!next) return;
  const client = connect({ path: at('server'), type: 'seqpacket' });
  await client.send('hello');
  assert.deepEqual(await next(), [me, me]);
  client.destroy();
});

test('and so does a datagram', GUARD, async (t) => {
  const receiver = `
    import { createSocket } from 'udsock';
    const socket = createSocket({ type: 'dgram', receiveCredentials: true });
    socket.on('message', (message, { credentials }) => {
      console.log(JSON.stringify(credentials));
      socket.close();
    });
    socket.bind(process.argv[1], () => console.log('ready'));`;
  const next = await elsewhere(t, receiver, at('receiver'));
  if (!next) return;
  const sender = createSocket('dgram');
  sender.send('hello', at('receiver'));
  assert.deepEqual(await next(), me);
  sender.close();
  await once(sender, 'close');
});

// (They need /proc themselves.)
const PROC = except({ bun: 'it ends without /proc', deno: 'it does not start without /proc' });

test('retry ends where a long path can\'t be reached', PROC, (t) => {
  const path = at(`${'d'.repeat(110)}/s`);
  fs.mkdirSync(at('d'.repeat(110)));
  fs.writeFileSync(path, '');
  const program = `
    const { promises } = require('udsock');
    const connecting = promises.connect(process.argv[1], { retry: true });
    connecting.catch((error) => console.log(error.message));`;
  const withoutProc = 'mount -t tmpfs none /proc && echo ready && exec "$@"';
  const command = ['--mount', 'sh', '-c', withoutProc, 'sh', ...script(program, [path]).flat()];
  const options = { cwd: root, encoding: 'utf8', timeout: 30_000 };
  const { stdout, stderr } = spawnSync('unshare', command, options);
  if (!stdout?.startsWith('ready\n')) return t.skip('unshare(1) makes no mount namespace here');
  assert.match(stdout, /connect ENOENT .*: go by .* in \/proc/, stderr);
});
