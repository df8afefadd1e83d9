'use strict';
// Unix domain sockets: stream, datagram, seqpacket.

const { signals } = require('node:os').constants;
const { calls } = require('./library.js');
const { KIND } = require('./constants.js');
const { checkDescriptor, checkOptions } = require('./arguments.js');
const { check, coded, invalidArgument } = require('./errors.js');
const { own } = require('./handle.js');
require('./log.js');
const { Server } = require('./server.js');
const { Socket, newSocket } = require('./socket.js');

/** Marks our listeners of signals, for this copy of the package and for others in the process. */
const ONLY_CLEANS_UP = Symbol.for('udsock.cleanupOnSignal');

/** What most programs don't use: it is loaded when it is first asked for. */
const parts = {
  Connection: () => require('./connection.js').Connection,
  DatagramSocket: () => require('./dgram.js').DatagramSocket,
  Poller: () => require('./poller.js').Poller,
  counters: () => require('./counters.js').counters,
  createSocket: () => require('./dgram.js').createSocket,
  inspect: () => require('./inspect.js').inspect,
  promises: () => require('./promises.js'),
};

function createServer(options, listener) {
  return new Server(options, listener);
}

function connect(...args) {
  const options = typeof args[0] === 'object' && args[0] !== null ? args[0] : {};
  return newOf(options.type, options).connect(...args);
}

function newOf(type, options) {
  return type === 'seqpacket' ? new exported.Connection(options) : newSocket(options);
}

/** Two sockets that are connected with each other. */
function pair(options) {
  const { type = 'stream' } = checkOptions(options);
  if (type !== 'stream' && type !== 'seqpacket') {
    throw invalidArgument('options.type', "'stream' or 'seqpacket'", type);
  }
  const both = new BigInt64Array(2);
  check(calls.open_pair(KIND[type], both), 'socketpair');
  return Array.from(both, (handle) => newOf(type, { ...options, handle: own(Number(handle)) }));
}

/** Closes a descriptor that came from this package. (Deno's fs closes only what it has opened.) */
function closeDescriptor(fd) {
  check(calls.close_descriptor(checkDescriptor(fd)), 'close');
}

/** Removes this process's socket files now, as it does at its normal exit: how many. */
function cleanup() {
  return check(calls.cleanup(), 'cleanup');
}

/**
 * Has the socket files removed also when this signal ends the process. If the program has listeners
 * of its own, they decide about the end, and nothing is removed here. (udsock_cleanup_on_signal
 * does not work in Node: it leaves a signal alone that has a handler, and Node has some.)
 */
function cleanupOnSignal(signal) {
  if (!Object.hasOwn(signals, signal)) {
    throw coded(TypeError, 'ERR_UNKNOWN_SIGNAL', `Unknown signal: ${String(signal)}`);
  }
  const onSignal = () => {
    if (process.listeners(signal).some((listener) => !listener[ONLY_CLEANS_UP])) return;
    cleanup();
    process.removeListener(signal, onSignal);
    process.kill(process.pid, signal);
  };
  onSignal[ONLY_CLEANS_UP] = true;
  process.on(signal, onSignal);
}

const exported = {
  Server,
  Socket,
  cleanup,
  cleanupOnSignal,
  closeDescriptor,
  connect,
  createConnection: connect,
  createServer,
  pair,
  version: calls.version_string(),
};

for (const [name, load] of Object.entries(parts)) {
  const how = { enumerable: true, configurable: true };
  const get = () => {
    const value = load();
    Object.defineProperty(exported, name, { ...how, value, writable: true });
    return value;
  };
  Object.defineProperty(exported, name, { ...how, get });
}

module.exports = exported;
