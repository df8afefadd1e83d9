// Who may connect, and where, is decided when a program calls: a umask and a working directory that
// it sets afterwards change nothing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { test } from 'node:test';
import { Poller, connect, createServer, createSocket, inspect, promises } from 'udsock';
import http from 'udsock/http';
import { GUARD, directory, script, text, using } from './support.mjs';

const at = directory();
const home = process.cwd();

const modeOf = (path) => (fs.statSync(path).mode & 0o777).toString(8);

/** A file of a server that was killed. */
function dead(path) {
  const code = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  spawnSync(...script(code, [path]));
  assert.ok(fs.existsSync(path));
}

/** All the ways to a socket: each opens one, and returns a promise of how to close it. */
const ways = {
  server: (options) => promises.listen(options).then((server) => () => server[Symbol.asyncDispose]()),
  'Server.listen': async (options) => {
    const server = createServer().listen(options);
    await once(server, 'listening');
    return () => server[Symbol.asyncDispose]();
  },
  seqpacket: (options) =>
    promises.listen({ ...options, type: 'seqpacket' }).then((server) => () => server[Symbol.asyncDispose]()),
  http: async (options) => {
    const server = http.createServer().listen(options);
    await once(server, 'listening');
    return () => server[Symbol.asyncDispose]();
  },
  Poller: async ({ path, ...options }) => {
    const poller = new Poller();
    const server = await poller.listen(path, options);
    return () => {
      poller.closeSocket(server);
      poller.close();
    };
  },
  dgram: async ({ path, replace, ...options }) => {
    const socket = createSocket('dgram').bind({ address: path, ...options });
    await once(socket, 'listening');
    return () => socket[Symbol.asyncDispose]();
  },
};

const long = `${'d'.repeat(90)}/socket`;
const situations = {
  'a free path': [() => {}, (name) => ({ path: at(name) })],
  "a dead server's file": [(name) => dead(at(name)), (name) => ({ path: at(name) })],
  replace: [() => {}, (name) => ({ path: at(name), replace: true })],
  user: [() => {}, (name) => ({ path: at(name), user: process.getuid() })],
  'a long path': [
    (name) => fs.mkdirSync(at(`${name}/${'d'.repeat(90)}`), { recursive: true }),
    (name) => ({ path: at(`${name}/${long}`) }),
  ],
  makeParents: [() => {}, (name) => ({ path: at(`${name}/new/socket`), makeParents: true })],
  'while another closes': [() => createServer().listen(at('other')).close(), (name) => ({ path: at(name) })],
};

let count = 0;
for (const [way, open] of Object.entries(ways)) {
  for (const [situation, [prepare, options]] of Object.entries(situations)) {
    test(`a later umask: ${way}, ${situation}`, GUARD, async () => {
      const name = `umask${count++}`;
      prepare(name);
      const before = process.umask(0o177);
      if (situation === 'makeParents') process.umask(0o077);
      const expected = situation === 'makeParents' ? '700' : '600';
      const given = options(name);
      const opened = open(given);
      process.umask(0);
      const close = await opened;
      process.umask(before);
      assert.equal(modeOf(given.path), expected);
      if (situation === 'makeParents') assert.equal(modeOf(at(`${name}/new`)), '700');
      await close();
    });
  }

  test(`a later working directory: ${way}`, GUARD, async () => {
    const [here, there] = [`here${count}`, `there${count++}`];
    for (const name of [here, there]) fs.mkdirSync(at(name));
    for (const options of [{ path: 'run/socket', makeParents: true }, { path: 'socket' }]) {
      process.chdir(at(here));
      const opened = open(options);
      process.chdir(at(there));
      const close = await opened;
      assert.ok(fs.existsSync(at(`${here}/${options.path}`)));
      assert.ok(!fs.existsSync(at(`${there}/${options.path}`)));
      await close();
      // The file is found again from wherever the program is.
      assert.ok(!fs.existsSync(at(`${here}/${options.path}`)));
    }
    process.chdir(home);
  });
}

for (const type of ['stream', 'seqpacket']) {
  test(`a later working directory: a ${type} client that tries again`, GUARD, async (t) => {
    const [here, there] = [`from-${type}`, `to-${type}`];
    for (const name of [here, there]) fs.mkdirSync(at(name));
    const serve = (name) =>
      promises.listen(at(`${name}/socket`), { type }, (socket) => socket.end(name));
    using(t, await serve(there));
    process.chdir(at(here));
    const client = connect({ path: 'socket', retry: true, type });
    process.chdir(at(there));
    await new Promise((resolve) => setTimeout(resolve, 50));
    using(t, await serve(here));
    const said = await text(client);
    process.chdir(home);
    assert.equal(said, here);
  });
}

for (const type of ['stream', 'seqpacket']) {
  test(`a later umask: the address of a ${type} client that tries again`, GUARD, async (t) => {
    const [path, localAddress] = [at(`server-${type}`), at(`client-${type}`)];
    const before = process.umask(0o177);
    const client = connect({ path, localAddress, retry: true, type });
    process.umask(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    using(t, await promises.listen(path, { type }));
    await once(client, 'connect');
    process.umask(before);
    assert.equal(modeOf(localAddress), '600');
    assert.equal(client.localAddress, localAddress);
    client.destroy();
    assert.ok(!fs.existsSync(localAddress));
    // An address that is taken, and one that was not reached: nothing is left behind.
    fs.writeFileSync(localAddress, '');
    await assert.rejects(promises.connect({ path, localAddress, type }), { code: 'EEXIST' });
    fs.rmSync(localAddress);
    await assert.rejects(promises.connect({ path: at('nobody'), localAddress, type }), { code: 'ENOENT' });
    assert.ok(!fs.existsSync(localAddress));
  });
}

test('a later working directory: inspect', GUARD, async () => {
  fs.writeFileSync(at('plain'), '');
  fs.mkdirSync(at('empty'));
  process.chdir(at(''));
  const found = inspect('plain');
  process.chdir(at('empty'));
  const { state } = await found;
  process.chdir(home);
  assert.equal(state, 'not a socket');
});
