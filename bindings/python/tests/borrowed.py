"""Tests that others have written, over this library: how they are run, and what is said of them.

Each run knows what differs, by test, and why. A test that is named there and passes is an error,
too. A test is named by its class and its method.
"""

from __future__ import annotations

import faulthandler
import sys
import unittest
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping

import udsock
from udsock import aio

HANG = 120
"""After so many seconds without an end a run is given up, with every thread's stack."""


def name_of(test: Any) -> str:
    # (A subtest names its arguments, too.)
    identity: str = getattr(test, "test_case", test).id()
    return ".".join(identity.split(".")[-2:])


def tests_of(suite: Any) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_of(test)
        else:
            yield test


class Result(unittest.TextTestResult):
    """Knows which tests passed, and gives up on one that hangs."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.passed: list[str] = []

    def startTest(self, test: unittest.TestCase) -> None:
        faulthandler.dump_traceback_later(HANG, exit=True)
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        faulthandler.cancel_dump_traceback_later()

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.passed.append(name_of(test))
        super().addSuccess(test)


def unlisted(names: Iterable[str]) -> list[str]:
    """Those that README.md does not name."""
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text()
    return [name for name in names if f"`{name.rpartition('.')[2]}`" not in readme]


def run(
    title: str,
    tests: Iterator[unittest.TestCase],
    expected: Mapping[str, str],
    races: Mapping[str, str] = {},
) -> int:
    """How many did what nobody expected. `races`: what may pass or not, and why."""
    suite = unittest.TestSuite(tests)
    total = suite.countTestCases()
    verbosity = 2 if "-v" in sys.argv else 0
    result = unittest.TextTestRunner(sys.stdout, verbosity=verbosity, resultclass=Result).run(suite)
    assert isinstance(result, Result)
    known = {**expected, **races}
    differs = {name_of(test): text for test, text in result.failures + result.errors}
    unexpected = {name: text for name, text in differs.items() if name not in known}
    agreed = [name for name in result.passed if name in expected and name not in differs]
    for name, text in unexpected.items():
        print(f"UNEXPECTED {name}\n{text}")
    for name in agreed:
        print(f"UNEXPECTED success of {name}, which was to differ: {expected[name]}")
    for name in sorted(differs.keys() - unexpected.keys()):
        print(f"differs: {name}: {known[name]}")
    for test, reason in result.skipped:
        print(f"skipped by {title}: {name_of(test)}: {reason}")
    print(
        f"{title}: {result.testsRun} of {total} ran, {len(result.passed)} passed, "
        f"{len(result.skipped)} skipped, {len(differs)} differ, "
        f"{len(unexpected)} of them unexpected"
    )
    # (A class that is skipped as a whole does not count as run.)
    for name in unlisted(expected):
        print(f"UNEXPECTED: {name} is not in README.md")
    has_run = result.testsRun + len(result.skipped) >= total > 0
    return len(unexpected) + len(agreed) + len(unlisted(expected)) + (not has_run)


# ---- asyncio's methods for Unix sockets, as ours


def ours(path: Any, sock: Any) -> Any:
    """The socket, adopted; with a path as well it is not to be."""
    if sock is None or path is not None or isinstance(sock, udsock.Socket):
        return sock
    if sock.fileno() < 0:
        closed = udsock.Socket()
        closed.close()
        return closed
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


def put_into(loop: Any) -> None:
    """The class of a loop has ours from now on."""
    loop.create_unix_connection = create_unix_connection
    loop.create_unix_server = create_unix_server
