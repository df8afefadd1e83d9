'use strict';
// What leaves in one call, through many sockets of a poller: C's udsock_outgoing, by its words.

const { calls } = require('./library.js');

const WORDS = 10;
const HIGH = 2 ** 32;

class Outgoing {
  #memory;
  #start;
  #used;
  #words;
  #results;
  #capacity;
  count = 0;

  /** Up to `capacity` items. What is `put` lies in `memory`, from `start` on. */
  constructor(memory, start, capacity) {
    this.#memory = memory;
    this.#start = this.#used = start;
    this.#words = new Uint32Array(capacity * WORDS);
    this.#results = new Int32Array(this.#words.buffer);
    this.#capacity = capacity;
  }

  /** Whether one more item fits, with so many bytes that are put. */
  hasRoom(size) {
    return this.count < this.#capacity && this.#used + size <= this.#memory.length;
  }

  /** Where the copy is. */
  put(data, size) {
    const offset = this.#used;
    if (typeof data === 'string') this.#memory.write(data, offset);
    else this.#memory.set(data, offset);
    this.#used += size;
    return offset;
  }

  push(socket, offset, size, flags, addressOffset = 0, addressSize = 0) {
    const at = this.count++ * WORDS;
    const words = this.#words;
    words[at] = socket % HIGH;
    words[at + 1] = Math.floor(socket / HIGH);
    words[at + 2] = offset;
    words[at + 3] = size;
    words[at + 4] = addressOffset;
    words[at + 5] = addressSize;
    words[at + 6] = flags;
    words[at + 7] = 0;
  }

  /** Sends all that was pushed: how many were taken, or an error code, which is everyone's. */
  send(poller) {
    const { count } = this;
    this.count = 0;
    this.#used = this.#start;
    const taken = calls.poller_send(poller, this.#words, count, this.#memory);
    for (let at = 0; taken < 0 && at < count * WORDS; at += WORDS) this.#results[at + 8] = taken;
    return taken;
  }

  /** Of what was sent last. */
  socket(i) {
    return this.#words[i * WORDS + 1] * HIGH + this.#words[i * WORDS];
  }

  /** How many bytes, or an error code: neither needs more than half of the result. */
  result(i) {
    return this.#results[i * WORDS + 8];
  }
}

module.exports = { Outgoing };
