'use strict';
// The same, as promises.

const { Connection } = require('./connection.js');
const { abortError } = require('./errors.js');
const { Server } = require('./server.js');
const { Socket } = require('./socket.js');
const { DatagramSocket } = require('./dgram.js');

/** Resolves with the emitter at `event`; if it fails, or `signal` comes first, rejects. */
function settled(emitter, event, signal) {
  return new Promise((resolve, reject) => {
    const done = (settle, value) => {
      emitter.off(event, onEvent).off('error', onError).off('close', onClose);
      settle(value);
    };
    const onEvent = () => done(resolve, emitter);
    const onError = (error) => done(reject, error);
    const onClose = () => done(reject, abortError(signal));
    emitter.on(event, onEvent).on('error', onError).on('close', onClose);
  });
}

function connect(target, options = {}) {
  const given = typeof target === 'string' ? { ...options, path: target } : target;
  const Kind = given.type === 'seqpacket' ? Connection : Socket;
  const socket = new Kind(given);
  const connected = settled(socket, 'connect', given.signal);
  socket.connect(given);
  return connected;
}

function listen(target, options = {}, listener) {
  if (typeof options === 'function') [options, listener] = [{}, options];
  const given = typeof target === 'string' ? { ...options, path: target } : target;
  const server = new Server(given, listener);
  const listening = settled(server, 'listening', given.signal);
  server.listen(given);
  return listening;
}

/** A datagram socket that is bound; without an address, to a name that the kernel picks. */
function bind(target = {}, options = {}) {
  const given = typeof target === 'string' ? { ...options, address: target } : target;
  const socket = new DatagramSocket({ ...given, type: 'dgram' });
  const listening = settled(socket, 'listening', given.signal);
  socket.bind(given);
  return listening;
}

module.exports = { bind, connect, listen };
