'use strict';
// Descriptors that come on a stream. Each has its place among the bytes, and is handed out when
// these bytes are read, not before.

const { OPTION } = require('./constants.js');
const { closeAll } = require('./message.js');
const handles = require('./handle.js');

/** How many may wait to be taken: a peer must not fill the program's table of descriptors. */
const MOST = 1024;

class Arrivals {
  #socket;
  #options;
  /** The descriptors that came, with the place where their bytes begin. */
  #queue = [];
  #received = 0;
  #read = 0;
  /** The descriptors whose bytes have been read, and that nobody has taken. */
  #due = [];

  constructor(socket, receiveDescriptors, receiveCredentials) {
    this.#socket = socket;
    this.#options = [];
    if (receiveDescriptors) this.#options.push(OPTION.RECEIVE_FDS);
    if (receiveCredentials) this.#options.push(OPTION.RECEIVE_CREDENTIALS);
    // Every chunk that is read is emitted as 'data', in whichever way it is read.
    const { emit } = socket;
    socket.emit = (event, ...args) => {
      if (event === 'data') this.#onRead(args[0]);
      return emit.call(socket, event, ...args);
    };
  }

  prepare(handle) {
    for (const option of this.#options) handles.setOption(handle, option, 1);
  }

  add(size, info) {
    if (info.fds.length > 0 || info.fdsLost) this.#queue.push({ at: this.#received, info });
    this.#received += size;
  }

  #onRead(chunk) {
    this.#read +=
      typeof chunk === 'string'
        ? Buffer.byteLength(chunk, this.#socket.readableEncoding)
        : chunk.length;
    while (this.#queue.length > 0 && this.#queue[0].at < this.#read) {
      const { info } = this.#queue.shift();
      if (this.#socket.emit('descriptors', info.fds, info)) continue;
      this.#due.push(...info.fds);
      closeAll(this.#due.splice(MOST));
    }
  }

  take(count = this.#due.length) {
    return this.#due.splice(0, count);
  }

  /** Closes the descriptors that nobody took. */
  close() {
    closeAll(this.#due.splice(0));
    for (const { info } of this.#queue.splice(0)) closeAll(info.fds);
  }
}

module.exports = { Arrivals };
