"""CPython's own tests of asyncio's streams, servers and Unix sockets, over udsock.aio.

The methods of asyncio's loop for Unix sockets are replaced by ours.

    python run_test_asyncio.py [-v]
"""

from __future__ import annotations

import asyncio
import faulthandler
import sys
import unittest
from asyncio import unix_events
from typing import Any, Iterator

import udsock
from udsock import aio

MODULES = ["test_streams", "test_server", "test_events"]
HANG = 60

# What differs, by test, and why. A test that is named here and passes is an error too.
_PRIVATE = "it looks at a private attribute, _sockets"
EXPECTED: dict[str, str] = {
    "test_server.SelectorStartServerTests.test_start_unix_server_1": _PRIVATE,
    "test_server.UnixServerCleanupTests.test_unix_server_sock_cleanup": (
        "a socket that was adopted has no file of ours, as socket.socket(fileno=...) has none"
    ),
}


def ours(path: Any, sock: Any) -> Any:
    """The socket, adopted; with a path as well it is not to be."""
    if sock is None or path is not None or isinstance(sock, udsock.Socket):
        return sock
    return udsock.adopt(sock.detach())


async def create_unix_connection(
    _: Any, protocol_factory: Any, path: Any = None, *, sock: Any = None, **options: Any
) -> Any:
    return await aio.create_connection(protocol_factory, path, sock=ours(path, sock), **options)


async def create_unix_server(
    _: Any,
    protocol_factory: Any,
    path: Any = None,
    *,
    sock: Any = None,
    cleanup_socket: bool = True,
    **options: Any,
) -> Any:
    if not cleanup_socket:
        options["keep_file"] = True
    return await aio.create_server(protocol_factory, path, sock=ours(path, sock), **options)


def name_of(test: unittest.TestCase) -> str:
    return test.id().rpartition("test_asyncio.")[2]


def chosen(suite: Any) -> Iterator[unittest.TestCase]:
    """All of streams and servers; of the others those for Unix sockets."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test)
        elif not name_of(test).startswith("test_events.") or "unix" in test.id():
            yield test


class Result(unittest.TextTestResult):
    """Knows which tests passed, and gives up on one that hangs."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.passed: list[str] = []

    def startTest(self, test: unittest.TestCase) -> None:
        faulthandler.dump_traceback_later(HANG, exit=True)
        super().startTest(test)

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.passed.append(name_of(test))
        super().addSuccess(test)


def main() -> int:
    loop: Any = unix_events._UnixSelectorEventLoop
    loop.create_unix_connection = create_unix_connection
    loop.create_unix_server = create_unix_server
    names = [f"test.test_asyncio.{module}" for module in MODULES]
    suite = unittest.TestSuite(chosen(unittest.defaultTestLoader.loadTestsFromNames(names)))
    total = suite.countTestCases()
    verbosity = 2 if "-v" in sys.argv else 0
    runner = unittest.TextTestRunner(sys.stdout, verbosity=verbosity, resultclass=Result)
    result = runner.run(suite)
    faulthandler.cancel_dump_traceback_later()
    asyncio.set_event_loop_policy(None)
    assert isinstance(result, Result)
    differs = {name_of(test): text for test, text in result.failures + result.errors}
    unexpected = {name: text for name, text in differs.items() if name not in EXPECTED}
    agreed = [name for name in result.passed if name in EXPECTED]
    for name, text in unexpected.items():
        print(f"UNEXPECTED {name}\n{text}")
    for name in agreed:
        print(f"UNEXPECTED success of {name}, which was to differ: {EXPECTED[name]}")
    for name in sorted(differs.keys() - unexpected.keys()):
        print(f"differs: {name}: {EXPECTED[name]}")
    for test, reason in result.skipped:
        print(f"skipped by test_asyncio: {name_of(test)}: {reason}")
    print(
        f"test_asyncio: {result.testsRun} of {total} ran, {len(result.passed)} passed, "
        f"{len(result.skipped)} skipped, {len(differs)} differ, "
        f"{len(unexpected)} of them unexpected"
    )
    has_run = result.testsRun + len(result.skipped) >= total
    return 0 if has_run and not unexpected and not agreed else 1


if __name__ == "__main__":
    sys.exit(main())
