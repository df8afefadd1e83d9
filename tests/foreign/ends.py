"""How a Python program ends that uses libudsock by bare ctypes: ends.rs runs it.

    ends.py LIBRARY PATH WAY
"""

import atexit
import ctypes
import os
import signal
import sys

library, path, way = sys.argv[1:]
lib = ctypes.CDLL(library)
lib.udsock_open_server.restype = ctypes.c_int64
lib.udsock_open_server.argtypes = (ctypes.c_uint32, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
lib.udsock_accept.restype = ctypes.c_int64
lib.udsock_accept.argtypes = (ctypes.c_int64, ctypes.c_int32, ctypes.c_void_p)
lib.udsock_cleanup.restype = ctypes.c_int64

# As in a terminal, whatever the parent ignores.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)

server = lib.udsock_open_server(1, os.fsencode(path), None, None)
assert server > 0 and os.path.exists(path)


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)
    lib.udsock_accept(server, 5000, None)


if way == "the last line":
    pass
elif way == "sys.exit":
    sys.exit(0)
elif way == "exception":
    raise RuntimeError("not caught")
elif way == "KeyboardInterrupt caught":
    assert lib.udsock_cleanup_on_signal(signal.SIGINT) == 0
    try:
        press_ctrl_c()
    except KeyboardInterrupt:
        assert os.path.exists(path)
    else:
        raise AssertionError("Python's own handler did not run")
elif way == "KeyboardInterrupt not caught":
    assert lib.udsock_cleanup_on_signal(signal.SIGINT) == 0
    atexit.register(lib.udsock_cleanup)
    press_ctrl_c()
elif way == "SIGTERM":
    assert lib.udsock_cleanup_on_signal(signal.SIGTERM) == 0
    os.kill(os.getpid(), signal.SIGTERM)
    lib.udsock_accept(server, 5000, None)
else:
    raise AssertionError(way)
