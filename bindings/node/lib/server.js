'use strict';
// A server of stream or seqpacket connections, with net.Server's events and methods.

const { AsyncResource } = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const { errno } = require('node:os').constants;
const { allowNames, allowNumbers, hasNames } = require('./access.js');
const { calls, inPool } = require('./library.js');
const { BIND, KIND, OPTION } = require('./constants.js');
const {
  check, checkAddress, checkFunction, coded, errorBuffer, failure, invalidArgument,
} = require('./errors.js');
const { currentLoop } = require('./loop.js');
const { Connection } = require('./connection.js');
const { Socket } = require('./socket.js');
const handles = require('./handle.js');

const SHORTAGES = ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'ENOSPC'].map((name) => -errno[name]);

class Server extends EventEmitter {
  #options;
  #handle;
  #isOpening = false;
  #isListening = false;
  #isClosing = false;
  #isRef = true;
  #connections = 0;
  #stopWatchingSignal;

  context = new AsyncResource('UdsockServer');
  maxConnections;

  constructor(options = {}, listener) {
    if (typeof options === 'function') [options, listener] = [{}, options];
    super({ captureRejections: options?.captureRejections });
    if (options === null || typeof options !== 'object') {
      throw invalidArgument('options', 'of type object', options);
    }
    const { type = 'stream', allow = {} } = options;
    if (type !== 'stream' && type !== 'seqpacket') {
      throw invalidArgument('options.type', "'stream' or 'seqpacket'", type);
    }
    this.#options = { ...options, type, allow };
    if (listener) this.on('connection', listener);
  }

  // ---- opening

