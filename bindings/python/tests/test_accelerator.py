"""The accelerator: what it does in C, it does as Plain does it; where it can't be, Plain is."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, List

import pytest
import udsock
from udsock import _accelerator
from udsock._plain import Plain

from conftest import run

needs_it = pytest.mark.skipif(
    _accelerator.fast is None, reason="no accelerator: UDSOCK_ACCELERATOR names none"
)

WHICH = "import udsock._accelerator; print(udsock._accelerator.fast is not None)"

MISTAKES = '''
    import array, errno, signal, socket, sys, threading, time, udsock

    def show(call, *arguments, alarm=0, **options):
        try:
            signal.setitimer(signal.ITIMER_REAL, alarm)
            print(call.__name__, call(*arguments, **options))
        except BaseException as error:
            print(call.__name__, type(error).__name__, error, getattr(error, "errno", None))

    class Strange:
        def __index__(self): return 3

    one, other = udsock.socketpair()
    for flags in (0, socket.MSG_DONTWAIT, socket.MSG_PEEK | socket.MSG_DONTWAIT, "x", 2**70):
        show(one.send, b"abc", flags)
        show(one.sendall, b"abc", flags)
        show(other.recv, 2, flags)
        show(other.recv_into, bytearray(2), 0, flags)
    for data in ("text", None, 5, memoryview(b"abcdef")[::2], array.array("i", [1, 2]), b"",
                 memoryview(b"abc"), bytearray(b"abc"), memoryview(bytearray(b"abc"))):
        show(one.send, data)
        show(one.sendall, data)
    other.settimeout(0)
    for size in (-1, 0, 1, 3.0, "3", Strange(), True, 2**70, None, 100_000):
        show(other.recv, size)
    one.send(b"0123456789" * 10)
    for room in (b"abc", bytearray(), bytearray(3), memoryview(bytearray(6))[::2], "text", 7):
        show(other.recv_into, room)
        show(other.recv_into, room, 2)
        show(other.recv_into, room, -1)
        show(other.recv_into, buffer=room)
        show(other.recv_into, room, nbytes=1, flags=0)
        show(other.recv_into, room, wrong=1)
    for call in (one.send, one.sendall, other.recv, other.recv_into):
        show(call)
        show(call, 1, 2, 3, 4)
    other.recv(100_000)
    other.settimeout(0.01)
    show(other.recv, 1)
    show(other.recv_into, bytearray(1))
    for timeout in (-1, float("nan"), float("inf"), "1", 2**40, 0.0, 0.0004, None):
        show(other.settimeout, timeout)
        print(other.gettimeout(), other._milliseconds)
    one.settimeout(0)
    show(one.sendall, bytes(10_000_000))
    while True:
        try: one.send(bytes(100_000))
        except BlockingIOError as error: print(error); break
    one.settimeout(0.01)
    show(one.send, b"abc")
    show(one.sendall, b"abc")

    # A handler runs, and the call goes on; or it ends with the handler's exception.
    came = []
    signal.signal(signal.SIGALRM, lambda *_: came.append(1))
    left, right = udsock.socketpair()
    for timeout in (None, 5.0):
        right.settimeout(timeout)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        threading.Timer(0.3, left.send, [b"late"]).start()
        print(right.recv(10), len(came))
    class Stop(Exception): pass
    def stop(*_): raise Stop("now")
    signal.signal(signal.SIGALRM, stop)
    for timeout in (None, 5.0):
        for call, argument in ((right.recv, 10), (right.recv_into, bytearray(10))):
            right.settimeout(timeout)
            show(call, argument, alarm=0.05)
    path = sys.argv[1]
    with udsock.Socket() as server:
        server.bind(path)
        server.listen(1)
        show(server.accept, alarm=0.05)
        server.settimeout(0.01)
        show(server.accept)
        server.setblocking(False)
        show(server.accept)
        print(server.getsockname() == path, server.owns_file)
        client = udsock.Socket()
        show(client.getpeername)
        show(client.send, b"x")
        show(client.recv, 1)
        show(client.connect, path)
        show(client.connect, path)
        show(client.connect_ex, path)
        client.close()
        client.close()
        for name in ("send", "sendall", "recv", "recv_into", "accept", "connect", "getsockname"):
            takes = {"recv": [1], "recv_into": [bytearray(1)], "connect": [path]}
            none = {"accept", "getsockname"}
            show(getattr(client, name), *takes.get(name, [] if name in none else [b"x"]))
        print(client.fileno(), client.handle, client._handle.value, client._closed)
    def made(*arguments, **options):
        with udsock.Socket(*arguments, **options) as one:
            return one.type, one.gettimeout(), one.receive_descriptors

    for default in (None, 2.5):
        socket.setdefaulttimeout(default)
        for arguments in (
            (), (1,), (-1,), (2,), ("x",), (1.0,), (2**70,), (True,), (1, 1), (1, 2), (1, 5), (1, 3),
            (1, -1), (1, "x"), (1, 2**70), (1, Strange()), (1, socket.SOCK_STREAM),
            (socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC),
            (1, 1, 0), (1, 1, 5), (1, 1, 0, None), (1, 1, 0, -5), (1, 1, 0, 10**6), (1, 1, 0, None, 7),
        ):
            show(made, *arguments)
    socket.setdefaulttimeout(None)
    for options in ({"family": 1}, {"type": 2}, {"proto": 1}, {"fileno": -1}, {"wrong": 1}):
        show(made, **options)
    for arguments in ((), (path, True), (b"\\0none",), ("",), (b"",), ("a\\0b",), ("\\udcff",), ("\u00e4",),
                      (5,), (None,), ("@none",), ("x" * 5000,)):
        with udsock.Socket() as one:
            show(one.connect, *arguments)
            show(one.connect, *arguments, wrong=1)
    with udsock.Socket() as one:
        one.settimeout(0.01)
        show(one.connect, path + "/none")
        show(one.connect, path + "none", retry=True)
        one.close()
        one.close()
    show(udsock.Socket().connect, path)
    show(udsock.Socket().connect_ex, path)
    show(udsock.Socket().connect, "/dev/null")
    show(udsock.Socket().connect, path + "/none")

    # The end, messages that are cut, and a close from another thread.
    def close_once_it_waits(sock, sleeps):
        while sock.counters.sleeps == sleeps: time.sleep(0.001)
        sock.close()
    for kind in (udsock.STREAM, udsock.SEQPACKET, udsock.DGRAM):
        left, right = udsock.pair(kind)
        left.settimeout(0.2)
        left.send(b"abcdef")
        print(right.recv(3))
        left.send(b"ghi")
        room = bytearray(2)
        print(right.recv_into(room), room)
        if kind == udsock.STREAM: right.recv(10)
        closer = threading.Thread(target=close_once_it_waits, args=(right, right.counters.sleeps))
        closer.start()
        show(right.recv, 10)
        closer.join()
        show(left.send, b"x")
        show(left.recv, 1)
    held = udsock.Socket()
    file = held.makefile("rb")
    held.close()
    print(held.fileno() >= 0, held._io_refs)
    file.close()
    print(held.fileno())
'''


HERE = Path(__file__).resolve().parent

ECHO = """
import asyncio, sys, udsock._accelerator
from udsock import aio

