'use strict';
// The fast path: the library's poller as it is. A callback gets many events at once and reads
// them from one buffer; what it sends leaves in one call. Sockets are handles: numbers.

const { calls, inPool, pointerTo } = require('./library.js');
const { CONNECT, EVENT, KIND, READINESS } = require('./constants.js');
const { check, checkAddress, checkFunction, errorBuffer, failure } = require('./errors.js');
const { watch } = require('./loop.js');
const handles = require('./handle.js');

const EVENT_WORDS = 10;
const ITEM_WORDS = 10;
const HIGH = 2 ** 32;

/** What happened, in one round. Valid until the callback returns. */
class Batch {
  #words;
  #memory;
  length = 0;

  constructor(words, memory) {
    this.#words = words;
    this.#memory = memory;
  }

  /** The handle of the socket that event `i` is about. */
  socket(i) {
    const at = i * EVENT_WORDS;
    return this.#words[at + 1] * HIGH + this.#words[at];
  }

  token(i) {
    const at = i * EVENT_WORDS;
    return this.#words[at + 3] * HIGH + this.#words[at + 2];
  }

  /** One of `Poller.ACCEPTED`, `RECEIVED`, `DRAINED`, `ENDED`, `FAILED`, `READY`. */
  kind(i) {
    return this.#words[i * EVENT_WORDS + 4];
  }

  /** 0, or an error code. */
  code(i) {
    return this.#words[i * EVENT_WORDS + 5] | 0;
  }

  offset(i) {
    return this.#words[i * EVENT_WORDS + 6];
  }

  size(i) {
    return this.#words[i * EVENT_WORDS + 7];
  }

  /** What was received: a view, to be copied if it is to be kept. */
  data(i) {
    const offset = this.offset(i);
    return this.#memory.subarray(offset, offset + this.size(i));
  }

  /** Who sent a datagram; '': a socket without a name. */
  address(i) {
    const at = i * EVENT_WORDS;
    const [offset, length] = [this.#words[at + 8], this.#words[at + 9]];
    return this.#memory.toString('utf8', offset, offset + length);
  }
}

class Poller {
  #handle;
  #watch;
  #capacity;
  #arenaSize;
  /** What is received lies in front, what is sent behind it. */
  #memory;
  #memoryPointer;
  #used;
  #events;
  #eventsPointer;
  #batch;
  #items;
  #itemsPointer;
  #results;
  #count = 0;
  #onBatch;
  #onRefused;
  /** Sockets that may have a file. */
  #files = new Set();

  /** `onRefused(socket, code)`: an item was not taken. */
  constructor(options = {}, onRefused = () => {}) {
    const { capacity = 256, arenaSize = 1 << 20, outputSize = 1 << 20 } = options;
    const { sendLimit = 0, receiveSize = 0 } = options;
    this.#capacity = capacity;
    this.#arenaSize = arenaSize;
    this.#onRefused = onRefused;
    this.#memory = Buffer.allocUnsafeSlow(arenaSize + outputSize);
    this.#used = arenaSize;
    this.#events = new Uint32Array(capacity * EVENT_WORDS);
    this.#batch = new Batch(this.#events, this.#memory);
    this.#items = new Uint32Array(capacity * ITEM_WORDS);
    this.#results = new Int32Array(this.#items.buffer);
    this.#memoryPointer = pointerTo(this.#memory);
    this.#eventsPointer = pointerTo(this.#events);
    this.#itemsPointer = pointerTo(this.#items);
    const struct = { size: 24, flags: 0, send_limit: sendLimit, receive_size: receiveSize };
    this.#handle = handles.own(check(calls.poller_create(struct), 'poller_create'));
  }

