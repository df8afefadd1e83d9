'use strict';
// A stream connection, which can stand where a net.Socket stands.

const { ConnectedSocket } = require('./connected_socket.js');
const { invalidArgument } = require('./errors.js');
const { closeAll, numbersOf } = require('./message.js');

class Socket extends ConnectedSocket {
  /** The descriptors that go with a chunk; made when there are any. */
  #fdsOf;

  constructor(options = {}) {
    super('stream', options);
    if (options.onread) this.on('data', (data) => this.#readInto(options.onread, data));
  }

  /** Into the program's own buffer, which says whether to go on. */
  #readInto({ buffer, callback }, data) {
    for (let rest = data; rest.length > 0; ) {
      const into = typeof buffer === 'function' ? buffer() : buffer;
      const size = Math.min(rest.length, into.length);
      into.set(rest.subarray(0, size));
      rest = rest.subarray(size);
      if (callback(size, into) !== false) continue;
      this.pause();
      if (rest.length > 0) this.unshift(rest);
      return;
    }
  }

  get _receiveSize() {
    return 64 * 1024;
  }

  _unwrap({ data, info }) {
    const hasFds = info.fds.length > 0 || info.fdsLost;
    if (hasFds && !this.emit('descriptors', info.fds, info)) closeAll(info.fds);
    return data;
  }

  /** All in one, but what descriptors go with: their chunk begins a part. */
  _parts(chunks) {
    const parts = [];
    let run = [];
    for (const { chunk } of chunks) {
      if (this.#fdsOf?.has(chunk) && run.length > 0) {
        parts.push(this.#join(run));
        run = [];
      }
      run.push(chunk);
    }
    parts.push(this.#join(run));
    return parts;
  }

  #join(chunks) {
    const data = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    return { data, fds: this.#fdsOf?.get(chunks[0]) };
  }

  _part(chunk) {
    return { data: chunk, fds: this.#fdsOf?.get(chunk) };
  }

  _pendingBytes() {
    return this.writableLength;
  }

  /**
   * Passes open descriptors, which stay open here, along with `data`, of which there must be
   * some. The peer has to ask for them (`receiveDescriptors`).
   */
  sendDescriptors(fds, data, callback) {
    const chunk = typeof data === 'string' ? Buffer.from(data) : data;
    if (!(chunk instanceof Uint8Array) || chunk.length === 0) {
      throw invalidArgument('data', 'a string or Uint8Array that is not empty', data);
    }
    // A Buffer of its own, which streams hand on as it is: the same bytes may be sent again.
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#fdsOf ??= new WeakMap();
    this.#fdsOf.set(buffer, numbersOf(fds));
    return this.write(buffer, callback);
  }

  /** These two are TCP's; here they do nothing. */
  setNoDelay() {
    return this;
  }

  setKeepAlive() {
    return this;
  }
}

module.exports = { Socket };
