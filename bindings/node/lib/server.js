'use strict';
// Servers: Node's own. They listen on sockets that the library has opened, and get what it accepts.

const net = require('node:net');
const { Acceptor } = require('./accepting.js');
const { isPath, listenArguments } = require('./address.js');
const { ByHandle } = require('./attached.js');
const { callable, over } = require('./callable.js');
const { disposed } = require('./connected.js');
const { calls } = require('./library.js');
const { KIND, OPTION } = require('./constants.js');
const { checkInteger, checkOptions } = require('./arguments.js');
const { publishConnection, publishFailure } = require('./channels.js');
const { check, coded, errorBuffer, failure, invalidArgument } = require('./errors.js');
const { loadParts, newSocket } = require('./socket.js');
const handles = require('./handle.js');
const pipes = require('./pipe.js');

/** How often a server with `restoreFile` looks whether it has lost its path, in milliseconds. */
const LOOK_UP = 200;

/** Whether connections need the library's handle beside Node's, or instead of it. */
function keepsHandles(type, { receiveDescriptors, receiveCredentials, maxPerUid }) {
  if (type === 'seqpacket' || maxPerUid != null || !pipes.HAS_HANDLES) return true;
  return Boolean(receiveDescriptors || receiveCredentials);
}

/** Opens a listening socket of the library, with the options of the server and of `listen()`. */
function openSocket({ type, settings, options, binding }) {
  const { fd, path, backlog = 0 } = options;
  if (fd != null) {
    const handle = handles.adopt(fd, type);
    return prepared(handle, settings, () => check(calls.listen(handle, backlog), 'listen'));
  }
  const handle = handles.own(check(calls.create(KIND[type]), 'listen', path));
  return prepared(handle, settings, () => {
    // A connection whose descriptor the program gets takes descriptors, as accept(2)'s do.
    if (!keepsHandles(type, settings)) handles.setOption(handle, OPTION.RECEIVE_FDS, 1);
    const details = errorBuffer();
    check(handles.bind(handle, path, binding, details), 'listen', path, details);
    check(calls.listen(handle, backlog), 'listen', path);
  });
}

/** Sets what its connections inherit, and what must hold before the first one. */
function prepared(handle, settings, open) {
  const { receiveDescriptors, receiveCredentials, maxPerUid } = settings;
  try {
    if (receiveDescriptors) handles.setOption(handle, OPTION.RECEIVE_FDS, 1);
    if (receiveCredentials) handles.setOption(handle, OPTION.RECEIVE_CREDENTIALS, 1);
    if (maxPerUid) handles.setOption(handle, OPTION.MAX_PER_UID, maxPerUid);
    if (settings.allow) require('./access.js').allow(handle, settings.allow);
    open();
    return handle;
  } catch (error) {
    handles.close(handle);
    throw error;
  }
}

const notRunning = () => coded(Error, 'ERR_SERVER_NOT_RUNNING', 'Server is not running.');

