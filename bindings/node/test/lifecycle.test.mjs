import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { connect, createServer, inspect, pair, promises } from 'udsock';
import { GUARD, closed, directory, program, script, text, using } from './support.mjs';

const at = directory();

test('errors are Node\'s own, and say what stood in the way', GUARD, async (t) => {
  using(t, await promises.listen(at('taken')));
  const second = createServer().listen(at('taken'));
  const [error] = await once(second, 'error');
  assert.ok(error instanceof Error);
  assert.equal(error.code, 'EADDRINUSE');
  assert.equal(error.errno, -98);
  assert.equal(error.syscall, 'listen');
  assert.equal(error.address, at('taken'));
  const begin = `listen EADDRINUSE: address already in use ${at('taken')}: a live stream server`;
  assert.equal(error.message.slice(0, begin.length), begin);
  assert.match(error.message, new RegExp(`pid ${process.pid}`));

  fs.writeFileSync(at('file'), '');
  await assert.rejects(promises.listen(at('file')), {
    code: 'EEXIST',
    message: /a regular file is there/,
  });
  await assert.rejects(promises.connect(at('file')), { code: 'ECONNREFUSED', syscall: 'connect' });
  await assert.rejects(promises.connect(at('nothing')), { code: 'ENOENT', address: at('nothing') });
  await assert.rejects(promises.listen(at('no/such/directory')), { code: 'ENOENT' });
  await assert.rejects(promises.listen(`/${'x'.repeat(5000)}`), { code: 'ENAMETOOLONG' });
});

test('an error says what to do in JavaScript', GUARD, async (t) => {
  // Whatever the address looks like: also where it has such a name in it, or is not shown whole.
  const addresses = [at('plain'), at('UDSOCK_REPLACE'), at('a: b\n: '), at('ö'.repeat(60))];
  for (const address of [...addresses, at(`${'d/'.repeat(80)}deep`)]) {
    using(t, await promises.listen(address, { makeParents: true }));
    const taken = await promises.listen(address).catch((error) => error);
    const begin = `listen EADDRINUSE: address already in use ${address}: a live stream server is`;
    assert.equal(taken.message.slice(0, begin.length), begin);
    assert.ok(taken.message.endsWith('stop it or pass replace: true'), taken.message);
  }
  await assert.rejects(promises.listen('@UDSOCK_REPLACE', { replace: true }), {
    message: /@UDSOCK_REPLACE: an abstract name has no file: replace: true and makeParents: true/,
  });
  for (const mode of [{ mode: 0o600 }, { readableAll: true }, { writableAll: true }]) {
    await assert.rejects(promises.listen('@no-file', mode), { message: /no file, so no mode/ });
  }
  const left = await promises.listen(at('left'));
  fs.linkSync(at('left'), at('kept'));
  await left[Symbol.asyncDispose]();
  fs.renameSync(at('kept'), at('left'));
  await assert.rejects(promises.listen(at('left'), { reclaim: false }), {
    message: /start without reclaim: false/,
  });
});

test('messages begin as Node\'s, and end so where there is nothing to add', GUARD, async (t) => {
  const messageOf = async (emitter) => {
    const [error] = await once(emitter, 'error');
    return error.message;
  };
  const nobody = at('nobody');
  assert.equal(await messageOf(connect(nobody)), await messageOf(net.connect(nobody)));
  fs.writeFileSync(at('file'), '');
  const ofFile = await messageOf(connect(at('file')));
  const beginning = await messageOf(net.connect(at('file')));
  assert.ok(ofFile.startsWith(beginning) && ofFile.includes('a regular file is there'), ofFile);
  using(t, await promises.listen(at('in-use')));
  const [ours, nodes] = [createServer(), net.createServer()];
  const told = await messageOf(ours.listen(at('in-use')));
  assert.ok(told.startsWith(`${await messageOf(nodes.listen(at('in-use')))}: a live`), told);
});