  /** Calls back whenever something has happened, until `stop` or `close`. */
  start(onBatch) {
    checkFunction(onBatch, 'onBatch');
    this.#onBatch = onBatch;
    const fd = check(calls.poller_fd(this.#handle), 'poller_fd');
    this.#watch ??= watch(fd, { readable: true }, () => this.poll());
    return this;
  }

  stop() {
    this.#watch?.close();
    this.#watch = undefined;
  }

  /** One round, without waiting: how many events there were. */
  poll() {
    const [events, memory] = [this.#eventsPointer, this.#memoryPointer];
    const size = this.#arenaSize;
    const count = calls.poller_wait(this.#handle, events, this.#capacity, memory, size, 0);
    this.#batch.length = check(count, 'poller_wait');
    try {
      if (count > 0) this.#onBatch(this.#batch);
    } finally {
      this.flush();
    }
    return count;
  }

  // ---- sockets

  /** A server's, or a datagram socket's, handle, which is a member. */
  async listen(path, { type = 'stream', token = 0, ...options } = {}) {
    const details = errorBuffer();
    const args = [checkAddress(path), handles.bindOptions(options), details];
    const opening =
      type === 'dgram'
        ? inPool(calls.open_datagram, ...args)
        : inPool(calls.open_server, KIND[type], ...args);
    const server = this.#own(check(await opening, 'listen', path, details), token);
    this.#files.add(server);
    return server;
  }

  /** A client's handle, which is a member. */
  connect(path, { type = 'stream', token = 0, localAddress = null } = {}) {
    const details = errorBuffer();
    const options = { size: 24, flags: CONNECT.DONT_WAIT, local_address: localAddress };
    const client = calls.open_client(KIND[type], checkAddress(path), options, details);
    return this.#own(check(client, 'connect', path, details), token);
  }

  #own(socket, token) {
    const result = calls.poller_add(this.#handle, socket, token, 0);
    if (result >= 0) return handles.own(socket);
    calls.close(socket);
    throw failure(result, 'poller_add');
  }

  add(socket, token = 0, { readiness = false } = {}) {
    check(calls.poller_add(this.#handle, socket, token, readiness ? READINESS : 0), 'poller_add');
  }

  remove(socket) {
    check(calls.poller_remove(this.#handle, socket), 'poller_remove');
  }

  /**
   * Closes a socket; what is kept for it is dropped. Where there is a file to remove this is done
   * when the promise is.
   */
  closeSocket(socket) {
    if (this.#files.delete(socket)) return handles.closeWithFile(socket);
    check(handles.close(socket), 'close');
  }

  // ---- sending: collected until the callback returns, or until `flush`

  /** `data` is a string or a Uint8Array. `flags`: `Poller.THEN_SHUTDOWN`, `THEN_CLOSE`. */
  send(socket, data, flags = 0) {
    const size = this.#reserve(data);
    this.#push(socket, this.#put(data, size), size, flags);
  }

  /** A datagram, to an address. */
  sendTo(socket, data, address) {
    const addressSize = Buffer.byteLength(address);
    const size = this.#reserve(data, addressSize);
    const at = this.#push(socket, this.#put(data, size), size, 0);
    this.#items[at + 4] = this.#put(address, addressSize);
    this.#items[at + 5] = addressSize;
  }

  #reserve(data, more = 0) {
    const size = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    const end = this.#memory.length - size - more;
    if (this.#used > end || this.#count === this.#capacity) this.flush();
    if (this.#used > end) throw new RangeError(`${size} bytes are more than outputSize`);
    return size;
  }

  #put(data, size) {
    const offset = this.#used;
    if (typeof data === 'string') this.#memory.write(data, offset);
    else this.#memory.set(data, offset);
    this.#used += size;
    return offset;
  }

  /** Sends what event `i` brought, without a copy: to `socket`, by default to whom it is from. */
  forward(batch, i, socket = batch.socket(i), flags = 0) {
    if (this.#count === this.#capacity) this.flush();
    this.#push(socket, batch.offset(i), batch.size(i), flags);
  }

  #push(socket, offset, size, flags) {
    const at = this.#count++ * ITEM_WORDS;
    const items = this.#items;
    items[at] = socket % HIGH;
    items[at + 1] = Math.floor(socket / HIGH);
    items[at + 2] = offset;
    items[at + 3] = size;
    items[at + 4] = items[at + 5] = 0;
    items[at + 6] = flags;
    items[at + 7] = 0;
    return at;
  }

  flush() {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    this.#used = this.#arenaSize;
    const [items, memory] = [this.#itemsPointer, this.#memoryPointer];
    const taken = calls.poller_send(this.#handle, items, count, memory, this.#memory.length);
    if (taken === count) return;
    let refused = 0;
    for (let at = 0; at < count * ITEM_WORDS; at += ITEM_WORDS) {
      // A code fits into the lower half of its result.
      if (this.#results[at + 9] >= 0) continue;
      refused += 1;
      this.#onRefused(this.#items[at + 1] * HIGH + this.#items[at], this.#results[at + 8]);
    }
    if (refused === 0) check(taken, 'poller_send');
  }

  ref() {
    this.#watch?.ref();
    return this;
  }

  unref() {
    this.#watch?.unref();
    return this;
  }

  /** Its members stay open. */
  close() {
    this.stop();
    check(handles.close(this.#handle), 'close');
  }
}

Object.assign(Poller, EVENT, { THEN_SHUTDOWN: 1, THEN_CLOSE: 2 });

module.exports = { Poller };