async def echo(reader, writer):
    writer.write(await reader.readexactly(5))
    writer.close()

async def main():
    async with await aio.start_server(echo, sys.argv[1]):
        reader, writer = await aio.open_connection(sys.argv[1])
        writer.write(b"hello")
        print(await reader.read(), udsock._accelerator.fast is not None)
        writer.close()

asyncio.run(main())
"""


def every_python() -> List[str]:
    """This one, and the others that are here."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    pythons = [sys.executable]
    for minor in range(11, 16):
        found = [shutil.which(f"python3.{minor}"), *root.glob(f"versions/3.{minor}.*/bin/python")]
        if minor != sys.version_info[1]:
            pythons += [str(python) for python in found if python is not None][-1:]
    return pythons


@needs_it
@pytest.mark.parametrize("python", every_python())
def test_every_python_builds_it_and_loads_it(python: str, path: str, tmp_path: Path) -> None:
    def said_by(*arguments: Any, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [python, *arguments],
            capture_output=True,
            text=True,
            timeout=50,
            env={**os.environ, **environment},
        )

    built = str(tmp_path / "_fast.abi3.so")
    done = said_by(HERE.parent / "accelerator" / "build.py", built)
    if done.returncode == 77:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stderr
    package = str(Path(udsock.__file__).parents[1])
    for accelerator in (_accelerator._find() or "", built):
        done = said_by("-c", ECHO, path, PYTHONPATH=package, UDSOCK_ACCELERATOR=accelerator)
        assert done.stdout == "b'hello' True\n", done.stderr


