'use strict';
// What a datagram socket sends: all of a turn in one call, and in order to each receiver. A
// receiver whose queue is full holds up only what is for it. The kernel tells nobody when such a
// queue has room: that is tried again, in the loop's next rounds and then with pauses that grow.

const { EAGAIN, ECANCELED } = require('./constants.js');
const { failure } = require('./errors.js');
const { currentLoop } = require('./loop.js');
const { addressOf, sendBatch } = require('./message.js');

const MOST = 256;
const ROUNDS = 8;
const LONGEST_PAUSE = 20;

class Outbox {
  #handle;
  #context;
  /** Told of what has no callback. */
  #onError;
  /** By receiver, each with its messages in order. */
  #queues = new Map();
  #isDue = false;
  #retry;
  #attempts = 0;

  size = 0;
  count = 0;

  constructor(handle, context, onError) {
    this.#context = context;
    this.#handle = handle;
    this.#onError = onError;
  }

  /** `part`: data, perhaps fds; `to` whom, '' being where the socket is connected to. */
  add(part, callback) {
    const queue = this.#queues.get(part.to);
    const item = { ...part, address: addressOf(part.to), callback };
    if (queue) queue.push(item);
    else this.#queues.set(part.to, [item]);
    this.size += part.data.length;
    this.count += 1;
    // Whoever tries again sends this, too.
    if (this.#isDue || this.#retry) return;
    this.#isDue = true;
    currentLoop().defer(this);
  }

  get context() {
    return this.#context;
  }

  flush() {
    this.#isDue = false;
    const full = new Set();
    for (let items; (items = this.#next(full)).length > 0; ) {
      const results = sendBatch(this.#handle, items);
      const blocked = results.indexOf(EAGAIN);
      const done = blocked < 0 ? items.length : blocked;
      for (let i = 0; i < done; i++) this.#settle(items[i], results[i]);
      if (done > 0) this.#attempts = 0;
      if (blocked >= 0) full.add(items[blocked].to);
    }
    if (full.size > 0) this.#tryAgain();
  }

  /** What can go next: as much as one call takes, and nothing for whom is full. */
  #next(full) {
    const items = [];
    for (const [to, queue] of this.#queues) {
      if (!full.has(to)) items.push(...queue.slice(0, MOST - items.length));
      if (items.length === MOST) break;
    }
    return items;
  }

  #settle(item, result) {
    const queue = this.#queues.get(item.to);
    if (queue.length === 1) this.#queues.delete(item.to);
    else queue.shift();
    this.size -= item.data.length;
    this.count -= 1;
    const error = result < 0 ? failure(result, 'send', item.to) : null;
    if (item.callback) process.nextTick(item.callback, error, Math.max(result, 0));
    else if (error) process.nextTick(this.#onError, error);
  }

  #tryAgain() {
    const again = () => {
      this.#retry = undefined;
      this.flush();
    };
    const attempt = this.#attempts++ - ROUNDS;
    if (attempt < 0) {
      const immediate = setImmediate(again);
      this.#retry = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(again, Math.min(2 ** attempt, LONGEST_PAUSE));
      this.#retry = () => clearTimeout(timer);
    }
  }

  /** What has not gone is given up. */
  stop() {
    this.#retry?.();
    for (const item of [...this.#queues.values()].flat()) this.#settle(item, ECANCELED);
  }
}

module.exports = { Outbox };
