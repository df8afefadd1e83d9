'use strict';
// What has gone through a socket, a server or a poller, by calls of the library.

const { calls } = require('./library.js');
const { check, invalidArgument } = require('./errors.js');

const SIZE = 104;

/** Of what has a handle, or of a handle. */
function counters(of) {
  const handle = typeof of === 'number' ? of : of?.handle;
  if (typeof handle !== 'number') {
    throw invalidArgument('of', 'a server, a connection, a datagram socket, a poller or a handle', of);
  }
  const out = Buffer.alloc(SIZE);
  check(calls.get_counters(handle, out), 'get_counters');
  const count = (offset) => Number(out.readBigUInt64LE(offset));
  return {
    sentBytes: count(8),
    sentMessages: count(16),
    receivedBytes: count(24),
    receivedMessages: count(32),
    sleeps: count(40),
    spinsPaid: count(48),
    spinsLost: count(56),
    accepted: count(64),
    refused: count(72),
    keptBytes: count(80),
    keptBytesMost: count(88),
    dropped: count(96),
  };
}

module.exports = { counters };
