'use strict';
// What every kind of socket can be asked and told.

const { calls } = require('./library.js');
const { ADDRESS_SIZE, BIND, ERANGE, KIND_NAME, OPTION } = require('./constants.js');
const { checkInteger, checkName } = require('./arguments.js');
const { check, coded, errorBuffer } = require('./errors.js');

const isMainThread = calls.is_main_thread() !== 0;
const scratch = Buffer.alloc(ADDRESS_SIZE);

function textOf(call, handle, name) {
  const length = check(call(handle, scratch), name);
  return scratch.toString('utf8', 0, length);
}

/** `undefined`: it has none. */
function localAddress(handle) {
  return textOf(calls.local_address, handle, 'getsockname') || undefined;
}

function remoteAddress(handle) {
  const length = calls.remote_address(handle, scratch);
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
    const count = check(calls.peer_groups(handle), 'getsockopt');
    const groups = new Uint32Array(Math.max(count, 1));
    const result = calls.peer_groups(handle, groups);
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

/**
 * From now on the handle is this thread's, unless it is an error: a worker's are closed when it
 * ends, in whichever way. (What a process has does by itself.)
 */
function own(handle) {
  if (!isMainThread && handle > 0) calls.own(handle);
  return handle;
}

function disown(handle) {
  if (!isMainThread) calls.disown_handle(handle);
}

/** Closes a socket. If it has a file that may have to wait for a lock, a second at most. */
function close(handle) {
  disown(handle);
  return calls.close(handle);
}

/** The handle's descriptor, which is the caller's from now on. */
function release(handle) {
  disown(handle);
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

/** What a program says about binding, as `bind` and the library's calls take it. */
function bindArguments(options) {
  const flags =
    (options.replace ? BIND.REPLACE : 0) |
    (options.reclaim === false ? BIND.NO_RECLAIM : 0) |
    (options.keepFile ? BIND.KEEP_FILE : 0) |
    (options.makeParents ? BIND.MAKE_PARENTS : 0) |
    (options.restoreFile ? BIND.RESTORE_FILE : 0);
  const { mode, backlog = 0, user, group } = options;
  if (mode != null) checkInteger(mode, 'options.mode', 0, 0o7777);
  const name = (value, of) => (value == null ? undefined : checkName(value, `options.${of}`));
  return [flags, mode ?? modeOf(options), backlog, name(user, 'user'), name(group, 'group')];
}

/** Node's own two words for a mode. */
function modeOf({ readableAll, writableAll }) {
  if (!readableAll && !writableAll) return 0;
  const all = (readableAll ? 0o444 : 0) | (writableAll ? 0o222 : 0);
  return (0o777 & ~process.umask()) | all;
}

/**
 * Binds at once: what the umask and the working directory are when the program calls counts, and
 * not what they are later. A lock that somebody else holds is waited for, a second at most.
 */
function bind(handle, address, how, details) {
  return calls.bind(handle, address, details, ...how);
}

module.exports = {
  adopt,
  bind,
  bindArguments,
  close,
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
