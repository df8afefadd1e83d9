"""uvloop's own tests of Unix sockets, over udsock.aio: on uvloop, and on asyncio's loop.

uvloop does not install its tests: they are in its source, whose directory is the argument.

    python run_test_uvloop.py DIRECTORY [-v]
"""

from __future__ import annotations

import sys
import unittest
from asyncio import unix_events
from typing import Any

import borrowed
import uvloop

# What differs, by test, and why; ../README.md has the same. A test that is named here and passes
# is an error, too.
_ON_BOTH: dict[str, str] = {
    "test_create_unix_connection_sock_cancel_detaches": (
        "who has a socket already has a connection at once, and is not cancelled while it waits"
    ),
    "test_create_unix_connection_sock_cancel_fd_leak": "the same",
    "test_create_unix_server_2": "FileExistsError, where uvloop has EADDRINUSE",
}
if sys.version_info < (3, 13):
    _ON_BOTH["test_create_unix_server_1"] = "before Python 3.13 the file is to stay behind"
EXPECTED: dict[str, str] = {
    **{f"Test_{loop}_Unix.{test}": why for loop in ("AIO", "UV") for test, why in _ON_BOTH.items()},
    "Test_UV_Unix.test_epollhup": (
        "a protocol takes buffers if it is an `asyncio.BufferedProtocol`, as in asyncio, and not "
        "if it has methods of such names"
    ),
    "Test_UV_Unix.test_transport_fromsock_get_extra_info": (
        "nobody keeps a program from watching a transport's descriptor itself"
    ),
}


def main() -> int:
    uvloop_class: Any = uvloop.Loop
    borrowed.put_into(uvloop_class)
    borrowed.put_into(unix_events._UnixSelectorEventLoop)
    # (Its directory has a package of uvloop's, too, which is not built.)
    sys.path.append(sys.argv[1])
    suite = unittest.defaultTestLoader.loadTestsFromName("tests.test_unix")
    return 1 if borrowed.run("uvloop's test_unix", borrowed.tests_of(suite), EXPECTED) else 0


if __name__ == "__main__":
    sys.exit(main())
