'use strict';
// A seqpacket connection: a Duplex stream of messages, each a Buffer. What came along with a
// message (`fds`, `credentials`) is a property of it. (A net.Socket is a stream of bytes only.)

const { AsyncResource } = require('node:async_hooks');
const { Duplex, addAbortSignal } = require('node:stream');
const { calls } = require('./library.js');
const { connectArguments, isPath } = require('./address.js');
const {
  EAGAIN, ECANCELED, ECONNRESET, EISCONN, ENOTCONN, EOF, EPIPE, OPTION, WRITE,
} = require('./constants.js');
const { leaveAhead, takenOut } = require('./ahead.js');
const { checkDescriptor, checkFunction, checkOptions, checkTimeout } = require('./arguments.js');
const { coded, failure } = require('./errors.js');
const { ask, connected } = require('./connected.js');
const { connectHandle } = require('./connecting.js');
const { currentLoop } = require('./loop.js');
const { closeAll, receiveMessage, sendMessage } = require('./message.js');
const { Part, joined, separated } = require('./part.js');
const { WRITABLE, Watch } = require('./watch.js');
const handles = require('./handle.js');

/** The errors that end a connection; any other concerns one message. */
const ENDS = [EPIPE, ECONNRESET, ENOTCONN];

class Connection extends Duplex {
  #options;
  #handle;
  #stopConnecting;
  #isReading = false;
  #isRef = true;
  #emitsMessages = false;
  /** What is being sent, and its callback. */
  #sending;
  /** Watches for room to send. */
  #room;
  #timer;
  #bytesOut = 0;

  context = new AsyncResource('UdsockConnection');
  connecting = false;
  bytesRead = 0;
  timeout = undefined;
  server = null;

  /**
   * `options` also has `fd`, an open descriptor, which belongs to this connection from now on.
   * (`handle` is one of the library.)
   */
  constructor(options) {
    options = checkOptions(options);
    super({
      allowHalfOpen: options.allowHalfOpen ?? false,
      highWaterMark: options.highWaterMark,
      readableHighWaterMark: options.readableHighWaterMark,
      writableHighWaterMark: options.writableHighWaterMark,
      objectMode: true,
      // 'close' has an argument here.
      emitClose: false,
    });
    this.#options = options;
    const { fd } = options;
    if (fd !== undefined) checkDescriptor(fd);
    const handle = fd === undefined ? options.handle : handles.adopt(fd, 'seqpacket');
    const ahead = fd === undefined ? undefined : calls.take_ahead(fd);
    for (const message of separated(ahead).reverse()) this.unshift(message);
    if (handle !== undefined) this.#open(handle, options.pauseOnCreate);
    if (options.signal) addAbortSignal(options.signal, this);
  }

