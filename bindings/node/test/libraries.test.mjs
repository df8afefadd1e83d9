// The programs of docs/node-with-your-library.md, as they stand there: the servers among rude
// clients, and each client with its server. (cargo test --test bindings_node installs what they
// import; in a checkout `npm ci` in test/libraries does.)
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect, promises } from 'udsock';
import http from 'udsock/http';
import { comeAndGo } from './rude.mjs';
import { directory, pause } from './support.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const { UDSOCK_CHECKOUT, UDSOCK_LIBRARIES } = process.env;
const page = path.join(UDSOCK_CHECKOUT ?? path.join(here, '../../..'), 'docs/node-with-your-library.md');
const installed = UDSOCK_LIBRARIES ?? path.join(here, 'libraries/node_modules');

function missing() {
  if (!fs.existsSync(page)) return 'not in a checkout, which alone has docs/';
  if (!fs.existsSync(installed)) return 'the libraries are not installed';
  return false;
}
// (Each server is asked by programs that take a while to load.)
const options = { timeout: 300_000, skip: missing() };

const at = directory();
const programs = new Map();
if (!options.skip) {
  const text = fs.readFileSync(page, 'utf8');
  for (const [, name, code] of text.matchAll(/```js\n\/\/ (\w+)\.mjs\n(.*?)```/gs)) {
    programs.set(name, code);
    fs.writeFileSync(at(`${name}.mjs`), code);
  }
  fs.copyFileSync(path.join(here, 'tls.pem'), at('server.pem'));
  fs.mkdirSync(at('node_modules'));
  for (const name of fs.readdirSync(installed)) {
    fs.symlinkSync(path.join(installed, name), at(`node_modules/${name}`));
  }
  fs.symlinkSync(path.join(here, '..'), at('node_modules/udsock'));
}

const GET = 'GET / HTTP/1.1\r\nHost: app\r\n\r\n';
const HTTP2 = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
const PING = '\0\0\x08\x06\0\0\0\0\0abcdefgh';
const UPGRADE = GET.replace('\r\n\r\n', `\r\nConnection: Upgrade\r\nUpgrade: websocket\r
Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\n\r\n`);
const FRAME = Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from('hello')]);
const CLIENT_HELLO = Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]);

/** What the rude ones say to each server, and who asks it politely. */
const SERVERS = {
  express: { says: [GET, GET], clients: ['axios', 'got', 'fetch'] },
  fastify: { says: [GET, GET], clients: ['axios'] },
  https: { says: [CLIENT_HELLO], clients: ['https'] },
  http2: { says: [HTTP2, PING], clients: ['http2'] },
  ws: { says: [UPGRADE, FRAME], clients: ['ws'] },
  grpc: { says: [HTTP2, PING], clients: ['grpc'], answer: 'hello, you' },
  tls: { says: [CLIENT_HELLO], clients: ['tls'] },
};
const OTHERS = ['dockerode', 'ioredis', 'redis'];

test('no program of the page is forgotten', options, () => {
  const known = Object.entries(SERVERS).flatMap(([name, { clients }]) => [
    `${name}_server`,
    ...clients.map((client) => `${client}_client`),
  ]);
  for (const name of OTHERS) known.push(`${name}_client`);
  assert.deepEqual([...new Set(known)].sort(), [...programs.keys()].sort());
  const count = fs.readFileSync(page, 'utf8').split('```js\n').length - 1;
  assert.equal(programs.size, count);
});

