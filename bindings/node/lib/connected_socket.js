'use strict';
// What stream and seqpacket connections have in common. Both are Duplex streams, of bytes and of
// messages, with net.Socket's methods.

const { AsyncResource } = require('node:async_hooks');
const { Duplex, addAbortSignal } = require('node:stream');
const { calls } = require('./library.js');
const { EAGAIN, ECANCELED, EISCONN, ENOTCONN, EOF, OPTION, WRITE } = require('./constants.js');
const { checkAddress, checkFunction, failure } = require('./errors.js');
const { connectHandle } = require('./connecting.js');
const { currentLoop } = require('./loop.js');
const { receiveMessage } = require('./message.js');
const { RoomWatch, sendNow } = require('./output.js');
const handles = require('./handle.js');

// What is copied rather than sent alone.
const SMALL = 16 * 1024;

class ConnectedSocket extends Duplex {
  #type;
  #options;
  #handle;
  #stopConnecting;
  #hasFile = false;
  #isReading = false;
  #isRef = true;
  /** What is being sent: parts, each with data and perhaps descriptors. */
  #output;
  #outputCallback;
  /** The poller tells when there is room. */
  #isFull = false;
  #outputSize = 0;
  #bytesOut = 0;
  #room = new RoomWatch();
  #timer;

  context = new AsyncResource('UdsockSocket');
  connecting = false;
  bytesRead = 0;
  timeout = undefined;