/** A server of Node's (net.Server, http.Server) that listens on the library's sockets. */
const Listening = (Base) =>
  class extends (pipes.HAS_HANDLES ? over(Base) : ByHandle(over(Base))) {
    #type;
    #settings;
    #keepsHandles;
    /** The class of its connections, if they are not streams. */
    #Connection;
    /** The arguments of listen(), as long as it runs. */
    #options;
    #binding;
    /** The listening socket, which accepts and has the file. */
    #socket;

    constructor(options, listener = undefined) {
      if (typeof options === 'function') [options, listener] = [{}, options];
      options = checkOptions(options);
      const { type = 'stream', maxPerUid } = options;
      if (type !== 'stream' && type !== 'seqpacket') {
        throw invalidArgument('options.type', "'stream' or 'seqpacket'", type);
      }
      if (maxPerUid != null) checkInteger(maxPerUid, 'options.maxPerUid', 0, 2 ** 31 - 1);
      const allow = options.allow && require('./access.js').checkRules(options.allow);
      super(options, listener);
      this.#type = type;
      this.#settings = { ...options, allow };
      this.#keepsHandles = keepsHandles(type, options);
      // Loaded now: at the first connection there may be no descriptor left to read the files.
      if (type === 'seqpacket') this.#Connection = require('./connection.js').Connection;
      else if (this.#keepsHandles) loadParts();
    }

    // ---- opening

    /** Opens the socket in this call, with the umask and the working directory of this moment. */
    listen(...args) {
      const [options, callback] = listenArguments(args);
      this.#options = options;
      this.#binding = handles.bindArguments(options);
      // Node itself opens nothing. So it gets an address in any case, and nothing that would make
      // it go another way. (Exclusive: not by way of a cluster's primary.)
      const { fd, handle, _handle, host, port, readableAll, writableAll, ...rest } = options;
      const how = { ...rest, path: options.path || 'udsock', exclusive: true };
      return super.listen(how, ...(callback ? [callback] : []));
    }

    /** Node's listen() calls this after it has looked at its arguments. */
    _listen2(...args) {
      const [options, binding] = [this.#options, this.#binding];
      try {
        this._handle = this.#open({ type: this.#type, settings: this.#settings, options, binding });
      } catch (error) {
        publishFailure(this, error);
        process.nextTick(() => this.emit('error', error));
        return;
      }
      super._listen2(...args);
    }

    /** A handle for net.Server, which does what Node wants with the library's socket. */
    #open(how) {
      const handle = openSocket(how);
      let pipe = { close() {} };
      try {
        if (pipes.HAS_HANDLES) {
          pipe = pipes.ofServer(check(calls.duplicate(calls.fd(handle)), 'dup'));
        }
      } catch (error) {
        handles.close(handle);
        throw error;
      }
      let acceptor;
      let lookUp;
      const { close } = pipe;
      const address = handles.localAddress(handle) ?? null;
      const socket = { handle, address, isClosing: false, isReleased: false, fd: undefined };
      this.#socket = socket;
      pipe.listen = () => {
        const onConnection = (connection) => this.#onConnection(connection);
        const onFailed = (code) => this.#onFailed(code);
        acceptor = new Acceptor(handle, !this.#keepsHandles, onConnection, onFailed);
        if (how.options.restoreFile) {
          // The library looks, and takes the path back, when it is asked.
          lookUp = setInterval(() => calls.get_option(handle, OPTION.OWNS_FILE), LOOK_UP).unref();
        }
        return 0;
      };
      pipe.ref = () => acceptor.setRef(true);
      pipe.unref = () => acceptor.setRef(false);
      // The clients in the queue came before another server took the path, and would be reset. No
      // more can come now, so accepting them has an end.
      const hasLostPath = () =>
        how.options.fd == null &&
        isPath(address ?? undefined) &&
        calls.get_option(handle, OPTION.OWNS_FILE) === 0;
      pipe.close = (callback) => {
        // (A listener of 'connection' may close it from within.)
        if (socket.isClosing) return;
        socket.isClosing = true;
        if (!socket.isReleased && hasLostPath()) acceptor?.acceptWaiting();
        acceptor?.stop();
        clearInterval(lookUp);
        if (socket.isReleased) socket.fd = handles.release(handle);
        else handles.close(handle);
        close.call(pipe, callback);
      };
      return pipe;
    }

    // ---- connections

    /** Makes a connection of a handle, or of a descriptor. */
    #onConnection(accepted) {
      const keepsHandle = this.#keepsHandles;
      if (keepsHandle) handles.own(accepted);
      if (this.maxConnections != null && this._connections >= this.maxConnections) {
        if (keepsHandle) handles.close(accepted);
        else calls.close_descriptor(accepted);
        this.emit('drop', { localAddress: this.address() ?? undefined });
        return;
      }
      let connection;
      try {
        connection = keepsHandle ? this.#connectionOf(accepted) : this.#streamOf(accepted);
      } catch {
        // There was a descriptor for the connection, but none for the handle beside it.
        this.emit('drop', { localAddress: this.address() ?? undefined });
        return;
      }
      connection.server = this;
      connection._server = this;
      this._connections += 1;
      this.emit('connection', connection);
      if (this.#type === 'stream') publishConnection(connection);
    }

    #streamOf(fd) {
      return newSocket({
        handle: pipes.ofConnection(fd),
        allowHalfOpen: this.allowHalfOpen,
        pauseOnCreate: this.pauseOnConnect,
        localAddress: this.#socket.address ?? undefined,
        highWaterMark: this.highWaterMark,
      });
    }

    #connectionOf(handle) {
      const { receiveDescriptors, receiveCredentials, maxPerUid } = this.#settings;
      const options = {
        handle,
        allowHalfOpen: this.allowHalfOpen,
        pauseOnCreate: this.pauseOnConnect,
        receiveDescriptors,
        receiveCredentials,
      };
      if (this.#type === 'seqpacket') {
        return new this.#Connection({ ...options, highWaterMark: this.#settings.highWaterMark });
      }
      return newSocket({
        ...options,
        keepHandle: maxPerUid != null,
        localAddress: this.#socket.address ?? undefined,
        highWaterMark: this.highWaterMark,
      });
    }

    #onFailed(code) {
      this.emit('error', failure(code, 'accept', this.address()));
      this.close();
    }

    // ---- closing

    /**
     * Gives its descriptor away, to a successor say: the caller has to close it. The file stays.
     */
    release() {
      this.#checkOpen();
      const socket = this.#socket;
      if (socket.isClosing) throw notRunning();
      socket.isReleased = true;
      super.close();
      return check(socket.fd, 'release');
    }

    async [Symbol.asyncDispose]() {
      if (!this.listening && this._connections === 0) return;
      await disposed(this, () => this.listening && this.close());
    }

    // ---- properties

    #checkOpen() {
      if (!this.listening) throw notRunning();
      return this.#socket.handle;
    }

    get handle() {
      return this.listening ? this.#socket.handle : undefined;
    }

    /** The path, or the abstract name. */
    address() {
      return this.listening ? this.#socket.address : null;
    }

    /** Lets these clients in, too. After the first rule everyone else is refused. */
    async allow(rules) {
      const { allowLater, checkRules } = require('./access.js');
      await allowLater(this.#checkOpen(), checkRules(rules));
    }

    /** How many clients the rules have kept out. */
    get refused() {
      return check(calls.get_option(this.#checkOpen(), OPTION.REFUSED), 'getsockopt');
    }

    /** Whether the path still leads here: not after another server has replaced this one. */
    get ownsFile() {
      return calls.get_option(this.#checkOpen(), OPTION.OWNS_FILE) === 1;
    }

    /** How often a server with `restoreFile` has got its path back. */
    get restored() {
      return check(calls.get_option(this.#checkOpen(), OPTION.RESTORED), 'getsockopt');
    }

    /** Leaves the file to a successor: this process will not remove it. */
    disown() {
      check(calls.disown(this.#checkOpen()), 'disown');
      return this;
    }
  };

/** A server of stream or seqpacket connections. */
class Server extends Listening(net.Server) {}

module.exports = { Listening, Server: callable(Server) };
