"""CPython's own tests of asyncio's streams, servers and Unix sockets, over udsock.aio.

The methods of asyncio's loop for Unix sockets are replaced by ours.

    python run_test_asyncio.py [-v]
"""

from __future__ import annotations

import sys
import unittest
from asyncio import unix_events
from typing import Any, Iterator

import borrowed

MODULES = ["test_streams", "test_server", "test_events", "test_unix_events"]

# What differs, by test, and why; ../README.md has the same. A test that is named here and passes
# is an error, too.
_ADOPTED = "an Internet socket can't be adopted: OSError, where asyncio has a ValueError"
_WORDS = "the ValueError has other words"
EXPECTED: dict[str, str] = {
    "SelectorStartServerTests.test_start_unix_server_1": (
        "it looks at a private attribute, `_sockets`"
    ),
    "UnixServerCleanupTests.test_unix_server_sock_cleanup": (
        "a socket that was adopted has no file of ours, as `socket.socket(fileno=...)` has none"
    ),
    "SelectorEventLoopUnixSocketTests.test_create_unix_connection_nopath_nosock": _WORDS,
    "SelectorEventLoopUnixSocketTests.test_create_unix_connection_path_inetsock": _ADOPTED,
    "SelectorEventLoopUnixSocketTests.test_create_unix_server_path_inetsock": _ADOPTED,
    "SelectorEventLoopUnixSocketTests.test_create_unix_server_bind_error": (
        "it makes calls of Python's module `socket` fail, which are not made"
    ),
    "SelectorEventLoopUnixSocketTests.test_create_unix_server_existing_path_nonsock": (
        "FileExistsError, where asyncio has EADDRINUSE"
    ),
}


def chosen(suite: Any) -> Iterator[unittest.TestCase]:
    """All of streams and servers; of the others those for Unix sockets."""
    for test in borrowed.tests_of(suite):
        *_, module, _, method = test.id().split(".")
        if not module.endswith("_events") or "unix" in method:
            yield test


def main() -> int:
    borrowed.put_into(unix_events._UnixSelectorEventLoop)
    names = [f"test.test_asyncio.{module}" for module in MODULES]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    wrong = borrowed.run("test_asyncio", chosen(suite), EXPECTED)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