  listen(...args) {
    const [options, callback] = normalizeListenArgs(args);
    if (this.#isOpening || this.#isListening) {
      const message = 'Listen method has been called more than once without closing.';
      throw coded(Error, 'ERR_SERVER_ALREADY_LISTEN', message);
    }
    if (callback) this.once('listening', callback);
    if (options.signal && this.#follow(options.signal)) return this;
    this.#isOpening = true;
    if (options.fd !== undefined) this.#adopt(options);
    else this.#create(options);
    return this;
  }

  /** Closes when the signal says so. Whether it has already. */
  #follow(signal) {
    if (signal.aborted) {
      process.nextTick(() => this.#finishClosing());
      return true;
    }
    const abort = () => this.close();
    signal.addEventListener('abort', abort, { once: true });
    this.#stopWatchingSignal = () => signal.removeEventListener('abort', abort);
    return false;
  }

  #adopt({ fd, backlog }) {
    let handle;
    try {
      handle = handles.adopt(fd, this.#options.type);
      this.#prepare(handle);
    } catch (error) {
      return this.#fail(handle, error);
    }
    this.#afterBind(handle, { backlog });
  }

  #create(options) {
    const { path } = options;
    const handle = handles.own(calls.create(KIND[this.#options.type]));
    if (handle < 0) return this.#fail(undefined, failure(handle, 'listen', path));
    try {
      this.#prepare(handle);
    } catch (error) {
      return this.#fail(handle, error);
    }
    const details = errorBuffer();
    const bindOptions = handles.bindOptions(options);
    handles.bind(handle, path, bindOptions, details, (result) => {
      if (result < 0) this.#fail(handle, failure(result, 'listen', path, details));
      else this.#afterBind(handle, { ...options, replaces: bindOptions.flags & BIND.REPLACE });
    });
  }

  /** What connections inherit, and what must hold before the first. */
  #prepare(handle) {
    const { receiveDescriptors, receiveCredentials, maxPerUid } = this.#options;
    if (receiveDescriptors) handles.setOption(handle, OPTION.RECEIVE_FDS, 1);
    if (receiveCredentials) handles.setOption(handle, OPTION.RECEIVE_CREDENTIALS, 1);
    if (maxPerUid) handles.setOption(handle, OPTION.MAX_PER_UID, maxPerUid);
    allowNumbers(handle, this.#options.allow);
  }

  #afterBind(handle, { backlog = 0, path, replaces }) {
    const { allow } = this.#options;
    if (!replaces && !hasNames(allow)) {
      return this.#afterListen(handle, calls.listen(handle, backlog), path);
    }
    const open = async () => {
      await allowNames(handle, allow);
      return inPool(calls.listen, handle, backlog);
    };
    open().then(
      (result) => this.#afterListen(handle, result, path),
      (error) => this.#fail(handle, error),
    );
  }

  #afterListen(handle, result, path) {
    if (result < 0) return this.#fail(handle, failure(result, 'listen', path));
    this.#handle = handle;
    this.#isOpening = false;
    if (this.#isClosing) return this.#close();
    this.#isListening = true;
    currentLoop().add(this);
    if (this.#isRef) currentLoop().hold();
    process.nextTick(() => {
      if (this.#isListening) this.emit('listening');
    });
  }

  #fail(handle, error) {
    this.#isOpening = false;
    this.#stopWatchingSignal?.();
    const emit = () => {
      if (this.#isClosing) this.#finishClosing();
      else this.emit('error', error);
    };
    if (handle > 0) handles.closeWithFile(handle).then(() => process.nextTick(emit));
    else process.nextTick(emit);
  }

  // ---- connections

  onAccepted(handle) {
    if (this.maxConnections && this.#connections >= this.maxConnections) {
      handles.close(handle);
      this.emit('drop', {});
      return;
    }
    const { type, pauseOnConnect } = this.#options;
    // It has become a member by itself.
    if (pauseOnConnect) calls.poller_remove(currentLoop().poller, handle);
    const Kind = type === 'stream' ? Socket : Connection;
    const options = { ...this.#options, handle, pauseOnCreate: pauseOnConnect, signal: undefined };
    const connection = new Kind(options);
    connection.server = this;
    this.#connections += 1;
    connection.once('close', () => {
      this.#connections -= 1;
      this.#emitCloseIfDrained();
    });
    this.emit('connection', connection);
  }

  /** Without descriptors the server stays in the poller, and goes on by itself. */
  onFailed(code) {
    this.emit('error', failure(code, 'accept', this.address()));
    if (!SHORTAGES.includes(code)) this.close();
  }

  getConnections(callback) {
    checkFunction(callback, 'callback');
    process.nextTick(callback, null, this.#connections);
    return this;
  }

  // ---- closing

  close(callback) {
    if (callback !== undefined) checkFunction(callback, 'callback');
    if (this.#isOpening || this.#isListening) {
      if (callback) this.once('close', callback);
      this.#isClosing = true;
      // What is on its way to open is closed when it is open.
      if (this.#isListening) this.#close();
    } else if (callback) {
      const error = coded(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.');
      if (this.#isClosing) this.once('close', () => callback(error));
      else process.nextTick(callback, error);
    }
    return this;
  }

  /** Gives its descriptor away, to a successor say: it is the caller's to close. The file stays. */
  release() {
    const handle = this.#checkOpen();
    this.#stopListening();
    this.#isClosing = true;
    this.#handle = undefined;
    const fd = handles.release(handle);
    this.#emitCloseIfDrained();
    return fd;
  }

  #stopListening() {
    if (this.#isListening) {
      currentLoop().remove(this);
      if (this.#isRef) currentLoop().release();
    }
    this.#isListening = false;
    this.#stopWatchingSignal?.();
  }

  #close() {
    const handle = this.#handle;
    this.#stopListening();
    handles.closeWithFile(handle).then(() => {
      this.#handle = undefined;
      this.#emitCloseIfDrained();
    });
  }

  #emitCloseIfDrained() {
    const isOpen = this.#handle !== undefined || this.#isOpening;
    if (this.#isClosing && !isOpen && this.#connections === 0) this.#finishClosing();
  }

  #finishClosing() {
    this.#isClosing = false;
    process.nextTick(() => this.emit('close'));
  }

  async [Symbol.asyncDispose]() {
    if (!this.#isOpening && !this.#isListening && !this.#isClosing) return;
    const closed = new Promise((resolve) => this.once('close', resolve));
    this.close();
    await closed;
  }

  // ---- properties

  get listening() {
    return this.#isListening;
  }

  get handle() {
    return this.#handle;
  }

  /** The path, or the abstract name. */
  address() {
    return this.#isListening ? (handles.localAddress(this.#handle) ?? null) : null;
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
      if (this.#isListening && isRef) currentLoop().hold();
      else if (this.#isListening) currentLoop().release();
    }
    return this;
  }

  #checkOpen() {
    if (!this.#isListening) {
      throw coded(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.');
    }
    return this.#handle;
  }

  /** Lets these clients in, too. The first rule closes the door to everyone else. */
  async allow(rules) {
    const handle = this.#checkOpen();
    allowNumbers(handle, rules);
    await allowNames(handle, rules);
  }

  /** How many clients the rules have kept out. */
  get refused() {
    return check(calls.get_option(this.#checkOpen(), OPTION.REFUSED), 'getsockopt');
  }

  /** Whether the path still leads here: not after another server has replaced this one. */
  get ownsFile() {
    return calls.get_option(this.#checkOpen(), OPTION.OWNS_FILE) === 1;
  }

  /** Leaves the file to a successor: this process will not remove it. */
  disown() {
    check(calls.disown(this.#checkOpen()), 'disown');
    return this;
  }
}

/** `([path[, backlog]][, callback])` or `(options[, callback])`. */
function normalizeListenArgs(args) {
  const [first, second] = args;
  const callback = args.findLast((argument) => typeof argument === 'function');
  let options;
  if (typeof first === 'object' && first !== null) options = first;
  // Without an address: a name that the kernel picks.
  else if (first === undefined || first === callback) options = { path: '@' };
  else options = { path: first, backlog: typeof second === 'number' ? second : undefined };
  if (options.fd === undefined) checkAddress(options.path, 'options.path');
  return [options, callback];
}

module.exports = { Server };
