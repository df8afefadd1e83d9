'use strict';
// node:http over this library's sockets: servers that listen on an address, and requests with
// `socketPath`.

const http = require('node:http');
const { Server: SocketServer } = require('./server.js');
const { Socket } = require('./socket.js');

class Agent extends http.Agent {
  createConnection(options) {
    return new Socket(options).connect({ ...options, path: options.socketPath });
  }
}

const globalAgent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });

class Server extends http.Server {
  #sockets;

  constructor(options = {}, listener) {
    super(options, listener);
    const given = typeof options === 'object' ? options : {};
    this.#sockets = new SocketServer({ ...given, allowHalfOpen: true });
    for (const event of ['listening', 'connection', 'error', 'drop']) {
      this.#sockets.on(event, (...args) => this.emit(event, ...args));
    }
    // http.Server's own timers end with it, and it says that it is closed.
    this.#sockets.on('close', () => super.close());
  }

  listen(...args) {
    const callback = args.findLast((argument) => typeof argument === 'function');
    if (callback) this.once('listening', callback);
    this.#sockets.listen(...args.filter((argument) => argument !== callback));
    return this;
  }

  close(callback) {
    this.#sockets.close((error) => {
      if (error) callback?.(error);
      else if (callback) this.once('close', callback);
    });
    this.closeIdleConnections();
    return this;
  }

  async [Symbol.asyncDispose]() {
    if (!this.listening) return;
    await new Promise((resolve) => this.close(resolve));
  }

  get listening() {
    return this.#sockets?.listening ?? false;
  }

  address() {
    return this.#sockets.address();
  }

  getConnections(callback) {
    this.#sockets.getConnections(callback);
    return this;
  }

  /** See Server of the sockets. */
  allow(rules) {
    return this.#sockets.allow(rules);
  }

  ref() {
    this.#sockets.ref();
    return this;
  }

  unref() {
    this.#sockets.unref();
    return this;
  }
}

function createServer(options, listener) {
  return new Server(options, listener);
}

/** `(url[, options][, callback])` or `(options[, callback])`, as node:http has it. */
function request(...args) {
  const hasUrl = typeof args[0] === 'string' || args[0] instanceof URL;
  const [url, rest] = hasUrl ? [args.slice(0, 1), args.slice(1)] : [[], args];
  const given = typeof rest[0] === 'object' && rest[0] !== null ? rest.shift() : {};
  const agent = given.agent === false ? new Agent() : (given.agent ?? globalAgent);
  return http.request(...url, { ...given, agent }, ...rest);
}

function get(...args) {
  const made = request(...args);
  made.end();
  return made;
}

module.exports = { ...http, Agent, Server, createServer, get, globalAgent, request };
