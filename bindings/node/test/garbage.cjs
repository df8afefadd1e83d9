'use strict';
const { calls, pointerTo } = require('../lib/library.js');

const [, , countText, seedText, place] = process.argv;
const count = Number(countText);
let state = Number(seedText) || 1;

/** A small generator whose numbers can be had again: xorshift. */
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

const pick = (list) => list[random(list.length)];
const handles = [0, -1, 1, 3, 2 ** 32, 2 ** 40 + 5, 2 ** 52];
const numbers = [0, 1, 2, 3, 5, 7, 16, 64, 255, 4096, 2 ** 31 - 1, -1, -2, -(2 ** 31)];
const texts = [null, '', '@', 'a', 'b', '@name', '@\\xff', '@\\q', './c', place, '/'];
texts.push('x'.repeat(200), '\u00ff/e');
const buffer = Buffer.alloc(1 << 16);

// The size that goes with a buffer is true: C can't check it. Structs begin with theirs.
const number = () => (random(3) === 0 ? random(2 ** 16) : pick(numbers));
const size = () => pick([0, 1, 40, 104, 1 << 10, 1 << 15]);
const some = () => pick([null, buffer, buffer, buffer]);
function struct() {
  buffer.fill(0, 0, 512);
  buffer.writeUInt32LE(pick([0, 4, 12, 16, 24, 32, 48, 104, 264]), 0);
  return pick([null, buffer, buffer]);
}
const options = (fields) => {
  if (random(2) === 0) return null;
  return { size: pick([fields, 4, 0, 3]), flags: random(16), mode: pick([0, 0o600, 0xffffffff]) };
};
const handle = () =>
  random(4) === 0 ? pick([...handles, random(2 ** 31)]) : pick(open.length ? open : handles);
const open = [];
const timeout = () => (random(64) === 0 ? 1 : pick([0, 0, -2, -(2 ** 31)]));
const flags = () => random(256);
const kind = () => pick([1, 2, 5, 0, 3, 2 ** 32 - 1]);

// Calls that are made often take memory by its place.
const placed = ([data, size]) => [data === null ? 0 : pointerTo(data), size];

// A datum and its size, of which both are null and 0 or both are true.
const pair = () => {
  const data = some();
  return [data, data === null ? 0 : size()];
};

const table = {
  accept: () => [handle(), timeout(), pick([null, buffer])],
  adopt: () => [pick([-1, 999, 2 ** 20]), struct()],
  allow_gid: () => [handle(), random(2 ** 31)],
  allow_group: () => [handle(), pick(texts)],
  allow_uid: () => [handle(), random(2 ** 31)],
  allow_user: () => [handle(), pick(texts)],
  bind: () => [handle(), pick(texts), options(32), struct264()],
  close: () => [handle()],
  connect: () => [handle(), pick(texts), connectOptions(), struct264()],
  create: () => [kind()],
  disown: () => [handle()],
  fd: () => [handle()],
  get_option: () => [handle(), random(16)],
  listen: () => [handle(), number() | 0],
  local_address: () => [handle(), ...pair()],
  open_client: () => [kind(), pick(texts), connectOptions(), struct264()],
  open_datagram: () => [pick(texts), options(32), struct264()],
  open_pair: () => [kind(), some()],
  open_server: () => [kind(), pick(texts), options(32), struct264()],
  peer_credentials: () => [handle(), some()],
  peer_groups: () => [handle(), buffer, random(1024)],
  peer_label: () => [handle(), ...pair()],
  poller_add: () => [handle(), handle(), random(2 ** 31), flags()],
  poller_create: () => [random(2) ? null : pollerOptions()],
  poller_fd: () => [handle()],
  poller_remove: () => [handle(), handle()],
  poller_send: () => [handle(), ...placed([garbage(), random(64)]), ...placed(pair())],
  poller_wait: () => {
    const events = placed([buffer.subarray(4096), random(64)]);
    return [handle(), ...events, ...placed(pair()), pick([0, 0, -2])];
  },
  remote_address: () => [handle(), ...pair()],
  send: () => [handle(), ...placed(pair()), timeout()],
  set_option: () => [handle(), random(16), number()],
  shutdown: () => [handle(), random(8)],
};

function struct264() {
  buffer.fill(0, 0, 264);
  buffer.writeUInt32LE(pick([0, 264, 8, 5]), 0);
  return pick([null, buffer]);
}

function pollerOptions() {
  return { size: pick([24, 4, 0, 3]), flags: random(3), send_limit: random(2 ** 20) };
}

function connectOptions() {
  // Never without a timeout: it would wait for room in a queue from which nobody accepts.
  const timeout_ms = pick([1, 1, -2]);
  return { size: pick([24, 24, 12, 3]), flags: random(8), timeout_ms, local_address: pick(texts) };
}

function garbage() {
  for (let i = 0; i < 64; i++) buffer.writeUInt32LE(random(2 ** 31), 32_768 + 4 * i);
  for (let i = 0; i < 4; i++) buffer.writeBigInt64LE(BigInt(handle()), 32_768 + 40 * i);
  return buffer.subarray(32_768);
}

const names = Object.keys(table);
const results = new Set();
const unknown = new Set();
const SLOW = ['bind', 'connect', 'open_client', 'open_datagram', 'open_server'];
const OPENS = ['accept', 'create', 'open_client', 'open_datagram', 'open_server', 'poller_create'];

for (let i = 0; i < count; i++) {
  let name = pick(names);
  // These look for who is there, or wait for a millisecond: now and then will do.
  while (SLOW.includes(name) && random(8) > 0) name = pick(names);
  const result = calls[name](...table[name]());
  if (result >= 0) {
    if (OPENS.includes(name)) open.push(result);
    if (name === 'open_pair') {
      open.push(Number(buffer.readBigInt64LE(0)), Number(buffer.readBigInt64LE(8)));
    }
  } else {
    const code = calls.error_name(result);
    results.add(code);
    if (code === 'UNKNOWN' || code === 'UDSOCK_PANIC') unknown.add(`${name}: ${result} ${code}`);
  }
  while (open.length > 200) calls.close(open.splice(random(open.length), 1)[0]);
}
for (const socket of open) calls.close(socket);
process.send({ calls: count, names: results.size, unknown: [...unknown] }, () => process.exit());
