"""An echo server over the library's poller, in a loop of Python's own: selectors or asyncio.
Arguments: the loop, the kind of socket, the library, and a path."""

import asyncio
import ctypes
import selectors
import socket
import sys
from ctypes import c_int32, c_int64, c_size_t, c_uint32, c_uint64

RECEIVED, ENDED = 2, 4
ROUNDS = 50


class Event(ctypes.Structure):
    _fields_ = [("socket", c_int64), ("token", c_uint64), ("kind", c_uint32), ("code", c_int32)] + [
        (name, c_uint32) for name in ("offset", "length", "address_offset", "address_length")
    ]


class Outgoing(ctypes.Structure):
    _fields_ = (
        [("socket", c_int64)]
        + [(name, c_uint32) for name in ("offset", "length", "address_offset", "address_length")]
        + [("flags", c_uint32), ("reserved", c_uint32), ("result", c_int64)]
    )


way, kind, library, path = sys.argv[1], int(sys.argv[2]), ctypes.CDLL(sys.argv[3]), sys.argv[4]
library.udsock_poller_create.restype = c_int64
library.udsock_open_server.restype = c_int64
library.udsock_poller_wait.restype = c_int64
library.udsock_poller_send.restype = c_int64

poller = library.udsock_poller_create(None)
server = library.udsock_open_server(c_uint32(kind), path.encode(), None, None)
assert poller > 0 and server > 0, (poller, server)
assert library.udsock_poller_add(c_int64(poller), c_int64(server), c_uint64(0), c_uint32(0)) == 0
events, items, arena = (Event * 16)(), (Outgoing * 16)(), ctypes.create_string_buffer(4096)


def serve():
    """What has happened is answered, without waiting: how many messages that were."""
    count = library.udsock_poller_wait(
        c_int64(poller), events, c_size_t(16), arena, c_size_t(4096), c_int32(0)
    )
    assert count >= 0, count
    answers = 0
    for event in events[:count]:
        if event.kind == RECEIVED:
            items[answers] = Outgoing(
                event.socket, event.offset, event.length, event.address_offset, event.address_length
            )
            answers += 1
        elif event.kind == ENDED:
            assert library.udsock_close(c_int64(event.socket)) == 0
    if answers:
        sent = library.udsock_poller_send(
            c_int64(poller), items, c_size_t(answers), arena, c_size_t(4096)
        )
        assert sent == answers, sent
    return answers


client = socket.socket(socket.AF_UNIX, kind)
client.settimeout(20)
if kind == socket.SOCK_DGRAM:
    client.bind(path + ".client")
client.connect(path)
descriptor = library.udsock_poller_fd(c_int64(poller))

if way == "selectors":
    with selectors.DefaultSelector() as loop:
        loop.register(descriptor, selectors.EVENT_READ)
        for number in range(ROUNDS):
            message = b"message %d" % number
            client.send(message)
            answered = 0
            while not answered:
                assert loop.select(20), "it is never readable"
                answered = serve()
            assert client.recv(100) == message
        assert not loop.select(0), "nothing has happened since"
else:

    async def main():
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, serve)
        for number in range(ROUNDS):
            message = b"message %d" % number
            client.send(message)
            client.setblocking(False)
            assert await asyncio.wait_for(loop.sock_recv(client, 100), 20) == message
        loop.remove_reader(descriptor)

    asyncio.run(main())

assert library.udsock_close(c_int64(poller)) == 0
assert library.udsock_close(c_int64(server)) == 0
