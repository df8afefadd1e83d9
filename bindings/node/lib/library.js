'use strict';
// The C library: where it is, and its functions. Handles are numbers: they fit into a double.

const fs = require('node:fs');
const path = require('node:path');
const koffi = require('koffi');

const SONAME = 'libudsock.so.0';
/** As udsock_version() has it: 0.1.0. */
const NEEDED_VERSION = 100;

/** The library: UDSOCK_LIBRARY, if that is set, else our own, else the system's. */
function find() {
  if (process.env.UDSOCK_LIBRARY) return process.env.UDSOCK_LIBRARY;
  const { glibcVersionRuntime } = process.report.getReport().header;
  const platform = `${process.platform}-${process.arch}-${glibcVersionRuntime ? 'gnu' : 'musl'}`;
  try {
    return require.resolve(`@udsock/${platform}/libudsock.so`);
  } catch {
    // No prebuilt package: perhaps this is a checkout.
  }
  const target = path.join(__dirname, '../../../target');
  const built = ['release', 'debug'].map((profile) => path.join(target, profile, 'libudsock.so'));
  return built.find((file) => fs.existsSync(file)) ?? SONAME;
}

function load() {
  const file = find();
  try {
    const loaded = koffi.load(file);
    const version = loaded.func('udsock_version', 'uint32_t', [])();
    if (version < NEEDED_VERSION) {
      throw new Error(`it is version ${version}, and ${NEEDED_VERSION} is needed`);
    }
    return loaded;
  } catch (cause) {
    const error = new Error(
      `udsock: ${file} can't be used: ${cause.message}. Install the package of this platform ` +
        '(optional dependencies) or the library, build it with cargo, or set UDSOCK_LIBRARY',
      { cause },
    );
    error.code = 'ERR_UDSOCK_LIBRARY';
    throw error;
  }
}

const library = load();

const bindOptions = koffi.pointer(
  koffi.struct({
    size: 'uint32_t',
    flags: 'uint32_t',
    mode: 'uint32_t',
    backlog: 'int32_t',
    user: 'str',
    group: 'str',
  }),
);
const connectOptions = koffi.pointer(
  koffi.struct({
    size: 'uint32_t',
    flags: 'uint32_t',
    timeout_ms: 'int32_t',
    reserved: 'uint32_t',
    local_address: 'str',
  }),
);
const pollerOptions = koffi.pointer(
  koffi.struct({
    size: 'uint32_t',
    flags: 'uint32_t',
    send_limit: 'uint64_t',
    receive_size: 'uint64_t',
  }),
);

// Memory that a call after a call takes is passed by its place, a `pointer`: to find that out
// anew costs koffi as much as the rest of the call.
const [i32, i64, u32, u64, size, text, data, pointer] = [
  'int32_t', 'int64_t', 'uint32_t', 'uint64_t', 'size_t', 'str', 'void *', 'uint64_t',
];

const functions = {
  accept: [i64, [i64, i32, data]],
  adopt: [i64, [i32, data]],
  allow_gid: [i32, [i64, u32]],
  allow_group: [i32, [i64, text]],
  allow_uid: [i32, [i64, u32]],
  allow_user: [i32, [i64, text]],
  bind: [i32, [i64, text, bindOptions, data]],
  cleanup: [i64, []],
  close: [i32, [i64]],
  connect: [i32, [i64, text, connectOptions, data]],
  create: [i64, [u32]],
  disown: [i32, [i64]],
  error_name: [text, [i64]],
  error_text: [text, [i64]],
  fd: [i32, [i64]],
  get_option: [i64, [i64, u32]],
  inspect: [i32, [text, data, data]],
  listen: [i32, [i64, i32]],
  local_address: [i64, [i64, data, size]],
  open_client: [i64, [u32, text, connectOptions, data]],
  open_datagram: [i64, [text, bindOptions, data]],
  open_pair: [i32, [u32, data]],
  open_server: [i64, [u32, text, bindOptions, data]],
  peer_credentials: [i32, [i64, data]],
  peer_groups: [i64, [i64, data, size]],
  peer_label: [i64, [i64, data, size]],
  peer_pidfd: [i32, [i64]],
  poller_add: [i32, [i64, i64, u64, u32]],
  poller_create: [i64, [pollerOptions]],
  poller_fd: [i32, [i64]],
  poller_remove: [i32, [i64, i64]],
  poller_send: [i64, [i64, pointer, size, pointer, size]],
  poller_wait: [i64, [i64, pointer, size, pointer, size, i32]],
  recv_message: [i64, [i64, data, i32]],
  release: [i32, [i64]],
  remote_address: [i64, [i64, data, size]],
  send: [i64, [i64, pointer, size, i32]],
  send_batch: [i64, [i64, data, size, i32]],
  send_message: [i64, [i64, data, i32]],
  set_option: [i32, [i64, u32, i64]],
  shutdown: [i32, [i64, u32]],
  version_string: [text, []],
};

const calls = {};
for (const [name, [result, parameters]] of Object.entries(functions)) {
  calls[name] = library.func(`udsock_${name}`, result, parameters);
}

/** Where memory is; whoever passes that on keeps the memory alive. */
function pointerTo(memory) {
  return Number(koffi.address(memory));
}

// Of the pool's four threads: the others are for everyone else, whatever these wait for.
const MOST_THREADS = 2;
const waiting = [];
let running = 0;

/** The same call in a thread of the pool, for what may take its time. */
function inPool(call, ...args) {
  return new Promise((resolve, reject) => {
    waiting.push(() => {
      call.async(...args, (error, result) => {
        running -= 1;
        runNext();
        if (error) reject(error);
        else resolve(result);
      });
    });
    runNext();
  });
}

function runNext() {
  if (running === MOST_THREADS || waiting.length === 0) return;
  running += 1;
  waiting.shift()();
}

module.exports = { calls, inPool, pointerTo };
