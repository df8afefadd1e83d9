"""An echo server over the poller, by bare ctypes calls: server.py LIBRARY ADDRESS"""

import ctypes
import os
import sys
from struct import Struct

STREAM, FOREVER, RECEIVED, ENDED, FAILED = 1, -1, 2, 4, 5
# Both structs have 40 bytes. Only what an echo needs is read and written: of an event its
# socket, kind, offset and length; of an item its socket, offset and length. The rest stays 0.
EVENT = Struct("=q8xI4xII8x")
ITEM = Struct("=qII")
SIZE, CAPACITY, ARENA_SIZE = EVENT.size, 1024, 1 << 20


def checked(result):
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def main(path, address):
    library = ctypes.CDLL(path)
    library.udsock_open_server.restype = ctypes.c_int64
    library.udsock_poller_create.restype = ctypes.c_int64
    # Without argtypes, and with arguments that are made once, a call costs half.
    wait, send, close = library.udsock_poller_wait, library.udsock_poller_send, library.udsock_close
    wait.restype = send.restype = ctypes.c_int64

    server = checked(library.udsock_open_server(STREAM, os.fsencode(address), None, None))
    poller = ctypes.c_int64(checked(library.udsock_poller_create(None)))
    checked(library.udsock_poller_add(poller, ctypes.c_int64(server), ctypes.c_uint64(0), 0))

    events, items = bytearray(CAPACITY * SIZE), bytearray(CAPACITY * SIZE)
    arena = ctypes.create_string_buffer(ARENA_SIZE)
    view = memoryview(events)
    events_at = ctypes.byref(ctypes.c_char.from_buffer(events))
    items_at = ctypes.byref(ctypes.c_char.from_buffer(items))
    arena_at = ctypes.byref(arena)
    capacity, arena_size = ctypes.c_size_t(CAPACITY), ctypes.c_size_t(ARENA_SIZE)
    unpack, pack = EVENT.iter_unpack, ITEM.pack_into

    while True:
        count = checked(wait(poller, events_at, capacity, arena_at, arena_size, FOREVER))
        end = 0
        for socket, kind, offset, length in unpack(view[: count * SIZE]):
            if kind == RECEIVED:
                pack(items, end, socket, offset, length)
                end += SIZE
            elif kind in (ENDED, FAILED) and socket != server:
                close(ctypes.c_int64(socket))
        if end:  # Of a client that has gone before its answer an event will tell.
            send(poller, items_at, ctypes.c_size_t(end // SIZE), arena_at, arena_size)


main(*sys.argv[1:])
