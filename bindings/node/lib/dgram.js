'use strict';
// Datagram sockets, with dgram.Socket's events and methods. Where those have a port there is
// none: it is 0, and may be left out.

const { AsyncResource } = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const { calls } = require('./library.js');
const { callable, over } = require('./callable.js');
const { EAGAIN, EDESTADDRREQ, ENOBUFS, KIND, OPTION } = require('./constants.js');
const {
  checkAddress, checkFunction, checkInteger, checkOptions, checkSignal,
} = require('./arguments.js');
const { check, coded, errorBuffer, failure, invalidArgument } = require('./errors.js');
const { disposed } = require('./connected.js');
const { currentLoop } = require('./loop.js');
const { Passing, closeAll, receiveMessage } = require('./message.js');
const { Outbox } = require('./outbox.js');
const handles = require('./handle.js');

class DatagramSocket extends over(EventEmitter) {
  #options;
  #handle;
  #state = 'unbound';
  #remoteAddress;
  #isRef = true;
  #outbox;
  #stopWatchingSignal;

  type = 'dgram';
  context = new AsyncResource('UdsockDatagrams');

  constructor(options, listener) {
    super();
    options = checkOptions(typeof options === 'string' ? { type: options } : options);
    if (options.type !== 'dgram') throw invalidArgument('type', "'dgram'", options.type);
    this.#options = options;
    const { signal, sendBufferSize, recvBufferSize } = options;
    if (signal) checkSignal(signal);
    if (sendBufferSize) checkSize(sendBufferSize, 'options.sendBufferSize');
    if (recvBufferSize) checkSize(recvBufferSize, 'options.recvBufferSize');
    // (As EventEmitter does it.)
    if (listener) checkFunction(listener, 'listener');
    this.#handle = handles.own(check(calls.create(KIND.dgram), 'socket'));
    try {
      this.#setOptions(options);
    } catch (error) {
      handles.close(this.#handle);
      throw error;
    }
    const onError = (error) => {
      if (this.#state === 'closed') return;
      // A receiver that does not read must not end a program that listens to no errors.
      if (error.errno === ENOBUFS && this.listenerCount('error') === 0) return;
      this.emit('error', error);
    };
    this.#outbox = new Outbox(this.#handle, onError, () => this.#isRef);
    if (listener) this.on('message', listener);
    if (signal) this.#follow(signal);
  }

  #setOptions({ receiveDescriptors, receiveCredentials, sendBufferSize, recvBufferSize }) {
    if (receiveDescriptors) handles.setOption(this.#handle, OPTION.RECEIVE_FDS, 1);
    if (receiveCredentials) handles.setOption(this.#handle, OPTION.RECEIVE_CREDENTIALS, 1);
    if (sendBufferSize) this.setSendBufferSize(sendBufferSize);
    if (recvBufferSize) this.setRecvBufferSize(recvBufferSize);
  }

  #follow(signal) {
    const abort = () => {
      if (this.#state !== 'closed') this.close();
    };
    if (signal.aborted) return process.nextTick(abort);
    signal.addEventListener('abort', abort, { once: true });
    this.#stopWatchingSignal = () => signal.removeEventListener('abort', abort);
  }

  // ---- binding

  /** `([address][, callback])`, `(port, address[, callback])` or `(options[, callback])`. */
  bind(...args) {
    this.#checkOpen();
    if (this.#state !== 'unbound') {
      throw coded(Error, 'ERR_SOCKET_ALREADY_BOUND', 'Socket is already bound');
    }
    const callback = args.findLast((argument) => typeof argument === 'function');
    const given = args.find((argument) => typeof argument === 'object' && argument !== null);
    const text = args.find((argument) => typeof argument === 'string');
    const options = given ?? { address: text };
    // "@": a name that the kernel picks, so that answers arrive.
    const address = checkAddress(options.address ?? options.path ?? '@', 'address');
    // (After a failure the program may bind it again, with another callback.)
    if (this.#bind(address, options) && callback) this.once('listening', callback);
    return this;
  }

  /** Whether it is bound, which it is in this call. */
  #bind(address, options) {
    const details = errorBuffer();
    const result = handles.bind(this.#handle, address, handles.bindArguments(options), details);
    if (result < 0) {
      const error = failure(result, 'bind', address, details);
      process.nextTick(() => this.emit('error', error));
      return false;
    }
    this.#startReceiving();
    process.nextTick(() => {
      if (this.#state === 'bound') this.emit('listening');
    });
    return true;
  }

  #startReceiving() {
    this.#state = 'bound';
    const { receiveDescriptors, receiveCredentials } = this.#options;
    currentLoop().add(this, receiveDescriptors || receiveCredentials);
    if (this.#isRef) currentLoop().hold();
  }

  // ---- receiving

  onReceived(data, address) {
    this.emit('message', data, { address, family: 'unix', port: 0, size: data.length });
  }

  onReady() {
    const message = receiveMessage(this.#handle);
    if (message === EAGAIN) return;
    if (typeof message === 'number') return this.emit('error', failure(message, 'recvmsg'));
    const { data, address, info } = message;
    const rinfo = { address, family: 'unix', port: 0, size: data.length, ...info };
    if (!this.emit('message', data, rinfo)) closeAll(info.fds);
  }

  /** The end that one's own shutdown makes: nobody else shuts a datagram socket. */
  onEnded() {}

  onFailed(code) {
    currentLoop().forget(this);
    if (this.#isRef) currentLoop().release();
    this.#state = 'failed';
    this.emit('error', failure(code, 'recvmsg'));
  }

  // ---- sending

  /**
   * `(message[, offset, length][, port][, address][, callback])`; `message` may be an array of
   * parts. An object with `fds` in the address's place passes descriptors:
   * `{ address, fds }`. What the receiver has room for is sent in this call.
   */
  send(message, ...args) {
    this.#checkOpen();
    const callback = args.findLast((argument) => typeof argument === 'function');
    const numbers = args.filter((argument) => typeof argument === 'number');
    const target = args.find((argument) => typeof argument === 'string' || isOptions(argument));
    const { address, fds, consume } = typeof target === 'object' ? target : { address: target };
    if (address === undefined && this.#remoteAddress === undefined) {
      throw failure(EDESTADDRREQ, 'send');
    }
    let data = toBuffer(message);
    if (numbers.length >= 2) data = slice(data, numbers[0], numbers[1]);
    const part = { data, to: address === undefined ? '' : checkAddress(address, 'address') };
    if (fds) part.passing = new Passing(fds, consume);
    if (this.#state === 'unbound' && this.#remoteAddress === undefined) this.#bind('@', {});
    this.#outbox.send(part, callback);
  }

  /** `(address[, callback])` or `(port, address[, callback])`. */
  connect(...args) {
    this.#checkOpen();
    const address = args.find((argument) => typeof argument === 'string');
    const callback = args.findLast((argument) => typeof argument === 'function');
    checkAddress(address, 'address');
    if (this.#state === 'unbound') this.#bind('@', {});
    const details = errorBuffer();
    const result = calls.connect(this.#handle, address, details);
    const error = result < 0 ? failure(result, 'connect', address, details) : null;
    process.nextTick(() => {
      if (this.#state === 'closed') return;
      if (error) {
        if (callback) callback(error);
        else this.emit('error', error);
        return;
      }
      if (callback) this.once('connect', callback);
      this.emit('connect');
    });
    if (result >= 0) this.#remoteAddress = address;
  }

  // ---- the end

  close(callback) {
    this.#checkOpen();
    if (callback !== undefined) {
      checkFunction(callback, 'callback');
      this.once('close', callback);
    }
    if (this.#state === 'bound') {
      currentLoop().remove(this);
      if (this.#isRef) currentLoop().release();
    }
    this.#state = 'closed';
    this.#stopWatchingSignal?.();
    this.#outbox.stop();
    handles.close(this.#handle);
    process.nextTick(() => this.emit('close'));
    return this;
  }

  async [Symbol.asyncDispose]() {
    if (this.#state !== 'closed') await disposed(this, this.close);
  }

  #checkOpen() {
    if (this.#state === 'closed') {
      throw coded(Error, 'ERR_SOCKET_DGRAM_NOT_RUNNING', 'Not running');
    }
    return this.#handle;
  }

  // ---- properties

  get handle() {
    return this.#state === 'closed' ? undefined : this.#handle;
  }

  address() {
    const address = handles.localAddress(this.#checkOpen()) ?? '';
    return { address, family: 'unix', port: 0 };
  }

  remoteAddress() {
    this.#checkOpen();
    if (this.#remoteAddress === undefined) {
      throw coded(Error, 'ERR_SOCKET_DGRAM_NOT_CONNECTED', 'Not connected');
    }
    return { address: this.#remoteAddress, family: 'unix', port: 0 };
  }

  ref() {
    return this.#setRef(true);
  }

  unref() {
    return this.#setRef(false);
  }

  #setRef(isRef) {
    if (isRef !== this.#isRef) {
      this.#isRef = isRef;
      if (this.#state === 'bound' && isRef) currentLoop().hold();
      else if (this.#state === 'bound') currentLoop().release();
    }
    return this;
  }

  getSendBufferSize() {
    return check(calls.get_option(this.#checkOpen(), OPTION.SEND_BUFFER), 'getsockopt');
  }

  setSendBufferSize(size) {
    handles.setOption(this.#checkOpen(), OPTION.SEND_BUFFER, checkSize(size, 'size'));
  }

  getRecvBufferSize() {
    return check(calls.get_option(this.#checkOpen(), OPTION.RECEIVE_BUFFER), 'getsockopt');
  }

  setRecvBufferSize(size) {
    handles.setOption(this.#checkOpen(), OPTION.RECEIVE_BUFFER, checkSize(size, 'size'));
  }

  getSendQueueSize() {
    return this.#outbox.size;
  }

  getSendQueueCount() {
    return this.#outbox.count;
  }
}

function checkSize(size, name) {
  return checkInteger(size, name, 1, 2 ** 31 - 1);
}

function isOptions(argument) {
  return typeof argument === 'object' && argument !== null;
}

function toBuffer(message) {
  if (typeof message === 'string') return Buffer.from(message);
  if (Array.isArray(message)) return Buffer.concat(message.map(toBuffer));
  if (ArrayBuffer.isView(message)) {
    return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  }
  const expected = 'of type string or an instance of Buffer, TypedArray or DataView';
  throw invalidArgument('msg', expected, message);
}

function slice(data, offset, length) {
  if (offset > data.length || offset + length > data.length || offset < 0 || length < 0) {
    throw coded(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', 'offset or length is out of bounds');
  }
  return data.subarray(offset, offset + length);
}

function createSocket(options, listener) {
  return new DatagramSocket(options, listener);
}

module.exports = { DatagramSocket: callable(DatagramSocket), createSocket };