  #open(handle, isPaused = false) {
    this.#handle = handle;
    const { receiveDescriptors, receiveCredentials } = this.#options;
    if (receiveDescriptors) handles.setOption(handle, OPTION.RECEIVE_FDS, 1);
    if (receiveCredentials) handles.setOption(handle, OPTION.RECEIVE_CREDENTIALS, 1);
    if (isPaused) this.pause();
    else this.#startReading();
  }

  connect(...args) {
    const [options, listener] = connectArguments(args);
    if (this.#handle !== undefined || this.connecting) {
      throw failure(EISCONN, 'connect', options.path);
    }
    // It can be used again, like a net.Socket; but not after its signal.
    if (this.destroyed && this.#options.signal?.aborted) return this;
    if (this.destroyed) this._undestroy();
    if (listener) this.once('connect', listener);
    if (options.timeout) this.setTimeout(options.timeout);
    this.connecting = true;
    this.bytesRead = this.#bytesOut = 0;
    const done = (error, handle) => {
      this.#stopConnecting = undefined;
      this.connecting = false;
      if (error) return this.destroy(error);
      this.#open(handle, this.isPaused());
      this.#refresh();
      this.emit('connect');
      this.emit('ready');
    };
    const how = { ...options, type: 'seqpacket' };
    this.#stopConnecting = connectHandle(how, () => this.#isRef, done);
    return this;
  }

  // ---- receiving

  get #readsMessages() {
    return this.#options.receiveDescriptors || this.#options.receiveCredentials;
  }

  #startReading() {
    if (this.#isReading) return;
    currentLoop().add(this, this.#readsMessages);
    this.#isReading = true;
    if (this.#isRef) currentLoop().hold();
  }

  /** `hasLeft`: the poller has let go of it by itself. */
  #stopReading(hasLeft = false) {
    if (!this.#isReading) return;
    if (hasLeft) currentLoop().forget(this);
    else currentLoop().remove(this);
    this.#isReading = false;
    if (this.#isRef) currentLoop().release();
  }

  _read() {
    if (this.connecting || this.#handle === undefined) this.once('connect', () => this._read());
    else if (!this.readableEnded) this.#startReading();
  }

  onReceived(data) {
    this.bytesRead += data.length;
    this.#refresh();
    if (!this.push(data)) this.#stopReading();
  }

  onReady() {
    const message = receiveMessage(this.#handle);
    if (message === EAGAIN) return;
    if (message === EOF) return this.onEnded();
    if (message < 0) return this.onFailed(message, false);
    const { data, info: { fds, ...rest } } = message;
    this.onReceived(Object.assign(data, rest, fds.length > 0 ? { fds } : undefined));
  }

  onEnded() {
    this.#stopReading();
    this.push(null);
    this.read(0);
  }

  onFailed(code, hasLeft = true) {
    this.#stopReading(hasLeft);
    this.destroy(failure(code, 'read'));
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

  // ---- sending

  /**
   * Each write is a message, which may be empty. It is sent at once, if there is room. If it can't
   * be sent (it is too large, say), the callback gets the error; without one it is an 'error'
   * event. The connection goes on.
   */
  write(message, encoding, callback) {
    if (typeof encoding === 'function') [encoding, callback] = [undefined, encoding];
    if (typeof callback !== 'function') callback = undefined;
    const part = new Part(message, encoding);
    return super.write(part, (error) => {
      part.passing?.close();
      const failed = error ?? part.error;
      if (callback) callback(failed);
      else if (!error && failed) this.emit('error', failed);
    });
  }

  end(message, encoding, callback) {
    if (typeof message === 'function') [message, callback] = [undefined, message];
    if (typeof encoding === 'function') [encoding, callback] = [undefined, encoding];
    if (message !== undefined && message !== null) this.write(message, encoding);
    // (A stream that was destroyed before its end forgets this callback.)
    if (this.destroyed && typeof callback === 'function') {
      const words = 'Cannot call end after a stream was destroyed';
      process.nextTick(callback, coded(Error, 'ERR_STREAM_DESTROYED', words));
      return super.end();
    }
    return super.end(callback);
  }

  /** Settles when the message has been sent; `fds` are passed along, and stay open here. */
  send(message, options) {
    return new Promise((resolve, reject) => {
      const { fds, consume } = checkOptions(options);
      const settle = (error) => (error ? reject(error) : resolve());
      this.write({ data: message, fds, consume }, settle);
    });
  }

  _write(part, _encoding, callback) {
    this.#sending = { part, callback };
    if (this.connecting) this.once('connect', () => this.#send());
    else this.#send();
  }

  #send() {
    if (this.#sending === undefined) return;
    const { part } = this.#sending;
    if (this.#handle === undefined) {
      return this.#settle(coded(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'));
    }
    const result = sendMessage(this.#handle, part);
    if (result === EAGAIN) return this.#waitForRoom();
    if (result >= 0) this.#bytesOut += part.data.length;
    else if (ENDS.includes(result)) return this.#settle(failure(result, 'write'));
    else part.error = failure(result, 'write');
    this.#refresh();
    this.#settle(null);
  }

  #waitForRoom() {
    this.#room ??= new Watch(calls.fd(this.#handle), () => {
      this.#room.listen(0);
      this.context.runInAsyncScope(this.#send, this);
    });
    this.#room.listen(WRITABLE);
    if (!this.#isRef) this.#room.unref();
  }

  #settle(error) {
    const { callback } = this.#sending;
    this.#sending = undefined;
    callback(error);
  }

  _final(callback) {
    if (this.connecting) return this.once('connect', () => this._final(callback));
    if (this.#handle === undefined) return callback();
    const result = calls.shutdown(this.#handle, WRITE);
    callback(result < 0 && result !== ENOTCONN ? failure(result, 'shutdown') : null);
  }

  // ---- the end

  _destroy(error, callback) {
    this.#stopConnecting?.();
    this.#stopConnecting = undefined;
    this.connecting = false;
    clearTimeout(this.#timer);
    const handle = this.#detach();
    if (handle !== undefined) handles.close(handle);
    if (this.#sending !== undefined) this.#settle(error ?? failure(ECANCELED, 'write'));
    // Closes descriptors that nobody will take.
    for (const message of takenOut(this)) closeAll(message.fds ?? []);
    callback(error);
    process.nextTick(() => this.emit('close', Boolean(error)));
    if (this._server) {
      this._server._connections -= 1;
      this._server._emitCloseIfDrained();
      this._server = undefined;
    }
  }

  #detach() {
    const handle = this.#handle;
    this.#room?.close();
    this.#room = undefined;
    this.#stopReading();
    this.#handle = undefined;
    return handle;
  }

  destroySoon() {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  /**
   * Gives its descriptor away: the caller has to close it. This connection is destroyed. The
   * messages that it has read ahead go to the connection of this process that takes the descriptor
   * (the descriptors in them are closed).
   */
  release() {
    this.#checkOpen();
    const isEnding = this.writableEnded && this.writableLength === 0 && !this.writableFinished;
    const fd = handles.release(this.#detach());
    leaveAhead(this, fd, joined);
    if (isEnding) calls.end_descriptor(fd);
    this.destroy();
    return fd;
  }

  // ---- what a net.Socket has besides

  setTimeout(msecs, callback) {
    if (this.destroyed) return this;
    const delay = checkTimeout(msecs);
    if (callback !== undefined) checkFunction(callback, 'callback');
    this.timeout = msecs;
    clearTimeout(this.#timer);
    if (msecs === 0) {
      this.#timer = undefined;
      if (callback) this.removeListener('timeout', callback);
    } else {
      this.#timer = setTimeout(() => this.emit('timeout'), delay).unref();
      if (callback) this.once('timeout', callback);
    }
    return this;
  }

  #refresh() {
    this.#timer?.refresh();
  }

  ref() {
    return this.#setRef(true);
  }

  unref() {
    return this.#setRef(false);
  }

  #setRef(isRef) {
    if (isRef === this.#isRef) return this;
    this.#isRef = isRef;
    if (isRef) this.#room?.ref();
    else this.#room?.unref();
    if (this.#isReading && isRef) currentLoop().hold();
    else if (this.#isReading) currentLoop().release();
    return this;
  }

  get pending() {
    return this.#handle === undefined || this.connecting;
  }

  get readyState() {
    if (this.connecting) return 'opening';
    if (this.readable && this.writable) return 'open';
    if (this.readable) return 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get bytesWritten() {
    return this.#bytesOut + (this.#sending?.part.data.length ?? 0);
  }

  get localAddress() {
    return this.#handle && handles.localAddress(this.#handle);
  }

  get remoteAddress() {
    return this.#handle && handles.remoteAddress(this.#handle);
  }

  get remoteFamily() {
    return this.#handle && 'unix';
  }

  // ---- who is at the other end

  #checkOpen() {
    if (this.#handle === undefined) throw failure(ENOTCONN, 'getsockopt');
    return this.#handle;
  }

  /** Its handle in the C library. */
  get handle() {
    return this.#handle;
  }

  [ask](question) {
    return question(this.#checkOpen());
  }
}

module.exports = { Connection: connected(Connection) };