test('arguments of the wrong type are told at once', GUARD, async () => {
  const wrong = { code: 'ERR_INVALID_ARG_TYPE' };
  assert.throws(() => connect(8080), { ...wrong, message: /no ports/ });
  assert.throws(() => connect({ port: 8080 }), wrong);
  for (const nothing of [[], [null], [{}]]) {
    assert.throws(() => connect(...nothing), { code: 'ERR_MISSING_ARGS' });
  }
  assert.throws(() => createServer().listen(8080), wrong);
  assert.throws(() => createServer().listen({ port: 8080 }), wrong);
  assert.throws(() => createServer(5), wrong);
  // As Node's, which takes it for no callback.
  assert.ok(createServer().close(5));
  assert.throws(() => connect('/tmp/\0x'), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.throws(() => pair({ type: 'dgram' }), wrong);
  await assert.rejects(inspect(5), wrong);
});

test('listening twice, closing what does not listen', GUARD, async (t) => {
  const server = using(t, createServer().listen(at('twice')));
  assert.throws(() => server.listen(at('twice')), { code: 'ERR_SERVER_ALREADY_LISTEN' });
  const error = await new Promise((resolve) => createServer().close(resolve));
  assert.equal(error.code, 'ERR_SERVER_NOT_RUNNING');
  assert.throws(() => createServer().refused, { code: 'ERR_SERVER_NOT_RUNNING' });
  assert.throws(() => createServer().ownsFile, { code: 'ERR_SERVER_NOT_RUNNING' });
});

test('abort: connecting, connected, listening', GUARD, async () => {
  const abortError = { name: 'AbortError', code: 'ABORT_ERR' };
  const already = AbortSignal.abort();
  await assert.rejects(promises.connect(at('abort'), { signal: already }), abortError);
  const soon = AbortSignal.timeout(30);
  const retrying = promises.connect(at('abort'), { retry: true, signal: soon });
  await assert.rejects(retrying, { name: 'AbortError' });

  const controller = new AbortController();
  const { signal } = controller;
  const server = createServer((socket) => socket.resume()).listen({ path: at('abort'), signal });
  await once(server, 'listening');
  const client = await promises.connect(at('abort'), { signal });
  const gone = closed(server);
  controller.abort();
  const [error] = await once(client, 'error');
  assert.equal(error.name, 'AbortError');
  await gone;
  assert.equal(fs.existsSync(at('abort')), false);
  const late = createServer().listen({ path: at('abort'), signal });
  await closed(late);
  assert.equal(late.listening, false);
});

test('retry: the server may come later', GUARD, async (t) => {
  const connecting = promises.connect(at('later'), { retry: true });
  await new Promise((resolve) => setTimeout(resolve, 30));
  using(t, await promises.listen(at('later'), (socket) => socket.end('here I am')));
  assert.equal(await text(await connecting), 'here I am');
});

test('restoreFile: a path that was lost is had back', GUARD, async (t) => {
  const server = using(t, createServer((socket) => socket.end('still here')));
  server.listen({ path: at('restored'), restoreFile: true });
  await once(server, 'listening');
  assert.equal(server.restored, 0);
  fs.unlinkSync(at('restored'));
  assert.equal(await text(await promises.connect(at('restored'), { retry: true })), 'still here');
  assert.equal(server.restored, 1);
  assert.equal(server.ownsFile, true);
  const next = using(t, await promises.listen(at('restored'), { replace: true }));
  assert.equal(server.ownsFile, false);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(next.ownsFile, true);
  await assert.rejects(promises.listen('@name', { restoreFile: true }), /restoreFile: true makes/);
});

/** An owner without the right to write is not let in, but may give it to himself; root always is. */
function withoutRights(t, directory) {
  const before = process.cwd();
  process.chdir(directory);
  if (process.geteuid() === 0) {
    fs.chownSync('.', 65534, 65534);
    process.seteuid(65534);
  }
  t.after(() => {
    process.seteuid(process.getuid());
    process.chdir(before);
  });
}

test('retry: the server may open its file to others later', GUARD, async (t) => {
  fs.mkdirSync(at('unopened'));
  fs.chmodSync(at('.'), 0o755);
  withoutRights(t, at('unopened'));
  const server = net.createServer((socket) => socket.end('open now')).listen('s');
  await once(server, 'listening');
  t.after(() => server.close());
  fs.chmodSync('s', 0);
  await assert.rejects(promises.connect('s'), { code: 'EACCES' });
  const connecting = promises.connect('s', { retry: true });
  await new Promise((resolve) => setTimeout(resolve, 100));
  fs.chmodSync('s', 0o600);
  assert.equal(await text(await connecting), 'open now');

  fs.chmodSync('s', 0);
  const start = performance.now();
  await assert.rejects(promises.connect('s', { retry: true }), { code: 'EACCES' });
  assert.ok(performance.now() - start >= 1000);
});

test('a full queue is waited for, and nothing blocks meanwhile', GUARD, async (t) => {
  const server = using(t, createServer({ pauseOnConnect: true }));
  // Nothing is accepted before this turn of the loop is over.
  server.listen({ path: at('full'), backlog: 1 });
  const clients = Array.from({ length: 20 }, () => connect(at('full')));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  for (const client of clients) client.destroy();
});

test('dispose closes, and waits for the end', GUARD, async () => {
  const server = await promises.listen(at('dispose'));
  const accepted = once(server, 'connection');
  const client = await promises.connect(at('dispose'));
  const [peer] = await accepted;
  await client[Symbol.asyncDispose]();
  assert.equal(client.closed, true);
  peer.resume();
  await server[Symbol.asyncDispose]();
  assert.equal(fs.existsSync(at('dispose')), false);
  await server[Symbol.asyncDispose]();
});

test('bind options: mode, owner, directories, keeping the file', GUARD, async () => {
  const server = await promises.listen(at('new/directories/socket'), {
    mode: 0o620,
    user: process.getuid(),
    group: process.getgid(),
    makeParents: true,
    keepFile: true,
  });
  assert.equal(fs.statSync(at('new/directories/socket')).mode & 0o777, 0o620);
  await server[Symbol.asyncDispose]();
  assert.equal((await inspect(at('new/directories/socket'))).state, 'stale');
  await assert.rejects(promises.listen(at('new/directories/socket'), { reclaim: false }), {
    code: 'EADDRINUSE',
  });
  // A dead server's file is no hindrance.
  const again = await promises.listen(at('new/directories/socket'), { writableAll: true });
  assert.equal(fs.statSync(at('new/directories/socket')).mode & 0o222, 0o222);
  await again[Symbol.asyncDispose]();
  await assert.rejects(promises.listen(at('x'), { user: 'no such user' }), { code: 'EINVAL' });
});

test('long paths', GUARD, async (t) => {
  const long = at(`${'long/'.repeat(40)}socket`);
  using(t, await promises.listen(long, { makeParents: true }, (socket) => socket.end('long')));
  assert.equal(await text(connect(long)), 'long');
});

test('replace: clients that connect in a loop see no error', GUARD, async () => {
  const serve = (name, options) =>
    promises.listen(at('replace'), options, (socket) => socket.end(name));
  let current = await serve('0');
  let replacing = true;
  const clients = Array.from({ length: 4 }, async () => {
    let count = 0;
    while (replacing) {
      assert.match(await text(await promises.connect(at('replace'))), /^\d+$/);
      count++;
    }
    return count;
  });
  for (let i = 1; i <= 10; i++) {
    const next = await serve(`${i}`, { replace: true });
    assert.equal(current.ownsFile, false);
    assert.equal(next.ownsFile, true);
    const old = current;
    setTimeout(() => old.close(), 100);
    current = next;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  replacing = false;
  const counts = await Promise.all(clients);
  assert.ok(counts.every((count) => count > 0), `${counts}`);
  assert.equal(await text(await promises.connect(at('replace'))), '10');
  await current[Symbol.asyncDispose]();
  assert.equal(fs.existsSync(at('replace')), false);
});

test('replace: who had come before is served, if the old one is closed at once', GUARD, async () => {
  for (const type of ['stream', 'seqpacket']) {
    const path = at(`served-${type}`);
    const old = createServer({ type }, (client) => {
      client.end('old');
      // From within, too.
      if (old.listening) old.close();
    });
    old.listen(path);
    await once(old, 'listening');
    // In its queue: nothing is accepted in this turn of the loop.
    const clients = Array.from({ length: 3 }, () => connect({ path, type }));
    const next = createServer({ type }, (client) => client.end('new'));
    next.listen({ path, replace: true });
    const gone = once(old, 'close');
    old.close();
    assert.deepEqual(await Promise.all(clients.map(text)), ['old', 'old', 'old']);
    assert.equal(await text(connect({ path, type })), 'new');
    await Promise.all([gone, next[Symbol.asyncDispose]()]);
  }
});

test('replace: what a listener throws for who had come before keeps nothing open', GUARD, async () => {
  const code = `
    const { connect, createServer } = require('udsock');
    console.log('ready');
    process.on('uncaughtException', (error) => console.log(error.message));
    const path = process.argv[1];
    let isFirst = true;
    const old = createServer((client) => {
      client.end('old');
      if (!isFirst) return;
      isFirst = false;
      // It is on its way out: there is nothing to give away any more.
      try {
        console.log(old.release());
      } catch (error) {
        console.log(error.code);
      }
      throw new Error('thrown by the program');
    });
    old.listen(path, () => {
      // In its queue: nothing is accepted in this turn of the loop.
      for (let i = 0; i < 2; i++) connect({ path }).on('data', (data) => console.log(\`\${data}\`));
      const next = createServer().listen({ path, replace: true });
      old.on('close', () => next.close(() => console.log(next.listening, old.listening)));
      old.close();
    });`;
  const child = await program(...script(code, [at('thrown')]));
  const { code: status, output } = await child.end();
  assert.equal(status, 0);
  const lines = ['ERR_SERVER_NOT_RUNNING', 'false false', 'old', 'old', 'thrown by the program'];
  assert.deepEqual(output.trim().split('\n').sort(), lines);
});

test('allow lists', GUARD, async (t) => {
  const nobody = 65534;
  const me = process.getuid();
  const closedDoor = await promises.listen(at('closed'), { allow: { uids: [nobody - 1] } });
  using(t, closedDoor);
  const client = connect(at('closed')).resume();
  client.on('error', () => {});
  await closed(client);
  assert.equal(closedDoor.refused, 1);
  await closedDoor.allow({ users: [String(me)] });
  const welcome = once(closedDoor, 'connection');
  connect(at('closed')).end();
  await welcome;
  await assert.rejects(closedDoor.allow({ users: ['no such user'] }), { code: 'EINVAL' });
  const byName = promises.listen(at('names'), { allow: { groups: ['no such group'] } });
  await assert.rejects(byName, { code: 'EINVAL', address: 'no such group' });
  assert.equal(fs.existsSync(at('names')), false);
  const mine = { allow: { gids: [process.getgid()] }, maxPerUid: 1 };
  using(t, await promises.listen(at('names'), mine));
  const first = await promises.connect(at('names'));
  const second = connect(at('names')).resume();
  second.on('error', () => {});
  await closed(second);
  first.destroy();
});

test('inspect', GUARD, async (t) => {
  assert.equal((await inspect(at('none'))).state, 'absent');
  fs.writeFileSync(at('plain'), '');
  assert.equal((await inspect(at('plain'))).state, 'not a socket');
  using(t, await promises.listen(at('live'), { type: 'seqpacket', mode: 0o600 }));
  const found = await inspect(at('live'));
  const { ino } = fs.statSync(at('live'), { bigint: true });
  assert.equal(found.state, 'live');
  assert.equal(found.type, 'seqpacket');
  assert.equal(found.reach, 'all');
  assert.equal((await inspect(at('p'.repeat(100)))).reach, 'few');
  assert.equal(found.pid, process.pid);
  assert.equal(found.mode, 0o600);
  assert.equal(found.uid, process.getuid());
  assert.equal(found.inode, ino);
});

test('an inherited server', GUARD, async () => {
  const server = await promises.listen(at('inherited'));
  const fd = server.release();
  await closed(server);
  const successor = createServer((socket) => socket.end('adopted')).listen({ fd });
  await once(successor, 'listening');
  assert.equal(await text(connect(at('inherited'))), 'adopted');
  await successor[Symbol.asyncDispose]();
  const failing = createServer().listen({ fd: 999 });
  const [error] = await once(failing, 'error');
  assert.equal(error.code, 'EBADF');
});

for (const [how, code, expected] of [
  ['exit', 'process.exit(3)', { code: 3, signal: null }],
  ['an exception', 'throw new Error("expected")', { code: 1, signal: null }],
  ['SIGTERM', 'process.kill(process.pid, "SIGTERM")', { code: null, signal: 'SIGTERM' }],
]) {
  test(`the file goes with the process: ${how}`, GUARD, async () => {
    const source = `
      const { cleanupOnSignal, createServer } = require('udsock');
      cleanupOnSignal('SIGTERM');
      // (Another part of the program may do the same.)
      cleanupOnSignal('SIGTERM');
      createServer().listen(process.argv[1], () => {
        console.log('ready');
        process.stdin.once('data', () => { ${code} });
      });`;
    const stdio = ['pipe', 'pipe', 'ignore'];
    const child = await program(...script(source, [at('process')]), { stdio });
    assert.ok(fs.existsSync(at('process')));
    child.child.stdin.end('go');
    const { code: status, signal } = await child.end();
    assert.deepEqual({ code: status, signal }, expected);
    assert.equal(fs.existsSync(at('process')), false);
  });
}