/** A server of the page, with few descriptors, once it serves. */
async function serve(t, name, socketPath) {
  const args = ['-c', 'ulimit -n 60; exec "$0" "$@"', process.execPath, `${name}_server.mjs`, socketPath];
  const child = spawn('sh', args, { cwd: at(''), stdio: ['ignore', 'inherit', 'pipe'] });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (words) => (complaints += words));
  t.after(() => child.kill());
  (await promises.connect(socketPath, { retry: true, signal: AbortSignal.timeout(100_000) })).destroy();
  return {
    isAlive: () => assert.equal(child.exitCode ?? child.signalCode, null, complaints),
    async stop() {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

async function asks(client, socketPath, answer) {
  const args = [`${client}_client.mjs`, socketPath];
  const child = spawn(process.execPath, args, { cwd: at(''), stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (words) => (said += words));
  const [code] = await once(child, 'close');
  assert.deepEqual({ code, said: said.trim() }, { code: 0, said: answer }, client);
}

for (const [name, { says, clients, answer = 'hello' }] of Object.entries(SERVERS)) {
  test(`${name}, among rude clients`, options, async (t) => {
    const socketPath = at(`${name}.sock`);
    const first = await serve(t, name, socketPath);
    assert.equal(fs.statSync(socketPath).mode & 0o777, 0o660);
    for (const client of clients) await asks(client, socketPath, answer);
    for (const words of [says, ['hello'], ['\0']]) {
      const leave = await comeAndGo(socketPath, { says: words });
      first.isAlive();
      for (const client of clients.slice(0, 1)) await asks(client, socketPath, answer);
      leave();
    }
    await first.stop();
    // Its file is there; the next one starts all the same.
    assert.ok(fs.existsSync(socketPath));
    const second = await serve(t, name, socketPath);
    await asks(clients[0], socketPath, answer);
    await second.stop();
  });
}

test('who asks', options, async (t) => {
  const { pid } = process;
  const [uid, gid] = [process.getuid(), process.getgid()];
  for (const name of ['express', 'fastify']) {
    const socketPath = at(`${name}-who.sock`);
    const server = await serve(t, name, socketPath);
    const [response] = await once(http.get({ socketPath, path: '/who', agent: false }), 'response');
    assert.deepEqual(JSON.parse(Buffer.concat(await response.toArray())), { pid, uid, gid });
    await server.stop();
  }
  const socketPath = at('http2-who.sock');
  const server = await serve(t, 'http2', socketPath);
  const { default: http2 } = await import('node:http2');
  const session = http2.connect('http://app', { createConnection: () => connect(socketPath) });
  const stream = session.request({ ':path': '/who' });
  assert.deepEqual(JSON.parse(Buffer.concat(await stream.toArray())), { pid, uid, gid });
  session.close();
  await server.stop();
});

test('https: half a request does not stay for ever', options, async (t) => {
  const [timed, forever] = [', () => server.emit(\'listening\')', ''].map((listening) => {
    const code = programs.get('https_server');
    assert.ok(code.includes(', () => server.emit(\'listening\')'));
    return code
      .replace(', () => server.emit(\'listening\')', listening)
      .replace('cert: pem }', 'cert: pem, headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 50 }');
  });
  const tls = await import('node:tls');
  for (const [name, code] of Object.entries({ timed, forever })) {
    fs.writeFileSync(at(`${name}_server.mjs`), code);
    const server = await serve(t, name, at(`${name}.sock`));
    const ca = fs.readFileSync(at('server.pem'));
    const client = tls.connect({ socket: connect(at(`${name}.sock`)), ca, servername: 'localhost' });
    client.on('error', () => {}).resume().write('GET / HT');
    const ended = once(client, 'close').then(() => 'closed');
    const stays = pause(1_000).then(() => 'stays');
    // (That it would stay is Node's doing. Should it mend that, the page need not speak of it.)
    assert.equal(await (name === 'timed' ? ended : Promise.race([ended, stays])), name === 'timed' ? 'closed' : 'stays');
    client.destroy();
    await server.stop();
  }
});

test('dockerode', options, async (t) => {
  const server = http.createServer((request, response) => response.end(`hello from ${request.url}`));
  server.listen(at('docker.sock'));
  t.after(() => server.close());
  await asks('dockerode', at('docker.sock'), 'hello from /_ping');
});

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
const withRedis = hasRedis || options.skip ? options : { ...options, skip: 'no redis-server' };

test('redis', withRedis, async (t) => {
  const socketPath = at('redis.sock');
  // Whoever retries finds it.
  const waiting = asks('ioredis', socketPath, 'hello');
  await pause(500);
  const args = ['--unixsocket', socketPath, '--port', '0', '--save', '', '--dir', at('')];
  const server = spawn('redis-server', args, { stdio: 'ignore' });
  t.after(() => server.kill());
  await waiting;
  await asks('redis', socketPath, 'hello');
});
