// The servers of the README outlive rude clients: those that hang up, that send much and read
// nothing, that are more than there are descriptors for.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Poller, connect, createSocket } from 'udsock';
import { comeAndGo } from './rude.mjs';
import { GUARD, directory, pause, program, script } from './support.mjs';

const at = directory();
const home = fileURLToPath(new URL('..', import.meta.url));

const blocks = [...fs.readFileSync(new URL('../README.md', import.meta.url), 'utf8').matchAll(/```js\n(.*?)```/gs)];
function example(text) {
  const found = blocks.map(([, block]) => block).find((block) => block.includes(text));
  assert.ok(found, `the README has ${text}`);
  return found;
}

/** The lines of the example that are the server, and how it is asked. */
const SERVERS = {
  stream: {
    code: `${example('mode: 0o660').split('server.listen')[0]}server.listen('/tmp/x.sock');`,
    type: 'stream',
  },
  seqpacket: { code: example("type: 'seqpacket' }, async").split('const client')[0], type: 'seqpacket' },
  Poller: { code: example('new Poller()'), type: 'stream' },
  http: { code: example('http.createServer').split('http.get')[0], type: 'http' },
  datagrams: { code: example("createSocket('dgram'"), type: 'dgram' },
};

async function rudeToDatagrams(path) {
  const poller = new Poller();
  // Without a name, so it can't be answered; and one that never reads.
  const nameless = poller.connect(path, { type: 'dgram' });
  const deaf = await poller.listen(`${path}.deaf`, { type: 'dgram' });
  for (let i = 0; i < 100; i++) poller.send(nameless, 'hello');
  for (let i = 0; i < 100; i++) poller.sendTo(deaf, 'hello', path);
  poller.flush();
  for (let i = 0; i < 10; i++) {
    const gone = createSocket('dgram');
    gone.send('hello', path, () => gone.close());
  }
  await pause(300);
  return () => {
    poller.closeSocket(deaf);
    poller.close();
  };
}

async function answer(path, type) {
  if (type === 'http') {
    const [response] = await once(http.get({ socketPath: path, agent: false }), 'response');
    return response.resume().statusCode === 200;
  }
  if (type === 'dgram') {
    const client = createSocket('dgram');
    client.send('late', path, () => {});
    const [message] = await once(client, 'message');
    client.close();
    return String(message).includes('late');
  }
  const client = connect({ path, type });
  client.write('late');
  const [data] = await once(client, 'data');
  client.destroy();
  return String(data).includes('late');
}

for (const [name, { code, type }] of Object.entries(SERVERS)) {
  test(`the server of the README: ${name}`, GUARD, async () => {
    const path = at(name);
    const source = `
      import { Poller, createServer, createSocket } from 'udsock';
      import http from 'udsock/http';
      ${code.replaceAll(/'\/tmp\/\w+\.sock'/g, JSON.stringify(path)).replaceAll(/^import .*$/gm, '')}
      console.log('ready');`;
    const limited = 'ulimit -n 60; exec "$0" "$@" 2>/dev/null';
    const [command, args] = script(source, [], { module: true });
    const server = await program('sh', ['-c', limited, command, ...args], { cwd: home });
    let ended = false;
    server.child.on('exit', () => (ended = true));
    while (!fs.existsSync(path)) await pause(10);
    const connectionType = type === 'http' ? 'stream' : type;
    const rude = type === 'dgram' ? rudeToDatagrams(path) : comeAndGo(path, { type: connectionType });
    const leave = await rude;
    assert.equal(ended, false);
    assert.ok(await answer(path, type));
    leave();
    server.child.kill();
    await server.end();
  });
}