  /**
   * Of `options` every kind takes `fd`, an open descriptor, which belongs to this socket from now
   * on. (`handle` is what a server has accepted.)
   */
  constructor(type, options, streamOptions) {
    super({
      allowHalfOpen: options.allowHalfOpen ?? false,
      highWaterMark: options.highWaterMark,
      readableHighWaterMark: options.readableHighWaterMark,
      writableHighWaterMark: options.writableHighWaterMark,
      // 'close' has an argument here.
      emitClose: false,
      ...streamOptions,
    });
    this.#type = type;
    this.#options = options;
    const handle = options.fd === undefined ? options.handle : handles.adopt(options.fd, type);
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
    const [options, listener] = normalizeConnectArgs(args);
    if (this.destroyed) return this;
    if (!this.pending || this.connecting) throw failure(EISCONN, 'connect', options.path);
    if (listener) this.once('connect', listener);
    if (options.timeout) this.setTimeout(options.timeout);
    this.connecting = true;
    this.#hasFile = options.localAddress !== undefined && !options.localAddress.startsWith('@');
    this.#stopConnecting = connectHandle({ ...options, type: this.#type }, (error, handle) => {
      this.#stopConnecting = undefined;
      this.connecting = false;
      if (error) return this.destroy(error);
      this.#open(handle, this.isPaused());
      this.#refresh();
      this.emit('connect');
      this.emit('ready');
    });
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
    // Nobody tells it any more.
    this.onDrained();
  }

  _read() {
    if (this.connecting) this.once('connect', () => this._read());
    else if (this.#handle !== undefined && !this.readableEnded) this.#startReading();
  }

  onReceived(data) {
    this.bytesRead += data.length;
    this.#refresh();
    if (!this.push(data)) this.#stopReading();
  }

  onReady() {
    const message = receiveMessage(this.#handle, this._receiveSize);
    if (message === EAGAIN) return;
    if (message === EOF) return this.onEnded();
    if (message < 0) return this.onFailed(message, false);
    const data = this._unwrap(message);
    if (!this.destroyed) this.onReceived(data);
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

  // ---- sending

  _write(data, _encoding, callback) {
    this.#send([this._part(data)], callback);
  }

  _writev(chunks, callback) {
    this.#send(this._parts(chunks), callback);
  }

  #send(parts, callback) {
    this.#output = parts;
    this.#outputCallback = callback;
    this.#outputSize = 0;
    for (const part of parts) this.#outputSize += part.data.length;
    if (this.connecting) this.once('connect', () => this.flush());
    else currentLoop().defer(this);
  }

  /** What the loop can send together with what others do. */
  get smallOutput() {
    if (!this.#isReading || this.#output?.length !== 1) return undefined;
    const [{ data, fds }] = this.#output;
    return fds || data.length > SMALL ? undefined : data;
  }

  onSent(result) {
    if (this.#output === undefined) return;
    if (result >= 0) this.#advance(result);
    const isOut = this.#output.length === 0;
    if (!isOut && this.#isReading && (result >= 0 || result === EAGAIN)) this.#isFull = true;
    else this.flush();
  }

  onDrained() {
    if (!this.#isFull) return;
    this.#isFull = false;
    currentLoop().defer(this);
  }

  /** Sends what there is room for. */
  flush() {
    if (this.#output === undefined) return;
    while (this.#output.length > 0) {
      const sent = sendNow(this.#handle, this.#output[0]);
      if (sent === undefined) {
        const again = () => this.context.runInAsyncScope(this.flush, this);
        return this.#room.start(this.#handle, this.#isRef, again);
      }
      if (sent < 0) return this.#settle(failure(sent, 'write'));
      this.#advance(sent);
    }
    this.#settle(null);
  }

  #advance(sent) {
    this.#refresh();
    const { data } = this.#output[0];
    // Descriptors went with the first byte.
    if (sent === data.length) this.#output.shift();
    else this.#output[0] = { data: data.subarray(sent) };
  }

  #settle(error) {
    this.#room.stop();
    if (!error) this.#bytesOut += this.#outputSize;
    const callback = this.#outputCallback;
    this.#output = this.#outputCallback = undefined;
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
    this.connecting = false;
    clearTimeout(this.#timer);
    const handle = this.#detach();
    if (this.#output !== undefined) this.#settle(error ?? failure(ECANCELED, 'write'));
    const finish = () => {
      callback(error);
      process.nextTick(() => this.emit('close', error !== null));
    };
    if (handle !== undefined && this.#hasFile) {
      handles.closeWithFile(handle).then(finish);
    } else {
      if (handle !== undefined) handles.close(handle);
      finish();
    }
  }

  #detach() {
    const handle = this.#handle;
    this.#room.stop();
    this.#stopReading();
    this.#handle = undefined;
    return handle;
  }

  destroySoon() {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }

  /** Gives its descriptor away, which is the caller's to close; this socket is destroyed. */
  release() {
    this.#checkOpen();
    const fd = handles.release(this.#detach());
    this.destroy();
    return fd;
  }

  async [Symbol.asyncDispose]() {
    if (this.closed) return;
    const closed = new Promise((resolve) => this.once('close', resolve));
    this.destroy();
    await closed;
  }

  // ---- what a net.Socket has besides

  setTimeout(msecs, callback) {
    if (this.destroyed) return this;
    if (callback !== undefined) checkFunction(callback, 'callback');
    this.timeout = msecs;
    clearTimeout(this.#timer);
    if (msecs === 0) {
      this.#timer = undefined;
      if (callback) this.removeListener('timeout', callback);
    } else {
      this.#timer = setTimeout(() => this.emit('timeout'), msecs).unref();
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
    this.#room.setRef(isRef);
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
    return this.#bytesOut + this._pendingBytes(this.#output === undefined ? 0 : this.#outputSize);
  }

  address() {
    const address = this.localAddress;
    return address === undefined ? {} : { address, family: 'unix' };
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

  peerCredentials() {
    return handles.peerCredentials(this.#checkOpen());
  }

  peerGroups() {
    return handles.peerGroups(this.#checkOpen());
  }

  peerLabel() {
    return handles.peerLabel(this.#checkOpen());
  }

  peerPidfd() {
    return handles.peerPidfd(this.#checkOpen());
  }
}

/** `(path[, listener])` or `(options[, listener])`. */
function normalizeConnectArgs(args) {
  const [first] = args;
  const options = typeof first === 'object' && first !== null ? first : { path: first };
  const listener = args.findLast((argument) => typeof argument === 'function');
  checkAddress(options.path, 'options.path');
  if (options.localAddress !== undefined) {
    checkAddress(options.localAddress, 'options.localAddress');
  }
  return [options, listener];
}

module.exports = { ConnectedSocket };
