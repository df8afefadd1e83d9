'use strict';
// A seqpacket connection: a Duplex stream of messages, each a Buffer. What came along with a
// message (`fds`, `credentials`) is a property of it.

const { ConnectedSocket } = require('./connected_socket.js');
const { invalidArgument } = require('./errors.js');
const { closeAll, numbersOf } = require('./message.js');

class Connection extends ConnectedSocket {
  #emitsMessages = false;

  constructor(options = {}) {
    super('seqpacket', options, { objectMode: true });
  }

  get _receiveSize() {
    return undefined;
  }

  _unwrap({ data, info: { fds, ...rest } }) {
    return Object.assign(data, rest, fds.length > 0 ? { fds } : undefined);
  }

  _part(chunk) {
    return toPart(chunk);
  }

  _parts(chunks) {
    return chunks.map(({ chunk }) => toPart(chunk));
  }

  /** Each write is a message, and may be empty. */
  write(message, ...rest) {
    return super.write(toPart(message), ...rest);
  }

  _pendingBytes(inFlight) {
    return inFlight;
  }

  /** Settles when the message has been sent; `fds` are passed along, and stay open here. */
  send(message, { fds } = {}) {
    return new Promise((resolve, reject) => {
      this.write({ data: message, fds }, (error) => (error ? reject(error) : resolve()));
    });
  }

  on(event, listener) {
    super.on(event, listener);
    if (event === 'message' && !this.#emitsMessages) {
      this.#emitsMessages = true;
      super.on('data', (message) => this.emit('message', message));
    }
    return this;
  }

  addListener(event, listener) {
    return this.on(event, listener);
  }

  _destroy(error, callback) {
    // Descriptors that nobody will read.
    this.removeAllListeners('data');
    for (let message; (message = this.read()) !== null; ) closeAll(message.fds ?? []);
    super._destroy(error, callback);
  }
}

/** A message on its way out. */
class Part {
  constructor(data, fds) {
    this.data = data;
    this.fds = fds;
  }
}

function toPart(message) {
  if (message instanceof Part) return message;
  if (typeof message === 'string') return new Part(Buffer.from(message));
  if (message instanceof Uint8Array) return new Part(message);
  if (typeof message === 'object' && message !== null && 'data' in message) {
    const { data } = toPart(message.data);
    return new Part(data, message.fds && numbersOf(message.fds));
  }
  throw invalidArgument('message', 'of type string or an instance of Uint8Array', message);
}

module.exports = { Connection };
