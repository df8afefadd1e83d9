'use strict';
// What a connection sends: in its order, as room comes. The poller of the library could keep
// what finds no room; but it receives nothing from a connection meanwhile, and two programs that
// send a lot to each other would wait for each other for ever.

const { calls, pointerTo } = require('./library.js');
const { EAGAIN } = require('./constants.js');
const { sendMessage } = require('./message.js');
const { watch } = require('./loop.js');

// What is small goes by way of memory whose place is known.
const SMALL = 16 * 1024;
const small = Buffer.allocUnsafeSlow(SMALL);
const smallPointer = pointerTo(small);

function send(handle, data) {
  const size = data.length;
  if (size > SMALL) return calls.send(handle, pointerTo(data), size, 0);
  small.set(data);
  return calls.send(handle, smallPointer, size, 0);
}

/**
 * Sends without waiting: how many bytes went, `undefined` when there is no room, or an error
 * code.
 */
function sendNow(handle, part) {
  const { data, fds } = part;
  const result = fds ? sendMessage(handle, part) : send(handle, data);
  return result === EAGAIN ? undefined : result;
}

/** Calls back when the connection may have room again. */
class RoomWatch {
  #watch;

  start(handle, isRef, callback) {
    if (this.#watch !== undefined) return;
    this.#watch = watch(calls.fd(handle), { writable: true }, callback);
    if (!isRef) this.#watch.unref();
  }

  setRef(isRef) {
    if (isRef) this.#watch?.ref();
    else this.#watch?.unref();
  }

  /** Before the descriptor is closed. */
  stop() {
    this.#watch?.close();
    this.#watch = undefined;
  }
}

module.exports = { RoomWatch, sendNow };
