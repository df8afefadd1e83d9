"""libudsock from Python by bare ctypes, as a program without a binding uses it."""

import ctypes
import errno
import os
import signal
import sys
import tempfile
import threading
import time

lib = ctypes.CDLL(sys.argv[1])
FOREVER, STREAM, DGRAM, SEQPACKET = -1, 1, 2, 5
EOF = -4097


class Error(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("code", ctypes.c_int32), ("message", ctypes.c_char * 256)]


def function(name, result, *arguments):
    call = getattr(lib, "udsock_" + name)
    call.restype, call.argtypes = result, arguments
    return call


i32, i64, u32, size, text, data = (
    ctypes.c_int32, ctypes.c_int64, ctypes.c_uint32, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p,
)
open_server = function("open_server", i64, u32, text, data, data)
open_client = function("open_client", i64, u32, text, data, data)
open_datagram = function("open_datagram", i64, text, data, data)
accept = function("accept", i64, i64, i32, data)
send = function("send", i64, i64, data, size, i32)
recv = function("recv", i64, i64, data, size, i32)
send_to = function("send_to", i64, i64, data, size, text, i32)
recv_from = function("recv_from", i64, i64, data, size, data, size, i32)
close = function("close", i32, i64)
error_name = function("error_name", text, i64)


def echo(server):
    peer = accept(server, FOREVER, None)
    buffer = ctypes.create_string_buffer(100)
    while (n := recv(peer, buffer, 100, FOREVER)) >= 0:
        assert send(peer, buffer, n, FOREVER) == n
    assert n == EOF, error_name(n)
    close(peer)


def conversation(kind, path):
    server = open_server(kind, path, None, None)
    assert server >= 2**32 and float(server) == server
    thread = threading.Thread(target=echo, args=(server,))
    thread.start()
    client = open_client(kind, path, None, None)
    buffer = ctypes.create_string_buffer(100)
    messages = [b"hello", b"\0binary\0", b"" if kind == SEQPACKET else b"x"]
    for message in messages:
        assert send(client, message, len(message), FOREVER) == len(message)
        assert recv(client, buffer, 100, 5000) == len(message)
        assert buffer.raw[: len(message)] == message
    assert close(client) == 0
    thread.join()
    assert close(server) == 0 and close(server) == -errno.EBADF
    assert not os.path.exists(path)


def datagrams(path):
    server, client = open_datagram(path, None, None), open_datagram(b"@", None, None)
    buffer, address = ctypes.create_string_buffer(100), ctypes.create_string_buffer(4096)
    assert send_to(client, b"ping", 4, path, FOREVER) == 4
    assert recv_from(server, buffer, 100, address, 4096, 5000) == 4
    assert send_to(server, b"pong", 4, address.value, FOREVER) == 4
    assert recv(client, buffer, 100, 5000) == 4 and buffer.raw[:4] == b"pong"
    close(server), close(client)


def refusals(directory):
    error = Error(size=ctypes.sizeof(Error))
    result = open_server(STREAM, directory, None, ctypes.byref(error))
    assert result == error.code == -errno.EEXIST
    assert b"a directory is there" in error.message, error.message
    assert error_name(result) == b"EEXIST"


def interrupted(path):
    """Ctrl-C ends a call that waits."""
    server = open_server(STREAM, path, None, None)

    def press():
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press).start()
    try:
        result = accept(server, 20_000, None)
        # Python runs its handler between two instructions after the call.
        time.sleep(1)
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError(f"accept went on: {error_name(result)}")
    close(server)


with tempfile.TemporaryDirectory() as directory:
    for number in (STREAM, SEQPACKET):
        conversation(number, os.fsencode(os.path.join(directory, "s")))
    datagrams(os.fsencode(os.path.join(directory, "d")))
    refusals(os.fsencode(directory))
    interrupted(os.fsencode(os.path.join(directory, "i")))
    assert os.listdir(directory) == []
print("all well")
