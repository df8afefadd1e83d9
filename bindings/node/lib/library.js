'use strict';
// The C library and the addon that calls it: where they are. Handles are numbers: they fit into a
// double.

const fs = require('node:fs');
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');
const { ofPlatform } = require('./platform.js');

const SONAME = 'libudsock.so.0';
/** As udsock_version() has it: 0.2.0. */
const NEEDED_VERSION = 200;
/** Bun runs no exit handlers of C's. */
const IS_BUN = process.versions.bun !== undefined;
/**
 * Of libuv's functions Bun has some by name only: to call them ends the process. What Deno has of
 * them runs no promises between two calls.
 */
const HAS_LIBUV = !IS_BUN && process.versions.deno === undefined;
const CHECKOUT = path.join(__dirname, '../../..');

/** The addon: that of the package, or in a checkout what is built there. */
function findAddon() {
  const build = path.join(__dirname, '../scripts/addon.cjs');
  if (fs.existsSync(build)) return require(build).built();
  const file = ofPlatform('udsock.node');
  if (file === undefined) throw new Error('no package of this platform is installed');
  return file;
}

/** The library: UDSOCK_LIBRARY, if that is set, else our own, else the system's. */
function findLibrary() {
  if (process.env.UDSOCK_LIBRARY) return process.env.UDSOCK_LIBRARY;
  const ours = ofPlatform('libudsock.so');
  if (ours !== undefined) return ours;
  const target = path.join(CHECKOUT, 'target');
  const built = ['release', 'debug'].map((profile) => path.join(target, profile, 'libudsock.so'));
  return built.find((file) => fs.existsSync(file)) ?? SONAME;
}

function load() {
  let file = 'the addon';
  try {
    file = findAddon();
    const addon = require(file);
    file = findLibrary();
    return addon.load(file, NEEDED_VERSION, HAS_LIBUV ? 1 : 0);
  } catch (cause) {
    const reason = cause.message.replace(/\.$/, '');
    const words = `udsock: ${file} can't be used: ${reason}. ${advice(cause)}`;
    throw Object.assign(new Error(words, { cause }), { code: 'ERR_UDSOCK_LIBRARY' });
  }
}

function advice({ code }) {
  if (code === 'ERR_DLOPEN_DISABLED') {
    return 'Start Node.js without --no-addons, or with --allow-addons beside --permission';
  }
  return (
    'Install the package of this platform (optional dependencies); or the library, build it with ' +
    'cargo, or set UDSOCK_LIBRARY'
  );
}

const calls = load();
// The library's own handler removes the socket files.
if (IS_BUN && isMainThread) process.on('exit', () => calls.cleanup());

// These calls may wait long. They take two of the four threads in libuv's pool, and leave the
// others to fs, dns and the like.
const MOST_THREADS = 2;
const waiting = [];
let running = 0;

/** For those of the calls that return a promise: they run in a thread of the pool. */
function inPool(call, ...args) {
  return new Promise((resolve, reject) => {
    waiting.push(async () => {
      try {
        resolve(await call(...args));
      } catch (error) {
        reject(error);
      } finally {
        running -= 1;
        runNext();
      }
    });
    runNext();
  });
}

function runNext() {
  if (running === MOST_THREADS || waiting.length === 0) return;
  running += 1;
  waiting.shift()();
}

module.exports = { HAS_LIBUV, calls, findLibrary, inPool };
