'use strict';
// Receives the messages of all datagram and seqpacket sockets of a thread: by one poller of the
// library, whose descriptor Node's loop watches. A round of the loop takes one call, however many
// sockets are ready.

const { calls } = require('./library.js');
const { EVENT, MEMBER } = require('./constants.js');
const { check } = require('./errors.js');
const { READABLE, Watch } = require('./watch.js');
const handles = require('./handle.js');

const EVENTS = 256;
const EVENT_SIZE = 40;
const EVENT_WORDS = EVENT_SIZE / 4;
const HIGH = 2 ** 32;

// The largest message that the kernel takes, and an address: so no message is ever cut.
const ARENA_SIZE = 4352 * 1024;

/**
 * Calls back for a member, in the asynchronous context that it was made in. What that throws
 * becomes an uncaught exception, and the other members go on.
 */
function guarded(member, callback, ...args) {
  try {
    if (member === undefined) callback(...args);
    else member.context.runInAsyncScope(callback, undefined, ...args);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

class Loop {
  #poller;
  #watch;
  #events = new Uint32Array(EVENTS * EVENT_WORDS);
  #arena = Buffer.allocUnsafeSlow(ARENA_SIZE);
  /** The members by their tokens. */
  #members = [];
  #freeTokens = [];
  #holds = 0;

  constructor() {
    this.#poller = handles.own(check(calls.poller_create(null), 'poller_create'));
    const fd = check(calls.poller_fd(this.#poller), 'poller_fd');
    this.#watch = new Watch(fd, () => this.#dispatch()).listen(READABLE).unref();
  }

  /**
   * Receives for a member, which has a `handle`, a `context` and the methods that its events call.
   * With `onlyReadiness` only `onReady` is called, and the member receives by itself.
   */
  add(member, onlyReadiness = false) {
    const token = this.#freeTokens.pop() ?? this.#members.length;
    const flags = onlyReadiness ? MEMBER.READINESS : 0;
    const result = calls.poller_add(this.#poller, member.handle, token, flags);
    if (result < 0) {
      this.#freeTokens.push(token);
      check(result, 'poller_add');
    }
    this.#members[token] = member;
    member.token = token;
  }

  remove(member) {
    calls.poller_remove(this.#poller, member.handle);
    this.forget(member);
  }

  /** To be called for a member that has left the poller by itself. */
  forget(member) {
    this.#members[member.token] = undefined;
    this.#freeTokens.push(member.token);
    member.token = -1;
  }

  /** Keeps the process alive until it is released as often. */
  hold() {
    if (this.#holds++ === 0) this.#watch.ref();
  }

  release() {
    if (--this.#holds === 0) this.#watch.unref();
  }

  #dispatch() {
    const count = calls.poller_wait(this.#poller, this.#events, this.#arena, ARENA_SIZE);
    check(count, 'poller_wait');
    for (let at = 0; at < count * EVENT_WORDS; at += EVENT_WORDS) {
      const member = this.#members[this.#events[at + 2]];
      guarded(member, this.#deliver, at, member);
    }
  }

  #deliver = (at, member) => {
    const events = this.#events;
    const handle = events[at + 1] * HIGH + events[at];
    if (member?.handle !== handle) return;
    switch (events[at + 4]) {
      case EVENT.RECEIVED:
        return member.onReceived(this.#data(at), this.#address(at));
      case EVENT.ENDED:
        return member.onEnded();
      case EVENT.FAILED:
        return member.onFailed(events[at + 5] | 0);
      case EVENT.READY:
        return member.onReady();
    }
  };

  /** The next round overwrites the arena. */
  #data(at) {
    const [offset, size] = [this.#events[at + 6], this.#events[at + 7]];
    const data = Buffer.allocUnsafe(size);
    this.#arena.copy(data, 0, offset, offset + size);
    return data;
  }

  #address(at) {
    const [offset, size] = [this.#events[at + 8], this.#events[at + 9]];
    return size === 0 ? '' : this.#arena.toString('utf8', offset, offset + size);
  }
}

let loop;

/** The loop of this thread. */
function currentLoop() {
  return (loop ??= new Loop());
}

module.exports = { currentLoop };
