'use strict';
// A stream connection: Node's own net.Socket, over a descriptor that the library has connected or
// accepted.

const net = require('node:net');
const { calls } = require('./library.js');
const { connectArguments, isPath } = require('./address.js');
const { attach } = require('./attached.js');
const { callable, over } = require('./callable.js');
const { EALREADY, ECANCELED, EISCONN, ENOTCONN } = require('./constants.js');
const { checkDescriptor, checkInteger, isBytes } = require('./arguments.js');
const { publishClient } = require('./channels.js');
const { check, coded, failure, invalidArgument } = require('./errors.js');
const { ask, connected } = require('./connected.js');
const { connectHandle } = require('./connecting.js');
const { leaveAhead } = require('./ahead.js');
const handles = require('./handle.js');
const pipes = require('./pipe.js');

/** What handles descriptors in the stream, and all else that needs a handle: loaded when needed. */
const parts = {
  get Arrivals() {
    return require('./arrivals.js').Arrivals;
  },
  get Kept() {
    return require('./kept.js').Kept;
  },
  get Passing() {
    return require('./message.js').Passing;
  },
};

const BYTES_READ = Symbol('bytesRead');
/** The names of the functions by which Node and Bun, and Deno, replace write(). */
const NODES_WRITES = ['writeAfterFIN', '_writeAfterFIN'];

/** The socket whose connect() runs, and how it connects. */
let starting;

/** A descriptor's flags before it became a socket's: another process may share it. */
function adopted(fd) {
  checkDescriptor(fd);
  const handle = handles.adopt(fd, 'stream');
  const isBlocking = calls.is_nonblocking(fd) === 0;
  return { handle, isBlocking, ahead: calls.take_ahead(fd) };
}

class Socket extends over(net.Socket) {
  /** The library's handle, where it is needed beside Node's. */
  #kept;
  /** The former one, for its counts. */
  #before;
  #arrivals;
  #stopConnecting;
  #signal;
  #localAddress;
  #remoteAddress;
  #isBlocking;
  #isRef = true;
  /** The descriptors that go with a chunk; made when there are any. */
  #passing;
  #nodesWrite;

  /**
   * `options` also has `fd`, an open descriptor, which belongs to this socket from now on.
   * (A number as `handle` is a handle of the library.)
   */
  constructor(options) {
    options = typeof options === 'number' ? { fd: options } : (options ?? {});
    const { fd, receiveDescriptors, receiveCredentials } = options;
    if (options.onread && !pipes.HAS_HANDLES) {
      const code = 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM';
      throw coded(Error, code, 'onread is not there in this runtime');
    }
    const receives = Boolean(receiveDescriptors || receiveCredentials);
    const { handle, isBlocking = true, ahead } = fd === undefined ? options : adopted(fd);
    const isOurs = typeof handle === 'number';
    const keeps = receives || Boolean(options.keepHandle);
    if (receives || isOurs) {
      const pipe = isOurs && pipes.HAS_HANDLES ? pipeOf(handle, keeps) : handle;
      const manualStart = receives || options.manualStart;
      super({ ...options, fd: undefined, handle: pipe, manualStart });
    } else {
      // (Without the copy, which takes longer than all the rest.)
      super(options);
    }
    this.#signal = options.signal;
    this.#isBlocking = isBlocking;
    this.#localAddress = options.localAddress;
    if (receives) this.#arrivals = new parts.Arrivals(this, receiveDescriptors, receiveCredentials);
    if (!isOurs) return;
    if (!pipes.HAS_HANDLES) {
      const error = this.#attach(handle, keeps, options.pauseOnCreate);
      if (error) throw error;
    }
    if (ahead !== undefined) this.unshift(ahead);
    if (keeps && pipes.HAS_HANDLES) this.#keep(handle);
    if (receives && !options.pauseOnCreate) this.read(0);
  }

  connect(...args) {
    const [options, listener] = connectArguments(args);
    // (After any other end a socket can connect again.)
    if (this.destroyed && this.#signal?.aborted) return this;
    if (options.timeout) this.setTimeout(options.timeout);
    return publishClient(this, () => this.#connect(options, listener));
  }

  #connect(options, listener) {
    if (!pipes.HAS_HANDLES) return this.#connectAttached(options, listener);
    const before = starting;
    starting = { socket: this, options };
    try {
      return super.connect({ path: options.path }, ...(listener ? [listener] : []));
    } finally {
      starting = before;
    }
  }

  get _handle() {
    return super._handle;
  }

  /** Makes a handle that Node made for connecting connect through the library. */
  set _handle(pipe) {
    super._handle = pipe;
    if (pipe && starting?.socket === this) {
      const { options } = starting;
      pipe.connect = (request) => this.#start(pipe, request, options);
    }
  }

  #start(pipe, request, options) {
    if (this.#stopConnecting) return EALREADY;
    const { path, localAddress } = options;
    this.#remoteAddress = path;
    this.#localAddress = localAddress === '@' ? undefined : localAddress;
    const isRef = () => this.#isRef;
    const done = (error, handle) => {
      this.#stopConnecting = undefined;
      if (!error) error = this.#open(pipe, handle, isPath(localAddress));
      if (!error) return request?.oncomplete(0, pipe, request, true, true);
      this.emit('connectionAttemptFailed', path, undefined, undefined, error);
      this.destroy(error);
    };
    this.#stopConnecting = connectHandle({ ...options, type: 'stream' }, isRef, done);
    return 0;
  }

  /** What went wrong. */
  #open(pipe, handle, hasFile) {
    const keeps = hasFile || this.#arrivals !== undefined;
    if (!pipe) return this.#attach(handle, keeps);
    try {
      pipes.open(pipe, descriptorOf(handle, keeps));
      if (keeps) this.#keep(handle);
      return undefined;
    } catch (error) {
      if (keeps) handles.close(handle);
      return error;
    }
  }

