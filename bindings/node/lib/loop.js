'use strict';
// What drives all sockets of a thread: one poller of the library, whose descriptor Node's loop
// watches. A round of the loop takes one call, however many sockets have something to tell.

const koffi = require('koffi');
const { calls, pointerTo } = require('./library.js');
const { DONT_KEEP, EVENT, READINESS } = require('./constants.js');
const { check } = require('./errors.js');
const { Outgoing } = require('./outgoing.js');
const handles = require('./handle.js');

const EVENTS = 256;
const EVENT_SIZE = 40;
const EVENT_WORDS = EVENT_SIZE / 4;
const HIGH = 2 ** 32;

// The largest message that the kernel takes, and an address: none is ever cut.
const ARENA_SIZE = 4352 * 1024;

// What members send in a turn goes in one call, as far as it is small.
const OUTPUT_SIZE = 1 << 20;

// Small messages of a round share a copy: as large as what small Buffers of Node's own share.
const SHARED = Buffer.poolSize;

/**
 * Calls back for a member, in the asynchronous context that it was made in. What it throws is said
 * where Node looks for it, and the others go on.
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

// Node's loop still runs while it shuts down, and koffi would call into what is no more.
const watches = new Set();

process.on('exit', () => {
  for (const handle of watches) handle.close();
  handles.closeAll();
});

/**
 * Calls back in the loop's phase for immediates whenever a descriptor is ready: koffi calls from
 * the phase before, where nobody would run the promises and ticks that follow.
 */
function watch(fd, interest, callback) {
  let isDue = false;
  let isOpen = true;
  const run = () => {
    isDue = false;
    if (isOpen) callback();
  };
  const handle = koffi.node.poll(fd, interest, () => {
    if (isDue) return;
    isDue = true;
    setImmediate(run);
  });
  watches.add(handle);
  return {
    ref: () => handle.ref(),
    unref: () => handle.unref(),
    close() {
      isOpen = false;
      if (watches.delete(handle)) handle.close();
    },
  };
}

class Loop {
  #poller;
  #watch;
  #events = new Uint32Array(EVENTS * EVENT_WORDS);
  #eventsPointer = pointerTo(this.#events);
  #arena = Buffer.allocUnsafeSlow(ARENA_SIZE);
  #arenaPointer = pointerTo(this.#arena);
  #outgoing = new Outgoing(Buffer.allocUnsafeSlow(OUTPUT_SIZE), 0, EVENTS);
  #senders = [];
  /** A copy of the arena's beginning, for the messages there. */
  #shared;
  /** By token. */
  #members = [];
  #freeTokens = [];
  #holds = 0;
  #deferred = [];
  #isDispatching = false;

  constructor() {
    this.#poller = handles.own(check(calls.poller_create(null), 'poller_create'));
    const fd = check(calls.poller_fd(this.#poller), 'poller_fd');
    this.#watch = watch(fd, { readable: true }, () => this.#dispatch());
    this.#watch.unref();
  }

  get poller() {
    return this.#poller;
  }

  /**
   * Receives (or accepts) for a member, which has a `handle`, a `context` and the methods that
   * its events call. With `onlyReadiness` it is told `onReady`, and receives by itself.
   */
  add(member, onlyReadiness = false) {
    const token = this.#freeTokens.pop() ?? this.#members.length;
    const flags = onlyReadiness ? READINESS : 0;
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

  /** For a member that has left the poller by itself. */
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

  /**
   * Sends when this turn's callbacks have run: a member's `smallOutput`, of which it is told
   * `onSent`, or whatever its `flush` sends.
   */
  defer(member) {
    if (this.#deferred.push(member) === 1 && !this.#isDispatching) {
      process.nextTick(() => this.#flush());
    }
  }

  #flush() {
    while (this.#deferred.length > 0) {
      const members = this.#deferred;
      this.#deferred = [];
      for (const member of members) {
        if (!this.#takeAlong(member)) guarded(member, flush, member);
      }
      this.#sendTogether();
    }
  }

  #takeAlong(member) {
    const data = member.smallOutput;
    if (data === undefined) return false;
    const size = data.length;
    if (!this.#outgoing.hasRoom(size)) this.#sendTogether();
    this.#outgoing.push(member.handle, this.#outgoing.put(data, size), size, DONT_KEEP);
    this.#senders.push(member);
    return true;
  }

  #sendTogether() {
    const senders = this.#senders;
    if (senders.length === 0) return;
    this.#senders = [];
    this.#outgoing.send(this.#poller);
    const results = senders.map((_, i) => this.#outgoing.result(i));
    senders.forEach((member, i) => guarded(member, onSent, results[i], member));
  }

  #dispatch() {
    const [events, arena] = [this.#eventsPointer, this.#arenaPointer];
    const count = calls.poller_wait(this.#poller, events, EVENTS, arena, ARENA_SIZE, 0);
    check(count, 'poller_wait');
    this.#isDispatching = true;
    this.#shared = undefined;
    for (let at = 0; at < count * EVENT_WORDS; at += EVENT_WORDS) {
      const member = this.#members[this.#events[at + 2]];
      guarded(member, this.#deliver, at, member);
    }
    this.#isDispatching = false;
    this.#flush();
  }

  #deliver = (at, member) => {
    const events = this.#events;
    const handle = events[at + 1] * HIGH + events[at];
    if (events[at + 4] === EVENT.ACCEPTED) {
      // The server may have been closed by a callback before.
      handles.own(handle);
      if (member?.onAccepted) member.onAccepted(handle);
      else handles.close(handle);
      return;
    }
    if (member?.handle !== handle) return;
    switch (events[at + 4]) {
      case EVENT.RECEIVED:
        return member.onReceived(this.#data(at), this.#address(at));
      case EVENT.DRAINED:
        return member.onDrained();
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
    if (offset + size > SHARED) return Buffer.from(this.#arena.subarray(offset, offset + size));
    this.#shared ??= this.#arena.buffer.slice(0, SHARED);
    return Buffer.from(this.#shared, offset, size);
  }

  #address(at) {
    const [offset, size] = [this.#events[at + 8], this.#events[at + 9]];
    return size === 0 ? '' : this.#arena.toString('utf8', offset, offset + size);
  }
}

function flush(member) {
  member.flush();
}

function onSent(result, member) {
  member.onSent(result);
}

let loop;

/** This thread's. */
function currentLoop() {
  return (loop ??= new Loop());
}

module.exports = { currentLoop, watch };
