// Round trips of messages by one of the packages that have them for Node.js:
//
//     node messages.cjs PACKAGE server|client round_trip dgram|seqpacket SIZE COUNT ADDRESS
//
// What is printed is what pairs/pair.h says, with the same warm-up as pairs/pair.mjs.
'use strict';

const { measured } = require('../pairs/measured.cjs');

const [name, role, , kind, sizeText, countText, address] = process.argv.slice(2);
const isServer = role === 'server';
const size = Number(sizeText);
const count = Number(countText);
const data = Buffer.alloc(size);
const WARM_UP = 15_000;

/** How many messages are still to come, and whom to tell. */
let left = 0;
let finished;
let send;

function received() {
  if (isServer || left > 1) send(data);
  if (--left === 0) finished();
}

/** What an end is called: a datagram client has a name, too. */
const own = isServer ? address : `${address}.client`;

/** By package and kind: opens this end, with `received` for each message, and says how to send. */
const openers = {
  udsock: {
    dgram(udsock) {
      let peer = isServer ? undefined : address;
      const socket = udsock.createSocket('dgram', (message, from) => {
        peer = from.address;
        received();
      });
      socket.bind(own);
      return (message) => socket.send(message, peer);
    },
    async seqpacket(udsock) {
      const options = { type: 'seqpacket', path: address };
      if (!isServer) {
        const connection = udsock.connect(options);
        connection.on('message', received);
        await new Promise((resolve) => connection.once('connect', resolve));
        return (message) => connection.write(message);
      }
      udsock.createServer(options, (connection) => {
        connection.on('message', received);
        send = (message) => connection.write(message);
      }).listen(address);
      return undefined;
    },
  },
  'node-unix-socket': {
    dgram({ DgramSocket }) {
      let peer = isServer ? undefined : address;
      const socket = new DgramSocket();
      socket.on('data', (message, path) => {
        peer = path;
        received();
      });
      socket.bind(own);
      return (message) => socket.sendTo(message, 0, message.length, peer);
    },
    async seqpacket({ SeqpacketServer, SeqpacketSocket }) {
      if (!isServer) {
        const socket = new SeqpacketSocket();
        socket.on('data', received);
        await new Promise((resolve) => socket.connect(address, resolve));
        return (message) => socket.write(message);
      }
      const server = new SeqpacketServer();
      server.on('connection', (socket) => {
        socket.on('data', received);
        send = (message) => socket.write(message);
      });
      server.listen(address);
      return undefined;
    },
  },
  'unix-dgram': {
    dgram({ createSocket }) {
      let peer = isServer ? undefined : address;
      const socket = createSocket('unix_dgram', (message, from) => {
        peer = from.path;
        received();
      });
      socket.bind(own);
      return (message) => socket.send(message, 0, message.length, peer);
    },
  },
};

function run(rounds) {
  return new Promise((resolve) => {
    left += rounds;
    finished = resolve;
    if (!isServer) send(data);
  });
}

async function main() {
  const packages = name === 'udsock' ? '../../bindings/node' : name;
  send = await openers[name][kind](require(packages));
  await measured(isServer, count, WARM_UP, run, () => {
    if (isServer) console.log('ready');
  });
}

main();
