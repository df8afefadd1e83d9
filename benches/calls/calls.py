"""What a call costs from Python by ctypes, in nanoseconds, the loop included.

    calls.py LIBRARY version|receive [argtypes]

With argtypes ctypes converts plain numbers at each call. Without them the program makes
the C values itself, and can make once what stays the same.
"""

import ctypes
import errno
import sys
import time
from itertools import repeat

CALLS, SIZE, STREAM = 500_000, 64, 1


def version(library, typed):
    call = library.udsock_version
    call.restype = ctypes.c_uint32
    if typed:
        call.argtypes = ()
    start = time.perf_counter_ns()
    for _ in repeat(None, CALLS):
        call()
    return time.perf_counter_ns() - start


def receive(library, typed):
    pair = (ctypes.c_int64 * 2)()
    assert library.udsock_open_pair(STREAM, pair) == 0
    buffer = ctypes.create_string_buffer(SIZE)
    call = library.udsock_recv
    call.restype = ctypes.c_int64
    if typed:
        call.argtypes = ctypes.c_int64, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int32
        arguments = pair[0], buffer, SIZE, 0
    else:
        arguments = ctypes.c_int64(pair[0]), ctypes.byref(buffer), ctypes.c_size_t(SIZE), 0
    assert call(*arguments) == -errno.EAGAIN
    socket, buffer, size, timeout = arguments
    start = time.perf_counter_ns()
    for _ in repeat(None, CALLS):
        call(socket, buffer, size, timeout)
    return time.perf_counter_ns() - start


run = {"version": version, "receive": receive}[sys.argv[2]]
print("ns", run(ctypes.CDLL(sys.argv[1]), sys.argv[3:] == ["argtypes"]) / CALLS)
