'use strict';
// For a runtime without handles for streams (Bun): its net.Socket over a descriptor, and what
// net.Server does with a handle elsewhere.

const net = require('node:net');
const { calls } = require('./library.js');
const { checkSignal } = require('./arguments.js');
const { coded } = require('./errors.js');

/** What Bun's socket remembers of its last connection. */
const MARKS = ['closed', 'ended'];

/**
 * Gives the descriptor to the socket, which then calls `onOpen`, and after that emits that it has
 * connected.
 */
function attach(socket, fd, isPaused, onOpen) {
  for (const mark of Object.getOwnPropertySymbols(socket)) {
    if (MARKS.includes(mark.description)) socket[mark] = false;
  }
  socket.prependOnceListener('connect', onOpen);
  const isOwn = Object.hasOwn(socket, 'emit');
  const { emit } = socket;
  // (Bun gives listeners of 'connect' the socket, for a descriptor.)
  socket.emit = (event, ...args) =>
    guarded(() => emit.call(socket, event, ...(event === 'connect' ? [] : args)));
  const { connect } = net.Socket.prototype;
  connect.call(socket, { fd, fdIsRawSocket: true, pauseOnConnect: isPaused });
  if (isOwn) socket.emit = emit;
  else delete socket.emit;
}

/** Bun would take what a listener throws meanwhile for its own failure. */
function guarded(callback) {
  try {
    return callback();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
    return true;
  }
}

/** A server of this class that listens through a handle, and is closed through it, as Node's is. */
const ByHandle = (Base) =>
  class extends Base {
    _handle = null;
    _connections = 0;
    #isRef = true;

    get listening() {
      return this._handle !== null;
    }

    listen({ signal }, callback) {
      if (this.listening) {
        const words = 'Listen method has been called more than once without closing.';
        throw coded(Error, 'ERR_SERVER_ALREADY_LISTEN', words);
      }
      if (signal !== undefined) checkSignal(signal);
      if (callback) this.once('listening', callback);
      const abort = () => this.close();
      if (signal?.aborted) process.nextTick(abort);
      else signal?.addEventListener('abort', abort, { once: true });
      this.once('close', () => signal?.removeEventListener('abort', abort));
      this._listen2();
      return this;
    }

    /** To be called when there is a handle. */
    _listen2() {
      const handle = this._handle;
      handle.listen();
      if (!this.#isRef) handle.unref();
      process.nextTick(() => {
        if (this._handle === handle) this.emit('listening');
      });
    }

    close(callback) {
      const error = coded(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.');
      const args = this.listening ? [] : [error];
      if (typeof callback === 'function') this.once('close', () => callback(...args));
      this._handle?.close();
      this._handle = null;
      // (An http.Server closes idle connections.)
      if (!(this instanceof net.Server)) super.close();
      this._emitCloseIfDrained();
      return this;
    }

    _emitCloseIfDrained() {
      if (this._handle || this._connections > 0) return;
      process.nextTick(() => this.emit('close'));
    }

    getConnections(callback) {
      process.nextTick(callback, null, this._connections);
      return this;
    }

    ref() {
      this.#isRef = true;
      this._handle?.ref();
      return this;
    }

    unref() {
      this.#isRef = false;
      this._handle?.unref();
      return this;
    }
  };

module.exports = { ByHandle, attach };