def said(accelerator: str, path: str, program: str = MISTAKES) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UDSOCK_ACCELERATOR", accelerator)
        done = run(program, path)
    assert done.returncode == 0, done.stderr
    # (Python names the function that it wanted to call.)
    named = re.sub(r"(Plain\.|Transfer\._|Socket\._)(\w+?)(_with)?\(\)", r"\2()", done.stdout)
    return named.replace("__init__()", "open()")


@needs_it
def test_every_call_says_the_same_over_both(path: str) -> None:
    ours = said(_accelerator._find() or "", path)
    assert ours.splitlines() == said("", path).splitlines()
    assert len(ours.splitlines()) > 150


def parameters(method: Any) -> list[Any]:
    """What it takes beside itself; without types, which C has not."""
    found = list(inspect.signature(method).parameters.values())[1:]
    return [(one.name, one.kind, one.default) for one in found]


@needs_it
def test_it_has_what_plain_has() -> None:
    accelerated = _accelerator.fast.Accelerated
    own = {name for name in vars(accelerated) if not name.startswith("__")}
    plain = {name for name in vars(Plain) if not name.startswith("__")}
    assert own == plain
    for name in ("send", "sendall", "recv", "recv_into", "fileno", "connect", "close"):
        ours, theirs = getattr(accelerated, name), getattr(Plain, name)
        assert inspect.getdoc(ours) == inspect.getdoc(theirs)
        assert parameters(ours) == parameters(theirs), name
    signature = inspect.signature(Plain.__init__)
    assert list(inspect.signature(accelerated).parameters) == list(signature.parameters)[1:]


@needs_it
@pytest.mark.parametrize(
    "python",
    [
        "import sys; sys.abiflags += 't'",
        "import sys; sys.version_info = (3, 10, 0)",
        "import sys; sys.implementation.name = 'pypy'",
    ],
)
def test_another_python_does_without_it(python: str) -> None:
    assert run(f"{python}\n{WHICH}").stdout == "False\n"


def test_a_file_that_is_none_is_said(tmp_path: Any) -> None:
    if not _accelerator._is_for_this_python():
        pytest.skip("this Python has no accelerator")
    file = tmp_path / "_fast.abi3.so"
    file.write_bytes(b"no library")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UDSOCK_ACCELERATOR", str(file))
        done = run(WHICH)
    assert "ImportError" in done.stderr and str(file) in done.stderr


INTERPRETER = """
    import sys, udsock
    try:
        import _interpreters
        create, run = _interpreters.create, _interpreters.run_string
    except ImportError:
        import _xxsubinterpreters
        create, run = _xxsubinterpreters.create, _xxsubinterpreters.run_string
    for _ in range(3):
        refused = run(create(), sys.argv[1])
        assert refused is None, refused
    one, other = udsock.pair()
    one.sendall(b"here")
    print(other.recv(9))
"""

WITHIN = """
try:
    import _ctypes
except ImportError:
    print("no ctypes there")
else:
    import udsock, udsock.aio
    one, other = udsock.pair()
    one.sendall(b"hello")
    print(other.recv(9))
    one.close(), other.close()
"""


def test_interpreters_within_it() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("its interpreters share ctypes' state")
    done = run(INTERPRETER, WITHIN)
    assert done.returncode == 0, done.stderr
    *within, last = done.stdout.splitlines()
    assert last == "b'here'" and len(within) == 3, done.stdout
    assert set(within) <= {"b'hello'", "no ctypes there"}


@needs_it
def test_none_keeps_its_references() -> None:
    """Of a file that a newer Python has built, too: from 3.12 on None needs none."""
    one, other = udsock.pair()
    with one, other:
        before = sys.getrefcount(None)
        for _ in range(1000):
            one.sendall(b"x")
            other.recv(1)
        assert abs(sys.getrefcount(None) - before) < 100
