import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import nodeHttp from 'node:http';
import { test } from 'node:test';
import { connect, createServer } from 'udsock';
import http from 'udsock/http';
import { GUARD, RUNTIME, closed, directory, except, text, using } from './support.mjs';

const at = directory();

async function serve(t, name, listener, options = {}) {
  const server = using(t, http.createServer(options, listener));
  await once(server.listen(at(name)), 'listening');
  return server;
}

const echo = async (request, response) => {
  response.setHeader('x-url', request.url);
  response.end(await text(request));
};

async function exchange(options, body) {
  const request = http.request(options);
  request.end(body);
  const [response] = await once(request, 'response');
  return { response, body: await text(response) };
}

test('requests and answers', GUARD, async (t) => {
  const server = await serve(t, 'http', echo);
  assert.equal(server.address(), at('http'));
  const options = { socketPath: at('http'), path: '/where', method: 'POST' };
  for (const body of ['', 'small', 'x'.repeat(4 << 20)]) {
    const answer = await exchange(options, body);
    assert.equal(answer.response.statusCode, 200);
    assert.equal(answer.response.headers['x-url'], '/where');
    assert.equal(answer.body, body);
  }
});

test('connections are kept alive, and used again', GUARD, async (t) => {
  const server = await serve(t, 'alive', echo);
  let connections = 0;
  server.on('connection', () => connections++);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
  const options = { socketPath: at('alive'), method: 'POST', agent };
  for (let round = 0; round < 5; round++) {
    const answers = Array.from({ length: 8 }, (_, i) => exchange(options, `${round} ${i}`));
    assert.deepEqual(
      (await Promise.all(answers)).map(({ body }) => body),
      Array.from({ length: 8 }, (_, i) => `${round} ${i}`),
    );
  }
  assert.equal(connections, 2);
  agent.destroy();
});

test('node:http as the client, and a server of node:http', GUARD, async (t) => {
  await serve(t, 'theirs', echo);
  const request = nodeHttp.request({ socketPath: at('theirs'), method: 'PUT' }).end('from node');
  const [response] = await once(request, 'response');
  assert.equal(await text(response), 'from node');

  const server = nodeHttp.createServer(echo).listen(at('node'));
  await once(server, 'listening');
  const answer = await exchange({ socketPath: at('node'), method: 'PUT', agent: false }, 'to node');
  assert.equal(answer.body, 'to node');
  server.close();
  await closed(server);
});

test('agents: one of one\'s own, none, another for all', GUARD, async (t) => {
  const server = await serve(t, 'agents', echo);
  const address = server.address();
  // Who makes the connections needs no agent.
  let made = 0;
  const createConnection = () => {
    made += 1;
    return connect(address);
  };
  const { body } = await exchange({ createConnection, method: 'POST', path: '/mine' }, 'hello');
  assert.deepEqual([body, made], ['hello', 1]);
  const { agent } = http.request({ createConnection }).on('error', () => {}).destroy();
  assert.equal(agent, undefined);
  // One that knows the path; as axios, got and others take it.
  const mine = new http.Agent({ socketPath: address, keepAlive: true });
  t.after(() => mine.destroy());
  assert.equal((await exchange({ agent: mine, host: 'app', method: 'POST' }, 'again')).body, 'again');

  const before = http.globalAgent;
  t.after(() => (http.globalAgent = before));
  http.globalAgent = mine;
  const request = http.request({ host: 'app' }).on('error', () => {}).destroy();
  assert.equal(request.agent, mine);
  assert.equal((await exchange({ method: 'POST' }, 'globally')).body, 'globally');

  const socket = await new Promise((resolve) => {
    const client = mine.createConnection(address, () => resolve(client));
  });
  assert.equal(socket.remoteAddress, address);
  socket.destroy();
  assert.throws(() => mine.createConnection(80), { code: 'ERR_INVALID_ARG_TYPE' });
});

test('connections of a server of ours are served by node:http', GUARD, async (t) => {
  const listener = nodeHttp.createServer(echo);
  const options = { allowHalfOpen: true };
  const server = using(t, createServer(options, (socket) => listener.emit('connection', socket)));
  await once(server.listen(at('emit')), 'listening');
  const answer = await exchange({ socketPath: at('emit'), method: 'PUT', agent: false }, 'emitted');
  assert.equal(answer.body, 'emitted');
});

const undici = await import('undici').catch(() => undefined);
const UNDICI = except({
  bun: 'its undici is its fetch, which connects by itself',
  [undici === undefined ? RUNTIME : undefined]: 'undici is not installed (npm ci)',
});

test('undici: request, fetch, a pool of connections', UNDICI, async (t) => {
  await serve(t, 'undici', echo);
  const connector = (_options, callback) => {
    const socket = connect(at('undici'), () => callback(null, socket));
    socket.once('error', callback);
  };
  const agent = new undici.Agent({ connect: connector, connections: 4 });
  const { body, headers } = await undici.request('http://app/path', {
    method: 'POST',
    body: 'from undici',
    dispatcher: agent,
  });
  assert.equal(headers['x-url'], '/path');
  assert.equal(await body.text(), 'from undici');
  const large = 'y'.repeat(2 << 20);
  const answers = Array.from({ length: 40 }, async () => {
    const options = { method: 'PUT', body: large, dispatcher: agent };
    const response = await undici.fetch('http://app/', options);
    return response.text();
  });
  for (const answer of await Promise.all(answers)) assert.equal(answer, large);
  await agent.close();
});

test('upgrade hands the socket over, in both directions', GUARD, async (t) => {
  const server = await serve(t, 'upgrade', echo);
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\n');
    socket.write('Upgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    socket.pipe(socket);
  });
  const headers = { Connection: 'Upgrade', Upgrade: 'echo' };
  const request = http.get({ socketPath: at('upgrade'), headers });
  const [, socket] = await once(request, 'upgrade');
  socket.end('no longer http');
  assert.equal(await text(socket), 'no longer http');
});

test('timeouts and aborts', GUARD, async (t) => {
  const server = await serve(t, 'slow', () => {});
  const request = http.get({ socketPath: at('slow'), timeout: 30, agent: new http.Agent() });
  await once(request, 'timeout');
  request.destroy();
  const [hangUp] = await once(request, 'error');
  assert.equal(hangUp.code, 'ECONNRESET');

  const controller = new AbortController();
  const aborted = http.get({ socketPath: at('slow'), signal: controller.signal });
  await once(server, 'request');
  controller.abort();
  const [error] = await once(aborted, 'error');
  assert.equal(error.name, 'AbortError');
});

test('nobody is there', GUARD, async () => {
  const request = http.get({ socketPath: at('nobody') });
  const [error] = await once(request, 'error');
  assert.equal(error.code, 'ENOENT');
  assert.equal(error.address, at('nobody'));
});

test('close ends idle connections, removes the file, and tells', GUARD, async () => {
  const server = http.createServer(echo).listen(at('close'));
  await once(server, 'listening');
  const agent = new http.Agent({ keepAlive: true });
  await exchange({ socketPath: at('close'), agent }, undefined);
  await new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
  });
  assert.equal(fs.existsSync(at('close')), false);
  assert.equal(server.listening, false);
  const error = await new Promise((resolve) => server.close(resolve));
  assert.equal(error.code, 'ERR_SERVER_NOT_RUNNING');
  agent.destroy();
});
