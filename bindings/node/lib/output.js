'use strict';
// What a connection sends by itself, as room comes. The loop sends what is small; the poller of
// the library keeps nothing, so that a stream knows what has gone.

const { calls, pointerTo } = require('./library.js');
const { EAGAIN } = require('./constants.js');
const { sendMessage } = require('./message.js');
const { watch } = require('./loop.js');

/**
 * Sends without waiting: how many bytes went, `undefined` when there is no room, or an error
 * code.
 */
function sendNow(handle, part) {
  const { data, fds } = part;
  const result = fds
    ? sendMessage(handle, part)
    : calls.send(handle, pointerTo(data), data.length, 0);
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
