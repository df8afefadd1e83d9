'use strict';
// The fast path: the library's poller as it is. A callback gets many events at once and reads
// them from one buffer; what it sends leaves in one call. Sockets are handles: numbers.

const { calls } = require('./library.js');
const { EVENT, KIND, MEMBER, READ, THEN, WRITE } = require('./constants.js');
const {
  checkAddress, checkFunction, checkInteger, checkOptions, isBytes,
} = require('./arguments.js');
const { check, coded, errorBuffer, failure, invalidArgument } = require('./errors.js');
const { Outgoing } = require('./outgoing.js');
const { READABLE, Watch } = require('./watch.js');
const handles = require('./handle.js');

const EVENT_WORDS = 10;
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
  #arenaSize;
  /** What is received lies in front, what is sent behind it. */
  #memory;
  #events;
  #batch;
  #outgoing;
  #onBatch;
  #onRefused;

  /** `onRefused(socket, code)`: an item was not taken. */
  constructor(options, onRefused = () => {}) {
    const given = checkOptions(options);
    const { capacity = 256, arenaSize = 1 << 20, outputSize = 1 << 20 } = given;
    const { sendLimit = 0, receiveSize = 0 } = given;
    checkInteger(capacity, 'options.capacity', 1, 2 ** 24);
    checkInteger(arenaSize, 'options.arenaSize', 1, 2 ** 31 - 1);
    checkInteger(outputSize, 'options.outputSize', 0, 2 ** 31 - 1);
    checkInteger(sendLimit, 'options.sendLimit', 0, Number.MAX_SAFE_INTEGER);
    checkInteger(receiveSize, 'options.receiveSize', 0, Number.MAX_SAFE_INTEGER);
    checkFunction(onRefused, 'onRefused');
    this.#arenaSize = arenaSize;
    this.#onRefused = onRefused;
    this.#memory = Buffer.allocUnsafeSlow(arenaSize + outputSize);
    this.#events = new Uint32Array(capacity * EVENT_WORDS);
    this.#batch = new Batch(this.#events, this.#memory);
    this.#outgoing = new Outgoing(this.#memory, arenaSize, capacity);
    const result = calls.poller_create(sendLimit, receiveSize);
    this.#handle = handles.own(check(result, 'poller_create'));
  }

  /** Calls back whenever something has happened, until `stop` or `close`. */
  start(onBatch) {
    checkFunction(onBatch, 'onBatch');
    this.#onBatch = onBatch;
    const fd = check(calls.poller_fd(this.#handle), 'poller_fd');
    this.#watch ??= new Watch(fd, () => this.poll()).listen(READABLE);
    return this;
  }

  stop() {
    this.#watch?.close();
    this.#watch = undefined;
  }

  /** One round, without waiting: how many events there were. */
  poll() {
    const size = this.#arenaSize;
    const count = calls.poller_wait(this.#handle, this.#events, this.#memory, size);
    this.#batch.length = check(count, 'poller_wait');
    try {
      if (count > 0) this.#onBatch(this.#batch);
    } finally {
      this.flush();
    }
    return count;
  }

  // ---- sockets

  /** A server's, or a datagram socket's, handle, which is a member. It is opened in this call. */
  async listen(path, given) {
    const { type = 'stream', token = 0, duplex, ...options } = checkOptions(given);
    const kind = kindOf(type);
    checkToken(token);
    const details = errorBuffer();
    const open = type === 'dgram' ? calls.open_datagram : calls.open_server;
    const how = handles.bindArguments(options);
    const server = open(kind, checkAddress(path), details, ...how);
    return this.#own(check(server, 'listen', path, details), token, { duplex });
  }

  /** A client's handle, which is a member. */
  connect(path, options) {
    const { type = 'stream', token = 0, duplex, localAddress } = checkOptions(options);
    const kind = kindOf(type);
    checkToken(token);
    const details = errorBuffer();
    if (localAddress !== undefined) checkAddress(localAddress, 'localAddress');
    const client = calls.open_client(kind, checkAddress(path), details, 0, localAddress);
    return this.#own(check(client, 'connect', path, details), token, { duplex });
  }

  #own(socket, token, how) {
    const result = calls.poller_add(this.#handle, socket, token, flagsOf(how));
    if (result >= 0) return handles.own(socket);
    calls.close(socket);
    throw failure(result, 'poller_add');
  }

  /**
   * Adds a socket; or gives one that is here another token, and these. `readiness`: it is only
   * reported as READY. `duplex`: it is received from also while something is kept for it; a
   * server's connections have it from the server. `paused`: nothing is received (or accepted) for
   * now; what is kept goes on its way.
   */
  add(socket, token = 0, options = undefined) {
    const flags = flagsOf(checkOptions(options));
    check(calls.poller_add(this.#handle, socket, checkToken(token), flags), 'poller_add');
  }

  remove(socket) {
    check(calls.poller_remove(this.#handle, socket), 'poller_remove');
  }

  /** Closes a socket, and removes its file; what is kept for it is dropped. */
  closeSocket(socket) {
    check(handles.close(socket), 'close');
  }

  /** Nothing more is received (`Poller.READ`), or sent (`WRITE`, at once); or both. */
  shutdown(socket, how) {
    check(calls.shutdown(socket, how), 'shutdown');
  }

  // ---- sending: collected until the callback returns, or until `flush`

  /**
   * `data` is a string or a Uint8Array. `flags`: `Poller.THEN_SHUTDOWN`, `THEN_CLOSE`,
   * `DONT_KEEP`.
   */
  send(socket, data, flags = 0) {
    const size = this.#reserve(data);
    this.#outgoing.push(socket, this.#outgoing.put(data, size), size, flags);
  }

  /** A datagram, to an address. */
  sendTo(socket, data, address) {
    checkAddress(address, 'address');
    const addressSize = Buffer.byteLength(address);
    const size = this.#reserve(data, addressSize);
    const offset = this.#outgoing.put(data, size);
    const addressOffset = this.#outgoing.put(address, addressSize);
    this.#outgoing.push(socket, offset, size, 0, addressOffset, addressSize);
  }

  /** The size of the data, for which there is room now. */
  #reserve(data, more = 0) {
    const size = typeof data === 'string' ? Buffer.byteLength(data) : bytesIn(data);
    if (!this.#outgoing.hasRoom(size + more)) this.flush();
    if (!this.#outgoing.hasRoom(size + more)) {
      const message = `outputSize is too small for ${size + more} bytes`;
      throw coded(RangeError, 'ERR_OUT_OF_RANGE', message);
    }
    return size;
  }

  /** Sends what event `i` brought, without a copy: to `socket`, by default to whom it is from. */
  forward(batch, i, socket = batch.socket(i), flags = 0) {
    this.#push(socket, batch.offset(i), batch.size(i), flags);
  }

  #push(socket, offset, size, flags) {
    if (!this.#outgoing.hasRoom(0)) this.flush();
    this.#outgoing.push(socket, offset, size, flags);
  }

  /**
   * Sends at once, behind what was collected: how many bytes were taken, or an error code. What a
   * batch has brought is sent without a copy.
   */
  sendNow(socket, data, flags = 0) {
    if (data?.buffer === this.#memory.buffer) {
      this.#push(socket, data.byteOffset, data.length, flags);
    } else {
      this.send(socket, data, flags);
    }
    return this.#sendCollected(this.#outgoing.count - 1);
  }

  flush() {
    if (this.#outgoing.count > 0) this.#sendCollected();
  }

  /** The result of item `asked`; `onRefused` is told of the others. */
  #sendCollected(asked) {
    const outgoing = this.#outgoing;
    const { count } = outgoing;
    const taken = check(outgoing.send(this.#handle), 'poller_send');
    const result = outgoing.result(asked);
    // What is refused may be sent again, by way of the same memory.
    const refused = [];
    for (let i = 0; taken < count && i < count; i++) {
      if (i === asked || outgoing.result(i) >= 0) continue;
      refused.push([outgoing.socket(i), outgoing.result(i)]);
    }
    for (const [socket, code] of refused) this.#onRefused(socket, code);
    return result;
  }

  get handle() {
    return this.#handle;
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

function bytesIn(data) {
  if (isBytes(data)) return data.length;
  throw invalidArgument('data', 'of type string or an instance of Uint8Array', data);
}

function kindOf(type) {
  if (Object.hasOwn(KIND, type)) return KIND[type];
  throw invalidArgument('options.type', "'stream', 'dgram' or 'seqpacket'", type);
}

function checkToken(token) {
  return checkInteger(token, 'token', 0, Number.MAX_SAFE_INTEGER);
}

function flagsOf({ readiness, duplex, paused }) {
  const { READINESS, DUPLEX, PAUSED } = MEMBER;
  return (readiness ? READINESS : 0) | (duplex ? DUPLEX : 0) | (paused ? PAUSED : 0);
}

Object.assign(Poller, EVENT, THEN, { READ, WRITE });

module.exports = { Poller };