  // ---- for runtimes without Node's handles

  /** What went wrong. */
  #attach(handle, keeps, isPaused = false) {
    let fd;
    try {
      fd = descriptorOf(handle, keeps);
    } catch (error) {
      if (keeps) handles.close(handle);
      return error;
    }
    const onOpen = () => {
      if (keeps) this.#keep(handle);
    };
    attach(this, fd, isPaused, onOpen);
    return undefined;
  }

  #connectAttached(options, listener) {
    if (this._handle || this.#stopConnecting) {
      const code = this._handle ? EISCONN : EALREADY;
      return this.destroy(failure(code, 'connect', options.path));
    }
    if (listener) this.once('connect', listener);
    if (this.destroyed) this._undestroy();
    this.connecting = true;
    this.emit('connectionAttempt', options.path, undefined, undefined);
    this.#start(undefined, undefined, options);
    return this;
  }

  #keep(handle) {
    this.#kept = new parts.Kept(this, handle, this.#isRef);
    if (this.#arrivals) this.#kept.receive(this.#arrivals);
  }

  /** Another handle, with a descriptor of its own. */
  #another() {
    const copy = check(calls.duplicate(this.#descriptor), 'dup');
    return handles.adopt(copy, 'stream');
  }

  get #descriptor() {
    const fd = this.connecting ? undefined : this._handle?.fd;
    if (fd === undefined || fd < 0) throw failure(ENOTCONN, 'getsockopt');
    return fd;
  }

  // ---- descriptors in the stream

  /**
   * Takes the first `count` descriptors that came with what has been read so far. The caller has to
   * close them. (If there is a listener for 'descriptors', they go there instead.)
   */
  takeFds(count) {
    if (count !== undefined) checkInteger(count, 'count', 0, Number.MAX_SAFE_INTEGER);
    return this.#arrivals?.take(count) ?? [];
  }

  /**
   * Passes descriptors along with `data`, which must not be empty. They stay open here, and may be
   * closed when this returns; with `consume` they are closed once they were sent. The peer has to
   * ask for them (`receiveDescriptors`).
   */
  sendDescriptors(fds, data, options, callback) {
    if (typeof options === 'function') [options, callback] = [{}, options];
    const chunk = typeof data === 'string' ? Buffer.from(data) : data;
    if (!isBytes(chunk) || chunk.length === 0) {
      throw invalidArgument('data', 'a string or Uint8Array that is not empty', data);
    }
    // A new Buffer, by which the stream's chunk is recognised: the same bytes may be sent again.
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const passing = new parts.Passing(fds, options?.consume);
    this.#passing ??= new WeakMap();
    this.#passing.set(buffer, passing);
    return super.write(buffer, (error) => {
      passing.close();
      if (typeof callback === 'function') callback(error);
    });
  }

  /** `(data[, encoding][, callback])`, or `{ fds }` in the encoding's place: sendDescriptors. */
  static #write(data, encoding, callback) {
    if (typeof encoding === 'object' && encoding?.fds !== undefined) {
      return this.sendDescriptors(encoding.fds, data, encoding, callback);
    }
    const nodes = (#nodesWrite in this && this.#nodesWrite) || net.Socket.prototype.write;
    return nodes.call(this, data, encoding, callback);
  }

  get write() {
    return Socket.#write;
  }

  /**
   * Programs may set their own. Node sets it, too: to another of its own functions when the peer
   * has ended, and back when the socket connects again. Neither knows of descriptors.
   */
  set write(value) {
    const isNodes = value === net.Socket.prototype.write || NODES_WRITES.includes(value?.name);
    if (isNodes) this.#nodesWrite = value;
    else Object.defineProperty(this, 'write', { value, writable: true, configurable: true });
  }

  _write(data, encoding, callback) {
    const passing = this.#passing?.get(data);
    if (passing) this.#pass(data, passing, callback);
    else super._write(data, encoding, this.#told(callback));
  }

  /** Node's streams forget that what destroy() cut short has not gone; Bun's have their own word. */
  #told(callback) {
    return (error) => {
      const isCut = this.destroyed && (!error || isBunsWord(error));
      callback(isCut ? failure(ECANCELED, 'write') : (error ?? null));
    };
  }

  _writev(chunks, callback) {
    if (!chunks.some(({ chunk }) => this.#passing?.has(chunk))) {
      return super._writev(chunks, this.#told(callback));
    }
    // Chunk by chunk, since descriptors have their place among the bytes.
    const next = (i) => {
      if (i === chunks.length) return callback();
      const { chunk, encoding } = chunks[i];
      this._write(chunk, encoding, (error) => (error ? callback(error) : next(i + 1)));
    };
    next(0);
  }

  #pass(data, passing, callback) {
    if (this.connecting) return this.#passLater(data, passing, callback);
    // (Node's own says what is wrong.)
    if (!this._handle) return super._write(data, 'buffer', callback);
    if (this.#kept === undefined) this.#keep(this.#another());
    this.#kept.pass({ data, passing }, (error, size) => {
      if (error || size === data.length) return callback(error);
      super._write(data.subarray(size), 'buffer', this.#told(callback));
    });
  }

  #passLater(data, passing, callback) {
    const onClose = () => callback(failure(ENOTCONN, 'write'));
    this.once('close', onClose);
    this.once('connect', () => {
      this.off('close', onClose);
      this.#pass(data, passing, callback);
    });
  }

  // ---- the end

  _destroy(error, callback) {
    // A signal that has come already destroys it from within the constructor of a stream.
    if (!(#kept in this)) return super._destroy(error, callback);
    this.#stopConnecting?.();
    this.#stopConnecting = undefined;
    this.#arrivals?.close();
    super._destroy(error, callback);
    this.#kept?.close();
    this.#before = this.#kept;
    this.#kept = undefined;
  }

  /**
   * Gives its descriptor away: the caller has to close it. This socket is destroyed. What it has
   * read ahead goes to the socket of this process that takes the descriptor.
   */
  release() {
    const fd = check(calls.duplicate(this.#descriptor), 'dup');
    // What was written has been sent, as far as there was room, and the end after it.
    if (this.writableEnded && this.writableLength === 0 && !this.writableFinished) {
      calls.end_descriptor(fd);
    }
    leaveAhead(this, fd, (chunks) => Buffer.concat(chunks));
    this.destroy();
    if (this.#isBlocking) calls.set_nonblocking(fd, 0);
    return fd;
  }

  /** Before it connects this changes nothing: Node calls ref() or unref() again when it does. */
  #setRef(isRef) {
    if (this._handle || this.connecting) this.#isRef = isRef;
  }

  ref() {
    this.#setRef(true);
    super.ref();
    this.#kept?.ref();
    return this;
  }

  unref() {
    this.#setRef(false);
    super.unref();
    this.#kept?.unref();
    return this;
  }

  get bytesRead() {
    return (this[BYTES_READ] ?? super.bytesRead) + this.#counted('bytesReceived');
  }

  /** (Bun counts in a property.) */
  set bytesRead(value) {
    this[BYTES_READ] = value;
  }

  get bytesWritten() {
    // (Asked of the prototype Node's says that there are none.)
    return #kept in this ? super.bytesWritten + this.#counted('bytesPassed') : undefined;
  }

  /** What went through the library's handle. */
  #counted(what) {
    return (this.#kept ?? this.#before)?.[what] ?? 0;
  }

  // ---- addresses

  get localAddress() {
    if (this.pending) return undefined;
    return this.#localAddress ?? this[ask](handles.localAddress);
  }

  get remoteAddress() {
    if (this.pending) return undefined;
    return this.#remoteAddress ?? this[ask](handles.remoteAddress);
  }

  get remoteFamily() {
    return this.pending ? undefined : 'unix';
  }

  // ---- who is at the other end

  /**
   * Asks the library, through a handle; if there is none, through one that is made for this
   * question. (That has no descriptor of its own: none may be left when a server asks who has
   * connected.)
   */
  [ask](question) {
    if (this.#kept !== undefined) return question(this.#kept.handle);
    const handle = handles.adopt(this.#descriptor, 'stream');
    try {
      return question(handle);
    } finally {
      handles.release(handle);
    }
  }
}

function isBunsWord({ code }) {
  return !pipes.HAS_HANDLES && code === 'ERR_SOCKET_CLOSED';
}

/** The handle's descriptor, or a copy of it if the handle keeps it. */
function descriptorOf(handle, isKept) {
  if (!isKept) return handles.release(handle);
  return check(calls.duplicate(calls.fd(handle)), 'dup');
}

function pipeOf(handle, isKept) {
  try {
    return pipes.ofConnection(descriptorOf(handle, isKept));
  } catch (error) {
    if (isKept) handles.close(handle);
    throw error;
  }
}

/** The same as `new Socket`, without the detour that lets programs call it without `new`. */
function newSocket(options) {
  return new Socket(options);
}

function loadParts() {
  return Object.values(parts);
}

module.exports = { Socket: callable(connected(Socket)), loadParts, newSocket };
