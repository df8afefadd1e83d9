'use strict';
// Unix domain sockets: stream, datagram, seqpacket.

const { calls } = require('./library.js');
const { KIND } = require('./constants.js');
const { Connection } = require('./connection.js');
const { counters } = require('./counters.js');
const { DatagramSocket, createSocket } = require('./dgram.js');
const { check, checkDescriptor, invalidArgument } = require('./errors.js');
const { own } = require('./handle.js');
const { inspect } = require('./inspect.js');
require('./log.js');
const { Poller } = require('./poller.js');
const promises = require('./promises.js');
const { Server } = require('./server.js');
const { Socket } = require('./socket.js');

function createServer(options, listener) {
  return new Server(options, listener);
}

function connect(...args) {
  const options = typeof args[0] === 'object' && args[0] !== null ? args[0] : {};
  const Kind = options.type === 'seqpacket' ? Connection : Socket;
  return new Kind(options).connect(...args);
}

/** Two sockets that are connected with each other. */
function pair(options = {}) {
  const { type = 'stream' } = options;
  if (type !== 'stream' && type !== 'seqpacket') {
    throw invalidArgument('options.type', "'stream' or 'seqpacket'", type);
  }
  const both = new BigInt64Array(2);
  check(calls.open_pair(KIND[type], both), 'socketpair');
  const Kind = type === 'seqpacket' ? Connection : Socket;
  return Array.from(both, (handle) => new Kind({ ...options, handle: own(Number(handle)) }));
}

/** Closes what came from here: Deno's fs refuses descriptors that it has not opened. */
function closeDescriptor(fd) {
  check(calls.close_descriptor(checkDescriptor(fd)), 'close');
}

/** Removes this process's socket files now, as it does at its normal exit: how many. */
function cleanup() {
  return check(calls.cleanup(), 'cleanup');
}

/**
 * Lets them be removed also when this signal ends the process: when nobody else listens to it.
 * (udsock_cleanup_on_signal leaves a signal alone that has a handler, as Node has for some.)
 */
function cleanupOnSignal(signal) {
  const onSignal = () => {
    if (process.listenerCount(signal) > 1) return;
    cleanup();
    process.removeListener(signal, onSignal);
    process.kill(process.pid, signal);
  };
  process.on(signal, onSignal);
}

module.exports = {
  Connection,
  DatagramSocket,
  Poller,
  Server,
  Socket,
  cleanup,
  cleanupOnSignal,
  closeDescriptor,
  connect,
  counters,
  createConnection: connect,
  createServer,
  createSocket,
  inspect,
  pair,
  promises,
  version: calls.version_string(),
};
