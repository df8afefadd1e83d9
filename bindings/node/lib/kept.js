'use strict';
// A handle of the library beside Node's, with a descriptor of its own, for what Node's handle can't
// do: receiving and passing descriptors, removing a file, counting among the connections of a user.

const { calls } = require('./library.js');
const { EAGAIN, EOF } = require('./constants.js');
const { failure } = require('./errors.js');
const { receiveMessage, sendMessage } = require('./message.js');
const { readBy } = require('./pipe.js');
const { READABLE, WRITABLE, Watch } = require('./watch.js');
const handles = require('./handle.js');

const RECEIVE_SIZE = 64 * 1024;

class Kept {
  handle;
  bytesReceived = 0;
  bytesPassed = 0;

  #socket;
  #isRef;
  #arrivals;
  #watch;
  #interest = 0;
  /** Sends what found no room before. */
  #goOn;

  constructor(socket, handle, isRef) {
    this.#socket = socket;
    this.#isRef = isRef;
    this.handle = handle;
  }

  #listen(interest) {
    this.#interest = interest;
    this.#watch ??= new Watch(calls.fd(this.handle), (events) => this.#onReady(events));
    this.#watch.listen(interest);
    if (!this.#isRef) this.#watch.unref();
    return 0;
  }

  #onReady(events) {
    if (events & READABLE && this.#interest & READABLE) this.#receive();
    if (events & WRITABLE && this.#interest & WRITABLE) {
      this.#listen(this.#interest & ~WRITABLE);
      this.#goOn();
    }
  }

  /** From now on the data is read here, when Node's handle is asked to read. */
  receive(arrivals) {
    this.#arrivals = arrivals;
    arrivals.prepare(this.handle);
    const start = () => this.#listen(this.#interest | READABLE);
    const stop = () => this.#listen(this.#interest & ~READABLE);
    readBy(this.#socket._handle, start, stop);
  }

  #receive() {
    const socket = this.#socket;
    const message = receiveMessage(this.handle, RECEIVE_SIZE);
    if (message === EAGAIN) return;
    if (message === EOF) {
      this.#listen(this.#interest & ~READABLE);
      socket.push(null);
      socket.read(0);
      return;
    }
    if (message < 0) return void socket.destroy(failure(message, 'read'));
    const { data, info } = message;
    this.bytesReceived += data.length;
    socket._unrefTimer();
    this.#arrivals.add(data.length, info);
    if (!socket.push(data) && socket._handle) {
      socket._handle.reading = false;
      this.#listen(this.#interest & ~READABLE);
    }
  }

  /** `done(error, size)`: so many bytes were sent, and the descriptors with the first one. */
  pass(part, done) {
    const result = sendMessage(this.handle, part);
    if (result === EAGAIN) {
      this.#goOn = () => this.pass(part, done);
      this.#listen(this.#interest | WRITABLE);
      return;
    }
    if (result < 0) return done(failure(result, 'write'));
    this.#socket._unrefTimer();
    this.bytesPassed += result;
    done(null, result);
  }

  ref() {
    this.#isRef = true;
    this.#watch?.ref();
  }

  unref() {
    this.#isRef = false;
    this.#watch?.unref();
  }

  /** Closes it, and removes its file, if it has one. */
  close() {
    this.#watch?.close();
    handles.close(this.handle);
  }
}

module.exports = { Kept };
