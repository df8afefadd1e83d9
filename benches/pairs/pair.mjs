// The two parties over Node's net, which has streams only, or over what PAIR_NET says. See
// pair.h for the command line.

import { measured } from './measured.cjs';

const net = await import(process.env.PAIR_NET ?? 'node:net');

const [role, work, , sizeText, countText, address] = process.argv.slice(2);
const isServer = role === 'server';
const size = Number(sizeText);
const count = Number(countText);
const data = Buffer.alloc(size);
// Until then V8 compiles, which costs more than the work.
const warmUp = { round_trip: 15_000, connect: 1_500 }[work] ?? 0;

/** Calls `done` whenever `wanted` more bytes have come. */
function receiver(socket, wanted, done) {
  let left = wanted;
  socket.on('data', (chunk) => {
    left -= chunk.length;
    while (left <= 0) {
      left += wanted;
      done();
    }
  });
}

function roundTrips(socket) {
  let left;
  let finished;
  receiver(socket, size, () => {
    if (isServer || left > 1) socket.write(data);
    if (--left === 0) finished();
  });
  return (rounds) => new Promise((resolve) => {
    left = rounds;
    finished = resolve;
    if (!isServer) socket.write(data);
  });
}

function transfers(socket) {
  let left;
  let finished;
  const send = () => {
    while (left > 0) {
      left -= 1;
      if (!socket.write(data)) return;
    }
  };
  if (isServer) {
    receiver(socket, size, () => {
      if (--left > 0) return;
      socket.write(data.subarray(0, 1));
      finished();
    });
  } else {
    socket.on('drain', send);
    receiver(socket, 1, () => finished());
  }
  return (rounds) => new Promise((resolve) => {
    left = rounds;
    finished = resolve;
    if (!isServer) send();
  });
}

function acceptances(server) {
  let left = 0;
  let finished;
  server.on('connection', (socket) => {
    receiver(socket, size, () => socket.end(data));
    socket.on('close', () => {
      if (--left === 0) finished();
    });
  });
  return (rounds) => new Promise((resolve) => {
    // The first of these may be gone already when the last of the warm-up is.
    left += rounds;
    finished = resolve;
  });
}

async function connections(rounds) {
  for (let i = 0; i < rounds; i++) {
    const socket = net.connect(address, () => socket.write(data));
    await new Promise((resolve) => receiver(socket, size, resolve));
    socket.destroy();
  }
}

/** A promise of what this end does, as a function of how many rounds. */
async function open() {
  const way = work === 'transfer' ? transfers : roundTrips;
  if (!isServer && work === 'connect') return connections;
  if (!isServer) {
    const socket = net.connect(address);
    await new Promise((resolve) => socket.once('connect', resolve));
    return way(socket);
  }
  const server = net.createServer();
  await new Promise((resolve) => server.listen(address, resolve));
  if (work === 'connect') {
    const run = acceptances(server);
    console.log('ready');
    return run;
  }
  console.log('ready');
  return way(await new Promise((resolve) => server.once('connection', resolve)));
}

await measured(isServer, count, warmUp, await open());
