// What a call costs from Node by koffi, in nanoseconds: calls.mjs LIBRARY version|receive
import { constants } from "node:os";

import koffi from "koffi";

const [CALLS, SIZE, STREAM] = [1_000_000, 64, 1];
const library = koffi.load(process.argv[2]);

function version() {
  const call = library.func("uint32_t udsock_version()");
  const start = process.hrtime.bigint();
  for (let i = 0; i < CALLS; i++) call();
  return process.hrtime.bigint() - start;
}

function receive() {
  const open = library.func("int32_t udsock_open_pair(uint32_t, void *)");
  const call = library.func("int64_t udsock_recv(int64_t, void *, size_t, int32_t)");
  const pair = new BigInt64Array(2);
  if (open(STREAM, pair) !== 0) throw new Error("udsock_open_pair");
  const [socket, buffer] = [Number(pair[0]), new Uint8Array(SIZE)];
  const start = process.hrtime.bigint();
  for (let i = 0; i < CALLS; i++) {
    if (call(socket, buffer, SIZE, 0) !== -constants.errno.EAGAIN) throw new Error("udsock_recv");
  }
  return process.hrtime.bigint() - start;
}

const run = { version, receive }[process.argv[3]];
console.log("ns", Number(run()) / CALLS);
