'use strict';
// What every kind of socket can be asked and told.

const { isMainThread } = require('node:worker_threads');
const { calls, inPool } = require('./library.js');
const { ADDRESS_SIZE, BIND, EADDRINUSE, ERANGE, KIND_NAME, OPTION } = require('./constants.js');
const { check, coded, errorBuffer } = require('./errors.js');

const scratch = Buffer.alloc(ADDRESS_SIZE);

function textOf(call, handle, name) {
  const length = check(call(handle, scratch, scratch.length), name);
  return scratch.toString('utf8', 0, length);
}

/** `undefined`: it has none. */
function localAddress(handle) {
  return textOf(calls.local_address, handle, 'getsockname') || undefined;
}

function remoteAddress(handle) {
  const length = calls.remote_address(handle, scratch, scratch.length);
  return length > 0 ? scratch.toString('utf8', 0, length) : undefined;
}

function kindOf(handle) {
  return KIND_NAME[check(calls.get_option(handle, OPTION.KIND), 'getsockopt')];
}

function peerCredentials(handle) {
  const buffer = Buffer.alloc(12);
  check(calls.peer_credentials(handle, buffer), 'getsockopt');
  return { pid: buffer.readInt32LE(0), uid: buffer.readUInt32LE(4), gid: buffer.readUInt32LE(8) };
}

function peerGroups(handle) {
  for (;;) {
    const count = check(calls.peer_groups(handle, null, 0), 'getsockopt');
    const groups = new Uint32Array(Math.max(count, 1));
    const result = calls.peer_groups(handle, groups, groups.length);
    if (result !== ERANGE) return Array.from(groups.subarray(0, check(result, 'getsockopt')));
  }
}

function peerLabel(handle) {
  return textOf(calls.peer_label, handle, 'getsockopt');
}

function peerPidfd(handle) {
  return check(calls.peer_pidfd(handle), 'getsockopt');
}

function setOption(handle, option, value) {
  check(calls.set_option(handle, option, value), 'setsockopt');
}

// What a worker has open, which ends with it. (What a process has does by itself.)
const open = new Set();

function closeAll() {
  for (const handle of open) calls.close(handle);
}

/** From now on the handle is this thread's, unless it is an error. */
function own(handle) {
  if (!isMainThread && handle > 0) open.add(handle);
  return handle;
}

function close(handle) {
  open.delete(handle);
  return calls.close(handle);
}

/** The handle's descriptor, which is the caller's from now on. */
function release(handle) {
  open.delete(handle);
  return check(calls.release(handle), 'release');
}

/** The handle of a descriptor of this type, which belongs to it from now on. */
function adopt(fd, type) {
  const details = errorBuffer();
  const handle = own(check(calls.adopt(fd, details), 'open', undefined, details));
  const kind = kindOf(handle);
  if (kind === type) return handle;
  // It stays the caller's.
  release(handle);
  throw coded(TypeError, 'ERR_INVALID_FD_TYPE', `Unsupported fd type: a ${kind} socket`);
}

/** The C struct for what a program may say about binding. */
function bindOptions(options) {
  const flags =
    (options.replace ? BIND.REPLACE : 0) |
    (options.reclaim === false ? BIND.NO_RECLAIM : 0) |
    (options.keepFile ? BIND.KEEP_FILE : 0) |
    (options.makeParents ? BIND.MAKE_PARENTS : 0);
  const name = (value) => (value === undefined ? null : String(value));
  return {
    size: 32,
    flags,
    mode: options.mode ?? modeOf(options),
    backlog: options.backlog ?? 0,
    user: name(options.user),
    group: name(options.group),
  };
}

/** Node's own two words for a mode. */
function modeOf({ readableAll, writableAll }) {
  if (!readableAll && !writableAll) return 0;
  const all = (readableAll ? 0o444 : 0) | (writableAll ? 0o222 : 0);
  return (0o777 & ~process.umask()) | all;
}

// While a file is being removed its name is taken: whoever binds waits for that.
const closing = new Set();

/** Closes a socket that may have a file: removing it may have to wait for a lock. */
function closeWithFile(handle) {
  open.delete(handle);
  const closed = inPool(calls.close, handle).finally(() => closing.delete(closed));
  closing.add(closed);
  return closed;
}

/**
 * Binds without keeping the loop waiting. A name that is free is bound at once; what may take
 * a lock, or look up a user, is done in the pool. `then` gets the result, and whether it is
 * later.
 */
function bind(handle, address, options, details, then) {
  const { flags, user, group } = options;
  const isPath = !address.startsWith('@');
  const isLong = isPath && Buffer.byteLength(address) >= 100;
  const mayWait = flags & (BIND.REPLACE | BIND.MAKE_PARENTS) || user || group || isLong;
  if (closing.size === 0 && !mayWait) {
    const careful = { ...options, flags: flags | BIND.NO_RECLAIM };
    const result = calls.bind(handle, address, careful, details);
    if (result !== EADDRINUSE || flags & BIND.NO_RECLAIM || !isPath) return then(result, false);
  }
  const bound = async () => {
    await Promise.all(closing);
    return inPool(calls.bind, handle, address, options, details);
  };
  bound().then((result) => then(result, true));
}

module.exports = {
  adopt,
  bind,
  bindOptions,
  close,
  closeAll,
  closeWithFile,
  localAddress,
  own,
  peerCredentials,
  peerGroups,
  peerLabel,
  peerPidfd,
  release,
  remoteAddress,
  setOption,
};
