// An echo server over the poller, by koffi calls: server.mjs LIBRARY ADDRESS
import koffi from "koffi";

const [STREAM, RECEIVED, ENDED, FAILED] = [1, 2, 4, 5];
const [CAPACITY, ARENA_SIZE] = [1024, 1 << 20];
const library = koffi.load(process.argv[2]);
const openServer = library.func(
  "int64_t udsock_open_server(uint32_t, const char *, void *, void *)");
const create = library.func("int64_t udsock_poller_create(void *)");
const add = library.func("int32_t udsock_poller_add(int64_t, int64_t, uint64_t, uint32_t)");
const descriptor = library.func("int32_t udsock_poller_fd(int64_t)");
const wait = library.func(
  "int64_t udsock_poller_wait(int64_t, void *, size_t, void *, size_t, int32_t)");
const send = library.func("int64_t udsock_poller_send(int64_t, void *, size_t, void *, size_t)");
const close = library.func("int32_t udsock_close(int64_t)");

function checked(result) {
  if (result < 0) throw new Error(`error ${result}`);
  return result;
}

const server = checked(openServer(STREAM, process.argv[3], null, null));
const poller = checked(create(null));
checked(add(poller, server, 0, 0));

// Both structs have 40 bytes: 10 words. A handle is two words, and is copied as such; the
// words of an item that are not written here stay 0.
const WORDS = 10;
const events = new Int32Array(CAPACITY * WORDS), items = new Int32Array(CAPACITY * WORDS);
const arena = new Uint8Array(ARENA_SIZE);
const handles = new BigInt64Array(events.buffer);

function serve() {
  const count = checked(wait(poller, events, CAPACITY, arena, ARENA_SIZE, 0));
  let answers = 0;
  for (let i = 0; i < count; i++) {
    const event = i * WORDS;
    const kind = events[event + 4];
    if (kind === RECEIVED) {
      const item = answers++ * WORDS;
      items[item] = events[event];
      items[item + 1] = events[event + 1];
      items[item + 2] = events[event + 6];
      items[item + 3] = events[event + 7];
    } else if (kind === ENDED || kind === FAILED) {
      const socket = Number(handles[event / 2]);
      if (socket !== server) close(socket);
    }
  }
  // Of a client that has gone before its answer an event will tell.
  if (answers > 0) send(poller, items, answers, arena, ARENA_SIZE);
}

// The watch ends when nothing refers to it any more.
globalThis.watch = koffi.node.poll(checked(descriptor(poller)), serve);
