'use strict';
// What a datagram socket sends: at once, and in order to each receiver. A receiver whose queue is
// full holds up only its own messages. The kernel does not report when such a queue has room: so
// sending is tried again, in the loop's next rounds and then with pauses that grow.

const { AsyncResource } = require('node:async_hooks');
const { EAGAIN, ECANCELED, ENOBUFS } = require('./constants.js');
const { failure } = require('./errors.js');
const { sendMessage } = require('./message.js');

const ROUNDS = 8;
const LONGEST_PAUSE = 20;

/** How many bytes may wait, with the memory that it takes to keep a message. */
const LIMIT = 16 << 20;
const OVERHEAD = 512;

class Outbox {
  #handle;
  /** Called with errors of messages without a callback. */
  #onError;
  #isRef;
  /** The messages by receiver, in order. */
  #queues = new Map();
  /** Stops trying again, if that is to be done. */
  #retry;
  #attempts = 0;

  size = 0;
  count = 0;

  constructor(handle, onError, isRef) {
    this.#handle = handle;
    this.#onError = onError;
    this.#isRef = isRef;
  }

  /**
   * A part: data, perhaps `passing`; `to` is the receiver, '' the one that the socket is connected
   * to.
   */
  send(part, callback) {
    const queue = this.#queues.get(part.to);
    if (queue === undefined) {
      const result = sendMessage(this.#handle, part);
      if (result !== EAGAIN) return this.#settle(part, callback, result);
    }
    const taken = this.size + part.data.length + (this.count + 1) * OVERHEAD;
    if (taken > LIMIT) return this.#settle(part, callback, ENOBUFS);
    const item = { part, callback: callback && inContext(callback) };
    if (queue) queue.push(item);
    else this.#queues.set(part.to, [item]);
    this.size += part.data.length;
    this.count += 1;
    if (this.#retry === undefined) this.#tryAgain();
  }

  #flush() {
    for (const [to, queue] of this.#queues) {
      let done = 0;
      for (const { part, callback } of queue) {
        const result = sendMessage(this.#handle, part);
        if (result === EAGAIN) break;
        done += 1;
        this.size -= part.data.length;
        this.count -= 1;
        this.#settle(part, callback, result);
      }
      if (done > 0) this.#attempts = 0;
      if (done === queue.length) this.#queues.delete(to);
      else queue.splice(0, done);
    }
    if (this.#queues.size > 0) this.#tryAgain();
  }

  #settle(part, callback, result) {
    part.passing?.close();
    const error = result < 0 ? failure(result, 'send', part.to) : null;
    if (callback) process.nextTick(callback, error, Math.max(result, 0));
    else if (error) process.nextTick(this.#onError, error);
  }

  #tryAgain() {
    const again = () => {
      this.#retry = undefined;
      this.#flush();
    };
    const attempt = this.#attempts++ - ROUNDS;
    if (attempt < 0) {
      const immediate = setImmediate(again);
      if (!this.#isRef()) immediate.unref();
      this.#retry = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(again, Math.min(2 ** attempt, LONGEST_PAUSE));
      if (!this.#isRef()) timer.unref();
      this.#retry = () => clearTimeout(timer);
    }
  }

  /** Gives up what was not sent: its callbacks get an error. */
  stop() {
    this.#retry?.();
    this.#retry = undefined;
    const items = [...this.#queues.values()].flat();
    this.#queues.clear();
    this.size = this.count = 0;
    for (const { part, callback } of items) {
      // Without a callback that is no error: the program has closed the socket.
      if (callback) this.#settle(part, callback, ECANCELED);
      else part.passing?.close();
    }
  }
}

/** The callback in the asynchronous context of this moment, to be called later. */
function inContext(callback) {
  const context = new AsyncResource('UdsockSend');
  return (...args) => context.runInAsyncScope(callback, undefined, ...args);
}

module.exports = { Outbox };
