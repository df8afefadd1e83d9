"""What the tests of udsock.aio share."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, List, Tuple

import pytest

import udsock
from udsock import aio

HANG = 40
"""A test that takes so many seconds hangs."""

try:
    import uvloop
except ImportError:
    LOOPS = ["asyncio"]
else:
    LOOPS = ["asyncio", "uvloop"]
    # The first loop leaves a pipe open for ever.
    uvloop.run(asyncio.sleep(0))

every_loop = pytest.mark.parametrize("loop_kind", LOOPS)

Main = Callable[[], Awaitable[Any]]

Streams = Tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run(main: Main, loop_kind: str = "asyncio") -> List[Any]:
    """Runs it in a loop of its own. What nobody handled is returned."""
    unhandled: List[Any] = []

    async def guarded() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unhandled.append(context))
        await asyncio.wait_for(main(), HANG)

    if loop_kind == "uvloop":
        uvloop.run(guarded())
    else:
        asyncio.run(guarded())
    return unhandled


def run_clean(main: Main, loop_kind: str = "asyncio") -> None:
    unhandled = run(main, loop_kind)
    assert unhandled == [], unhandled


async def until(condition: Callable[[], bool]) -> None:
    """Waits, within the guard of `run`."""
    while not condition():
        await asyncio.sleep(0.001)


class Recorder(asyncio.Protocol):
    """Keeps what it was told, in order."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.calls: List[Any] = []
        self.data = b""
        self.keeps_open = False
        self.lost: "asyncio.Future[Any]" = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.calls.append("data")

    def eof_received(self) -> bool:
        self.calls.append("eof")
        return self.keeps_open

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Any) -> None:
        self.calls.append("lost")
        self.lost.set_result(exc)


async def connected(kind: int = udsock.STREAM) -> Tuple[Any, Recorder, udsock.Socket]:
    """A transport, its protocol, and a plain peer that does not wait."""
    left, right = udsock.pair(kind)
    right.setblocking(False)
    transport, protocol = await aio.create_connection(Recorder, sock=left)
    return transport, protocol, right


async def receive(sock: udsock.Socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        try:
            got = sock.recv(size - len(data))
        except BlockingIOError:
            await asyncio.sleep(0)
            continue
        if not got:
            break
        data += got
    return data


async def closed(transport: Any, protocol: Recorder) -> Any:
    transport.close()
    return await protocol.lost


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        data = await reader.read(65536)
        if not data:
            break
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def ask(streams: Streams, question: bytes) -> bytes:
    """Sends, says that this was all, and reads everything."""
    reader, writer = streams
    writer.write(question)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer
