import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { connect, createSocket } from 'udsock';
import { GUARD, directory, script } from './support.mjs';

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
