// The examples of Node's documentation for net, http and dgram, as they stand there. What is
// changed is the import, and where an example has a port the address: Unix sockets have none.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promises } from 'udsock';
import http from 'udsock/http';
import { GUARD, directory, program, script, text, using } from './support.mjs';

const at = directory();
const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);

/** Runs an example with these texts exchanged for others. */
async function example(t, name, changes, options) {
  let source = fs.readFileSync(path.join(here, 'examples', `${name}.mjs`), 'utf8');
  const imports = { 'node:net': 'udsock', 'node:http': 'udsock/http', 'node:dgram': 'udsock' };
  for (const [from, to] of Object.entries(imports)) {
    source = source.replace(`'${from}'`, `'${to}'`);
  }
  for (const [from, to] of changes) {
    assert.ok(source.includes(from), `${name} has ${from}`);
    source = source.replaceAll(from, to);
  }
  const [command, args] = script(`console.log('ready');\n${source}`, [], { module: true });
  const run = await program(command, args, { cwd: path.join(here, '..'), ...options });
  t.after(() => run.child.kill());
  return run;
}

const appears = async (file) => {
  while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 5));
};

test('net: the echo server and its client', GUARD, async (t) => {
  const change = [['/tmp/echo.sock', at('echo')]];
  const server = await example(t, 'net-server', change);
  await appears(at('echo'));
  const client = await example(t, 'net-client', change);
  const { code, output: said } = await client.end();
  assert.equal(code, 0);
  // (In one chunk or in two.)
  const words = said.split(/\s+/).join(' ');
  assert.match(words, /^connected to server! hello (world! )?disconnected from server $/);
  await server.says('client disconnected');
  server.child.kill();
  const { output } = await server.end();
  assert.equal(output, 'server bound\nclient connected\nclient disconnected\n');
});

test('net: server.address(), abort, and a retry while in use', GUARD, async (t) => {
  const address = await example(t, 'net-address', []);
  await address.says('opened server on @');
  address.child.kill();
  await address.end();

  const abort = await example(t, 'net-abort', [['/tmp/echo.sock', at('abort')]]);
  assert.deepEqual(await abort.end(), { code: 0, signal: null, output: 'closed\n' });

  const inTheWay = await promises.listen(at('retry'));
  const retry = await example(t, 'net-retry', [['/tmp/echo.sock', at('retry')]], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const [complaint] = await once(retry.child.stderr, 'data');
  assert.equal(complaint.toString(), 'Address in use, retrying...\n');
  await inTheWay[Symbol.asyncDispose]();
  await retry.says('listening');
  retry.child.kill();
  await retry.end();
});

test('http: a server and http.get', GUARD, async (t) => {
  const server = await example(t, 'http-server', [['8000', `'${at('http')}'`]]);
  await appears(at('http'));
  const get = await example(t, 'http-get', [
    ["'http://localhost:8000/'", `{ socketPath: '${at('http')}' }`],
  ]);
  const { code, output: said } = await get.end();
  // (However the runtime writes an object.)
  assert.deepEqual({ code, said: said.match(/data: .(.*)['"]/)?.[1] }, { code: 0, said: 'Hello World!' });
  server.child.kill();
  await server.end();
});

test('http: http.request and upgrade', GUARD, async (t) => {
  const server = http.createServer(async (request, response) => {
    assert.equal(await text(request), '{"msg":"Hello World!"}');
    response.end(request.url);
  });
  using(t, server);
  await once(server.listen(at('request')), 'listening');
  const request = await example(t, 'http-request', [
    ["  hostname: 'www.google.com',\n  port: 80,\n", `  socketPath: '${at('request')}',\n`],
  ]);
  const { code, output: said } = await request.end();
  assert.equal(code, 0);
  assert.match(said, /^STATUS: 200\nHEADERS: .*\nBODY: \/upload\nNo more data in response\.\n$/);

  const upgrade = await example(t, 'http-upgrade', [
    ["1337, '127.0.0.1'", `'${at('upgrade')}'`],
    ["port: 1337,\n    host: '127.0.0.1'", `socketPath: '${at('upgrade')}'`],
  ]);
  assert.deepEqual(await upgrade.end(), { code: 0, signal: null, output: 'got upgraded!\n' });
});

test('dgram: a server, send and connect', GUARD, async (t) => {
  const address = `'${at('dgram')}'`;
  const kind = ['udp4', 'dgram'];
  const bind = ['bind(41234)', `bind(${address})`];
  const server = await example(t, 'dgram-server', [bind, kind]);
  await appears(at('dgram'));
  for (const [name, from] of [['dgram-send', '41234'], ['dgram-connect', "41234, 'localhost'"]]) {
    const client = await example(t, name, [[from, address], kind]);
    assert.equal((await client.end()).code, 0);
  }
  await server.says(/got: Some bytes[^]*got: Some bytes/);
  server.child.kill();
  const { output: said } = await server.end();
  assert.match(said, /^server listening \/.*:0\nserver got: Some bytes from @\w+:0\nserver got: /);
});
