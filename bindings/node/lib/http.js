'use strict';
// node:http over this library's sockets: servers that listen on an address, and requests with
// `socketPath`.

const http = require('node:http');
const { callable, over } = require('./callable.js');
const { Listening } = require('./server.js');
const { Socket } = require('./socket.js');

const Agent = callable(class Agent extends over(http.Agent) {
  /** `(options[, listener])` or `(path[, listener])`. */
  createConnection(given, listener) {
    const options = typeof given === 'object' ? given : { socketPath: given };
    const how = { ...options, path: options.socketPath };
    return new Socket(options).connect(how, ...(listener ? [listener] : []));
  }
});

let globalAgent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });

const Server = callable(class Server extends Listening(http.Server) {});

function createServer(options, listener) {
  return new Server(options, listener);
}

/** `(url[, options][, callback])` or `(options[, callback])`, as node:http has it. */
function request(...args) {
  const hasUrl = typeof args[0] === 'string' || args[0] instanceof URL;
  const [url, rest] = hasUrl ? [args.slice(0, 1), args.slice(1)] : [[], args];
  const given = typeof rest[0] === 'object' && rest[0] !== null ? rest.shift() : {};
  return http.request(...url, { ...given, agent: agentOf(given) }, ...rest);
}

function agentOf({ agent, createConnection }) {
  if (agent === false) return new globalAgent.constructor();
  // (Node calls the request's createConnection only if there is no agent.)
  return agent ?? (typeof createConnection === 'function' ? undefined : globalAgent);
}

function get(...args) {
  const made = request(...args);
  made.end();
  return made;
}

module.exports = {
  ...http,
  Agent,
  Server,
  createServer,
  get,
  request,
  get globalAgent() {
    return globalAgent;
  },
  set globalAgent(agent) {
    globalAgent = agent;
  },
};
