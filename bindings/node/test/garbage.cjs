'use strict';
const { calls } = require('../lib/library.js');

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

const number = () => (random(3) === 0 ? random(2 ** 16) : pick(numbers));
const odd = [undefined, null, {}, 'text', 1.5, NaN, Infinity, -1e300, [], () => {}, 7n, true];
const some = () => pick([null, buffer, buffer, new Int32Array(4), buffer.subarray(0, random(600))]);
const text = () => pick([...texts, pick(odd)]);
const handle = () =>
  random(4) === 0 ? pick([...handles, random(2 ** 31)]) : pick(open.length ? open : handles);
const open = [];
const flags = () => random(256);
const kind = () => pick([1, 2, 5, 0, 3, 2 ** 32 - 1]);
const binding = () => [random(16), pick([0, 0o600, 2 ** 32 - 1]), number(), text(), text()];
const fds = () =>
  pick([undefined, new Int32Array(0), Int32Array.of(0, 1), new Int32Array(300), null]);

const table = {
  accept: () => [handle()],
  adopt: () => [pick([-1, 999, 2 ** 20]), some()],
  allow_gid: () => [handle(), random(2 ** 31)],
  allow_group: () => [handle(), text()],
  allow_uid: () => [handle(), random(2 ** 31)],
  allow_user: () => [handle(), text()],
  bind: () => [handle(), text(), some(), ...binding()],
  close: () => [handle()],
  close_descriptor: () => [pick([-1, 2 ** 20])],
  connect: () => [handle(), text(), some()],
  create: () => [kind()],
  disown: () => [handle()],
  duplicate: () => [pick([-1, 2 ** 20])],
  end_descriptor: () => [pick([-1, 2 ** 20])],
  fd: () => [handle()],
  get_counters: () => [handle(), some()],
  get_option: () => [handle(), random(16)],
  is_nonblocking: () => [random(4)],
  listen: () => [handle(), number()],
  local_address: () => [handle(), some()],
  open_client: () => [kind(), text(), some(), text()],
  open_datagram: () => [text(), some(), ...binding()],
  open_pair: () => [kind(), pick([null, pairs, buffer.subarray(0, 8)])],
  open_server: () => [kind(), text(), some(), ...binding()],
  peer_credentials: () => [handle(), some()],
  peer_groups: () => [handle(), some()],
  peer_label: () => [handle(), some()],
  log_take: () => [pick(odd)],
  poller_add: () => [handle(), handle(), random(2 ** 31), flags()],
  poller_create: () => [number(), number()],
  poller_fd: () => [handle()],
  poller_remove: () => [handle(), handle()],
  poller_send: () => [handle(), garbage(), number(), some()],
  poller_wait: () => [handle(), pick([null, events]), some(), number()],
  receive: () => [handle(), some(), number(), fds(), some(), pick([null, words, buffer])],
  remote_address: () => [handle(), some()],
  send: () => [handle(), some(), fds(), text()],
  set_nonblocking: () => [pick([-1, 2 ** 20]), 1],
  set_option: () => [handle(), random(16), number()],
  shutdown: () => [handle(), random(8)],
};

const pairs = new BigInt64Array(2);
const events = new Uint32Array(640);
const words = new Int32Array(6);

function garbage() {
  for (let i = 0; i < 64; i++) buffer.writeUInt32LE(random(2 ** 31), 32_768 + 4 * i);
  for (let i = 0; i < 4; i++) buffer.writeBigInt64LE(BigInt(handle()), 32_768 + 40 * i);
  return buffer.subarray(32_768);
}

const names = Object.keys(table);
const results = new Set();
const unknown = new Set();
const SLOW = ['bind', 'connect', 'open_client', 'open_datagram', 'open_server'];
const DESCRIPTORS = [
  'adopt', 'close_descriptor', 'duplicate', 'end_descriptor', 'is_nonblocking', 'set_nonblocking',
];
const OPENS = ['accept', 'create', 'open_client', 'open_datagram', 'open_server', 'poller_create'];

for (let i = 0; i < count; i++) {
  let name = pick(names);
  // These look for who is there, or wait for a millisecond: now and then will do.
  while (SLOW.includes(name) && random(8) > 0) name = pick(names);
  const args = table[name]();
  // Now and then something that no caller would pass. (As a descriptor it would be 0, which is.)
  if (random(16) === 0 && !DESCRIPTORS.includes(name)) args[random(args.length)] = pick(odd);
  if (name === 'open_pair') pairs.fill(0n);
  const result = calls[name](...args);
  if (result >= 0) {
    if (OPENS.includes(name)) open.push(result);
    if (name === 'open_pair') {
      if (pairs[0] > 0n) open.push(Number(pairs[0]), Number(pairs[1]));
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
