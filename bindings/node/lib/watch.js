'use strict';
// Descriptors that Node's loop watches.

const { AsyncResource } = require('node:async_hooks');
const { HAS_LIBUV, calls } = require('./library.js');
const { check } = require('./errors.js');

const [READABLE, WRITABLE] = [1, 2];

/** Calls back whenever its descriptor is ready for the events that it watches. */
class Watch {
  #watch;

  /**
   * `callback` gets what the descriptor is ready for. With a `server` its connections are accepted,
   * and the callback gets the handle of each, or with `releases` the descriptor, or an error code.
   * Without a descriptor (-1) each `listen` asks for one call: after the loop has next looked for
   * what is ready, before immediates.
   */
  constructor(fd, callback, server = 0, releases = false) {
    // A thread of ours would call it in the asynchronous context of whoever was called last.
    const call = HAS_LIBUV ? callback : AsyncResource.bind(callback);
    this.#watch = calls.watch_open(fd, call, server, Number(releases));
    if (this.#watch === undefined) throw new Error('udsock: a descriptor can\'t be watched');
  }

  /** The events to watch: READABLE, WRITABLE, both, or 0. */
  listen(events) {
    check(calls.watch_listen(this.#watch, events), 'watch');
    return this;
  }

  ref() {
    calls.watch_hold(this.#watch, 1);
    return this;
  }

  unref() {
    calls.watch_hold(this.#watch, 0);
    return this;
  }

  /** To be called before the descriptor is closed. */
  close() {
    calls.watch_close(this.#watch);
  }
}

const due = [];
let afterLook;

/**
 * Calls back after the loop has next looked for what is ready, which it does at once. At that point
 * libuv reports that a connection was made; so a server of this process has accepted it by then.
 * Returns a function that stops it.
 */
function soon(callback) {
  const call = { run: callback, context: new AsyncResource('UdsockConnecting') };
  afterLook ??= new Watch(-1, runNext);
  afterLook.listen(READABLE);
  if (due.push(call) === 1) setImmediate(goOn);
  return () => {
    call.run = undefined;
  };
}

/**
 * Keeps the loop from waiting while something is due. (An immediate may run in the turn in which it
 * was made, so it makes another one.)
 */
function goOn() {
  if (due.length > 0) setImmediate(goOn);
}

function runNext() {
  const { run, context } = due.shift();
  if (run !== undefined) context.runInAsyncScope(run);
}

module.exports = { READABLE, WRITABLE, Watch, soon };
