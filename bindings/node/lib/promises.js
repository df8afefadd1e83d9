'use strict';
// The same, as promises.

const { Connection } = require('./connection.js');
const { checkOptions } = require('./arguments.js');
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

/** What these take: `(address, options)`, or all in one. */
function given(target, options, name) {
  if (typeof target === 'string') return { ...checkOptions(options), [name]: target };
  return checkOptions(target);
}

async function connect(target, options) {
  const how = given(target, options, 'path');
  const Kind = how.type === 'seqpacket' ? Connection : Socket;
  const socket = new Kind(how);
  socket.connect(how);
  return await settled(socket, 'connect', how.signal);
}

async function listen(target, options, listener) {
  if (typeof options === 'function') [options, listener] = [{}, options];
  const how = given(target, options, 'path');
  const server = new Server(how, listener);
  server.listen(how);
  return await settled(server, 'listening', how.signal);
}

/** A datagram socket that is bound; without an address, to a name that the kernel picks. */
async function bind(target, options) {
  const how = given(target, options, 'address');
  const socket = new DatagramSocket({ ...how, type: 'dgram' });
  socket.bind(how);
  return await settled(socket, 'listening', how.signal);
}

module.exports = { bind, connect, listen };
