import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { connect, createServer, createSocket, promises } from 'udsock';
import { GUARD, closed, directory, echoServer, program, text, using } from './support.mjs';

const at = directory();
const DATA = 'x'.repeat(1 << 20);

const PYTHON = `
import socket, sys
what, kind, path = sys.argv[1:]
kind = getattr(socket, 'SOCK_' + kind)
s = socket.socket(socket.AF_UNIX, kind)
`;

const python = (code, ...args) => program('python3', ['-c', PYTHON + code, 'x', ...args]);

const SERVER = `
s.bind(path)
if kind != socket.SOCK_DGRAM:
    s.listen()
print('ready', flush=True)
if kind == socket.SOCK_DGRAM:
    data, sender = s.recvfrom(70000)
    s.sendto(b're: ' + data, sender)
else:
    peer, _ = s.accept()
    while True:
        data = peer.recv(70000)
        if not data: break
        peer.sendall(data)
    peer.close()
s.close()
`;

const CLIENT = `
if kind == socket.SOCK_DGRAM:
    s.bind(path + '.python')
s.connect(path)
print('ready', flush=True)
for message in (b'one', b'two', b'three'):
    s.send(message)
    print(s.recv(70000).decode(), flush=True)
s.close()
`;

test('node:net is the client', GUARD, async (t) => {
  using(t, await echoServer(at('net-client')));
  const client = net.connect(at('net-client'));
  client.end(DATA);
  let got = '';
  for await (const data of client) got += data;
  assert.equal(got, DATA);
});

test('node:net is the server', GUARD, async () => {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  server.listen(at('net-server'));
  await once(server, 'listening');
  const client = connect(at('net-server'));
  client.end(DATA);
  assert.equal(await text(client), DATA);
  server.close();
  await closed(server);
});

test('Python is the server: a stream', GUARD, async () => {
  const peer = await python(SERVER, 'STREAM', at('python-stream'));
  const client = connect(at('python-stream'));
  client.end(DATA);
  assert.equal(await text(client), DATA);
  assert.equal((await peer.end()).code, 0);
});

test('Python is the server: seqpacket', GUARD, async () => {
  const peer = await python(SERVER, 'SEQPACKET', at('python-seqpacket'));
  const client = await promises.connect(at('python-seqpacket'), { type: 'seqpacket' });
  for (const message of ['one', 'two', 'x'.repeat(60_000)]) {
    client.write(message);
    const [answer] = await once(client, 'data');
    assert.equal(answer.toString(), message);
  }
  client.end();
  assert.equal((await peer.end()).code, 0);
  client.destroy();
});

test('Python is the server: datagrams', GUARD, async (t) => {
  const peer = await python(SERVER, 'DGRAM', at('python-dgram'));
  const client = using(t, createSocket('dgram'));
  client.send('hello', at('python-dgram'));
  const [message, { address }] = await once(client, 'message');
  assert.equal(message.toString(), 're: hello');
  assert.equal(address, at('python-dgram'));
  assert.equal((await peer.end()).code, 0);
});

for (const type of ['stream', 'seqpacket']) {
  test(`Python is the client: ${type}`, GUARD, async (t) => {
    const server = createServer({ type }, (peer) => {
      peer.on('data', (data) => peer.write(`re: ${data}`));
      peer.on('end', () => peer.end());
    });
    using(t, server.listen(at(`to-${type}`)));
    await once(server, 'listening');
    const client = await python(CLIENT, type.toUpperCase(), at(`to-${type}`));
    const { code, output } = await client.end();
    assert.deepEqual({ code, output }, { code: 0, output: 're: one\nre: two\nre: three\n' });
  });
}

test('Python is the client: datagrams', GUARD, async (t) => {
  const server = using(t, await promises.bind(at('to-dgram')));
  server.on('message', (message, { address }) => server.send(`re: ${message}`, address));
  const client = await python(CLIENT, 'DGRAM', at('to-dgram'));
  const { code, output } = await client.end();
  assert.deepEqual({ code, output }, { code: 0, output: 're: one\nre: two\nre: three\n' });
});
