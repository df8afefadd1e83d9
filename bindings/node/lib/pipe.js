'use strict';
// Node's own handles for streams over descriptors. Its net.Socket and net.Server work on them, and
// so does all that is built on these: TLS, HTTP, child processes.

const net = require('node:net');
const { isMainThread } = require('node:worker_threads');
const { calls } = require('./library.js');
const { KIND } = require('./constants.js');
const { check, failure } = require('./errors.js');

const [CONNECTION, SERVER] = [0, 1];

/** Bun has none: there a net.Socket is made over its descriptor as in attached.js. */
const HAS_HANDLES = '_handle' in net.Socket.prototype;

/** Deno leaves what it was given as a descriptor open when a worker ends. */
const OUTLIVES_THREAD = !isMainThread && globalThis.Deno !== undefined;

let Pipe;

/** The class of the handles, which Node gives no name: that of a socket over any descriptor. */
function classOfPipes() {
  const both = new BigInt64Array(2);
  check(calls.open_pair(KIND.stream, both), 'socketpair');
  const [one, other] = Array.from(both, Number);
  calls.close(other);
  const fd = check(calls.release(one), 'release');
  try {
    const socket = new net.Socket({ fd, manualStart: true });
    const { constructor } = socket._handle;
    socket.destroy();
    return constructor;
  } catch (error) {
    // (Node's permission model may forbid it.)
    calls.close_descriptor(fd);
    throw error;
  }
}

function create(type) {
  Pipe ??= classOfPipes();
  return new Pipe(type);
}

/** The descriptor belongs to the handle from now on; after a failure it is closed. */
function open(pipe, fd) {
  const result = pipe.open(fd);
  if (result >= 0 && OUTLIVES_THREAD) calls.own_stream(fd);
  if (result >= 0) return pipe;
  calls.close_descriptor(fd);
  throw failure(result, 'open');
}

function ofConnection(fd) {
  return open(create(CONNECTION), fd);
}

function ofServer(fd) {
  return open(create(SERVER), fd);
}

/** From now on the handle's stream is read by somebody else, who is told when to start and stop. */
function readBy(handle, start, stop) {
  if (!HAS_HANDLES) {
    handle.pause();
    handle.resume = start;
    handle.pause = stop;
  } else {
    handle.readStart = start;
    handle.readStop = stop;
  }
}

module.exports = { HAS_HANDLES, ofConnection, ofServer, open, readBy };
