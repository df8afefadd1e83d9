"""What the tests share."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import udsock

HANG = int(os.environ.get("UDSOCK_HANG_SECONDS", 60))
"""A test that takes so many seconds hangs: every thread's stack is shown, and that is it."""

shown_on: "list[int]" = []
"""Where that is shown: stderr, past pytest's capture, which would take it along."""

KINDS = [udsock.STREAM, udsock.DGRAM, udsock.SEQPACKET]
CONNECTED = [udsock.STREAM, udsock.SEQPACKET]


def run(program: str, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """A program in a process of its own, which finds the library as this one does."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        env=environment,
        **options,
    )


def pytest_configure() -> None:
    # Whoever starts the tests: with & or nohup SIGINT is ignored, also by all programs that
    # are started here, and a login may have another umask.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.umask(0o022)
    # Nothing is captured yet.
    shown_on.append(os.dup(2))


@pytest.fixture(autouse=True)
def hang_guard() -> Iterator[None]:
    faulthandler.dump_traceback_later(HANG, exit=True, file=shown_on[0])
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def nothing_left_behind(hang_guard: None) -> Iterator[None]:
    """No descriptor that was not there before. Waiting threads keep an eventfd each."""
    before = descriptors()
    yield
    gc.collect()
    assert descriptors() - before == set()


def descriptors() -> set[tuple[str, str]]:
    """The open descriptors and what they are."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if "eventfd" not in target:
            found.add((name, target))
    return found


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "socket")


@pytest.fixture
def connect(path: str) -> Iterator[Callable[..., tuple[udsock.Socket, udsock.Socket]]]:
    """Makes a client and what the server accepted; both are closed at the end."""
    made: list[Any] = []

    def connected(kind: int = udsock.STREAM, **options: Any) -> Any:
        server = udsock.open_server(path, kind)
        made.append(server)
        client = udsock.open_client(path, kind, **options)
        made.append(client)
        accepted, _ = server.accept()
        made.append(accepted)
        return client, accepted

    yield connected
    for one in made:
        one.close()
