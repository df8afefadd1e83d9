'use strict';
// What is at an address, without being noticed there.

const { calls, inPool } = require('./library.js');
const { absolute } = require('./address.js');
const { KIND_NAME, UNKNOWN } = require('./constants.js');
const { checkAddress } = require('./arguments.js');
const { check, newErrorBuffer } = require('./errors.js');

const SIZE = 64;
const REACH = ['all', 'most', 'few'];
const STATES = ['absent', 'live', 'stale', 'not a socket'];

async function inspect(path) {
  const address = absolute(checkAddress(path));
  const details = newErrorBuffer();
  const out = Buffer.alloc(SIZE);
  check(await inPool(calls.later_inspect, 0, address, [out, details]), 'inspect', path, details);
  const known = (value, unknown) => (value === unknown ? undefined : value);
  return {
    state: STATES[out.readUInt32LE(4)],
    type: KIND_NAME[out.readUInt32LE(8)],
    mode: out.readUInt32LE(12),
    uid: known(out.readUInt32LE(16), UNKNOWN),
    gid: known(out.readUInt32LE(20), UNKNOWN),
    pid: known(out.readInt32LE(24), 0),
    processUid: known(out.readUInt32LE(28), UNKNOWN),
    device: out.readBigUInt64LE(32),
    inode: out.readBigUInt64LE(40),
    queue: out.readUInt32LE(48),
    queueLimit: known(out.readUInt32LE(52), 0),
    processes: out.readUInt32LE(56),
    reach: REACH[out.readUInt32LE(60)],
  };
}

module.exports = { inspect };
