// The peers in Node.js: see peer.c.
//
//     node peer.mjs BINDING ROLE ADDRESS [LOCAL ADDRESS]

import assert from 'node:assert';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';

const [binding, role, address, local] = process.argv.slice(2);
const { connect, createServer, createSocket } = await import(pathToFileURL(binding));

// What the clients and servers of messages exchange.
const messages = [
  Buffer.from('hello'),
  Buffer.alloc(0),
  Buffer.from(Array.from({ length: 256 * 150 }, (_, i) => i % 256)),
];

const roles = {
  'stream-server'() {
    createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(address);
  },

  'stream-client'() {
    const socket = connect({ path: address, retry: true });
    process.stdin.pipe(socket).pipe(process.stdout);
  },

  'seqpacket-server'() {
    createServer({ type: 'seqpacket' }, async (connection) => {
      for await (const message of connection) await connection.send(message);
      connection.end();
    }).listen(address);
  },

  async 'seqpacket-client'() {
    const connection = connect({ path: address, type: 'seqpacket', retry: true });
    const answers = connection[Symbol.asyncIterator]();
    for (const message of messages) {
      await connection.send(message);
      const { value } = await answers.next();
      assert(message.equals(value));
    }
    connection.destroy();
  },

  'datagram-server'() {
    const server = createSocket('dgram', (message, sender) => server.send(message, sender.address));
    server.bind(address, () => console.log('ready'));
  },

  async 'datagram-client'() {
    const client = createSocket('dgram');
    client.bind(local);
    await once(client, 'listening');
    for (const message of messages) {
      client.send(message, address);
      const [answer] = await once(client, 'message');
      assert(message.equals(answer));
    }
    client.close();
  },
};

await roles[role]();
