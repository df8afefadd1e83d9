'use strict';
// Messages with what goes along: addresses, descriptors, credentials.

const { calls } = require('./library.js');
const { ADDRESS_SIZE, FDS_LOST, MAX_DESCRIPTORS, TRUNCATED, UNKNOWN } = require('./constants.js');
const { checkArray, checkInteger } = require('./arguments.js');
const { check } = require('./errors.js');

/** The words of what a message has besides. */
const [FLAGS, DESCRIPTORS, ADDRESS, PID, UID, GID, WORDS] = [0, 1, 2, 3, 4, 5, 6];

// The largest message that the kernel takes.
const LARGEST = 4352 * 1024;

/** The descriptors of what the program gave: numbers, and objects that have an `fd`. */
function numbersOf(descriptors) {
  return Int32Array.from(checkArray(descriptors, 'fds'), (descriptor) => {
    const fd = typeof descriptor === 'object' ? descriptor?.fd : descriptor;
    // (A closed FileHandle has -1, which is EBADF.)
    return checkInteger(fd, 'fds', -1, 2 ** 31 - 1);
  });
}

/**
 * Descriptors that are to be sent, from the moment of the call on: the program may close its own
 * when that returns. With `consume` they are the program's own, which are closed when they have
 * gone.
 */
class Passing {
  /** An Int32Array. */
  fds;

  constructor(descriptors, consume = false) {
    this.fds = numbersOf(descriptors);
    if (consume) return;
    const copies = [];
    try {
      for (const fd of this.fds) copies.push(check(calls.duplicate(fd), 'dup'));
    } catch (error) {
      closeAll(copies);
      throw error;
    }
    this.fds = Int32Array.from(copies);
  }

  /** Once: they have gone, or never will. */
  close() {
    closeAll(this.fds);
    this.fds = new Int32Array(0);
  }
}

/** Sends without waiting: how many bytes went, or an error code. `to`: a datagram's address. */
function sendMessage(handle, { data, passing, to }) {
  return calls.send(handle, data, passing?.fds, to || undefined);
}

let room;

/** One for all: what came is copied out before the next message. */
function receivingRoom() {
  room ??= {
    data: Buffer.allocUnsafeSlow(LARGEST),
    descriptors: new Int32Array(MAX_DESCRIPTORS),
    address: Buffer.allocUnsafeSlow(ADDRESS_SIZE),
    words: new Int32Array(WORDS),
  };
  return room;
}

/**
 * Receives without waiting, `size` bytes at most: an error code, or the message with what came
 * along.
 */
function receiveMessage(handle, size = LARGEST) {
  const { data, descriptors, address, words } = receivingRoom();
  const result = calls.receive(handle, data, size, descriptors, address, words);
  if (result < 0) return result;
  const info = { fds: Array.from(descriptors.subarray(0, words[DESCRIPTORS])) };
  const [pid, uid, gid] = [PID, UID, GID].map((place) => words[place] >>> 0);
  // Of a process of another PID namespace only the number is unknown.
  if (pid !== 0 || uid !== UNKNOWN || gid !== UNKNOWN) info.credentials = { pid, uid, gid };
  if (words[FLAGS] & FDS_LOST) info.fdsLost = true;
  if (words[FLAGS] & TRUNCATED) info.truncated = true;
  return {
    data: Buffer.from(data.subarray(0, result)),
    address: address.toString('utf8', 0, words[ADDRESS]),
    info,
  };
}

/** Descriptors that nobody took. */
function closeAll(fds) {
  for (const fd of fds) calls.close_descriptor(fd);
}

module.exports = { Passing, closeAll, numbersOf, receiveMessage, sendMessage };
