"""udsock.aio: the end of a server is bounded, whoever is connected to it."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Awaitable, Callable, List

import ends
import pytest
from aio_support import every_loop, run, run_clean, until
from conftest import CONNECTED

import udsock
from udsock import aio

MUCH = b"x" * 60_000
"""A message of seqpacket's; many of them are more than a socket takes."""

SHORT = 0.1

Serve = Callable[[Any], Awaitable[None]]


async def started(path: str, kind: int, serve: Serve, **options: Any) -> aio.Server:
    """A server of either kind, whose handler is given one thing to write to."""
    if kind == udsock.SEQPACKET:
        return await aio.start_seqpacket_server(serve, path, **options)

    async def serve_stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(writer)

    return await aio.start_server(serve_stream, path, **options)


async def write_much(peer: Any) -> None:
    """Until it is held up."""
    for _ in range(100):
        if isinstance(peer, asyncio.StreamWriter):
            peer.write(MUCH)
            await peer.drain()
        else:
            await peer.send(MUCH)


def deaf_client(path: str, kind: int) -> udsock.Socket:
    return udsock.open_client(path, kind)


@every_loop
@pytest.mark.parametrize("kind", CONNECTED)
@pytest.mark.parametrize("client", ["deaf", "idle"])
@pytest.mark.parametrize(
    "end", ["wait_closed", "close_clients", "async with", "exception", "cancelled", "waited before"]
)
def test_a_server_ends(path: str, loop_kind: str, kind: int, client: str, end: str) -> None:
    held_up: List[Any] = []

    async def serve(peer: Any) -> None:
        held_up.append(peer)
        try:
            if client == "deaf":
                await write_much(peer)
            await asyncio.Event().wait()
        except (ConnectionError, asyncio.CancelledError):
            # (asyncio.run cancels it; Python 3.11 complains of a handler that was.)
            pass

    async def main() -> None:
        server = await started(path, kind, serve, close_timeout=SHORT)
        with deaf_client(path, kind):
            await until(lambda: bool(held_up))
            await asyncio.sleep(0.02)
            if end == "wait_closed":
                server.close()
                await server.wait_closed()
            elif end == "close_clients":
                server.close()
                server.close_clients()
                await server.wait_closed()
            elif end == "async with":
                async with server:
                    pass
            elif end == "exception":
                with pytest.raises(ZeroDivisionError):
                    async with server:
                        raise ZeroDivisionError
            elif end == "cancelled":

                async def forever() -> None:
                    async with server:
                        await server.serve_forever()

                serving = asyncio.create_task(forever())
                await asyncio.sleep(0.01)
                serving.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await serving
            else:
                waiting = asyncio.create_task(server.wait_closed())
                await asyncio.sleep(0)
                server.close()
                await waiting
            assert held_up[0].is_closing()

    run_clean(main, loop_kind)
    assert not os.path.exists(path)


@every_loop
def test_a_closed_server_s_connection_that_is_closing_ends_unwaited(
    path: str, loop_kind: str
) -> None:
    """As a handler does that cleans up after the loop has cancelled it."""
    cleaned_up = []
    held_up: List[Any] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held_up.append(writer.transport)
        try:
            await write_much(writer)
        except asyncio.CancelledError:
            writer.close()
            await writer.wait_closed()
            cleaned_up.append(True)

    async def main() -> None:
        server = await aio.start_server(serve, path, close_timeout=SHORT)
        clients.append(deaf_client(path, udsock.STREAM))
        await until(lambda: bool(held_up) and held_up[0].get_write_buffer_size() > 0)
        server.close()

    clients: List[Any] = []
    try:
        run_clean(main, loop_kind)
    finally:
        clients[0].close()
    assert cleaned_up == [True]


@every_loop
def test_who_reads_gets_what_was_written(path: str, loop_kind: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 2_000_000)
        await reader.read()
        writer.close()

    async def main() -> None:
        server = await aio.start_server(serve, path)
        reader, writer = await aio.open_connection(path)
        await reader.readexactly(1)
        with pytest.raises(ZeroDivisionError):
            async with server:
                reading = asyncio.create_task(reader.read())
                raise ZeroDivisionError
        assert len(await reading) == 1_999_999
        writer.close()
        await writer.wait_closed()

    run_clean(main, loop_kind)


def test_without_a_limit_it_waits(path: str) -> None:
    held_up: List[Any] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held_up.append(writer.transport)
        await write_much(writer)

    async def main() -> None:
        server = await aio.start_server(serve, path, close_timeout=None)
        with deaf_client(path, udsock.STREAM):
            await until(lambda: bool(held_up) and held_up[0].get_write_buffer_size() > 0)
            server.close()
            server.close_clients()
            closing = asyncio.create_task(server.wait_closed())
            await asyncio.sleep(0.1)
            assert not closing.done()
            server.abort_clients()
            await closing

    # (The handler is told that its connection is lost.)
    run(main)


def test_a_second_interrupt_does_not_wait(path: str) -> None:
    held_up: List[Any] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held_up.append(writer.transport)
        await write_much(writer)

    async def main() -> None:
        server = await aio.start_server(serve, path, close_timeout=None)

        async def forever() -> None:
            async with server:
                await server.serve_forever()

        with deaf_client(path, udsock.STREAM):
            serving = asyncio.create_task(forever())
            await until(lambda: bool(held_up) and held_up[0].get_write_buffer_size() > 0)
            for _ in range(2):
                serving.cancel()
                await asyncio.sleep(0.02)
            with pytest.raises(asyncio.CancelledError):
                await serving
            await server.wait_closed()

    run(main)


@pytest.mark.parametrize("close_timeout", ["3", math.nan, b"3"])
def test_a_limit_that_is_none_is_refused_at_the_start(path: str, close_timeout: Any) -> None:
    async def main() -> None:
        with pytest.raises((TypeError, ValueError)):
            await aio.create_server(asyncio.Protocol, path, close_timeout=close_timeout)
        assert not os.path.exists(path)
        gc.collect()

    run_clean(main)


@every_loop
def test_who_waits_no_more_sets_no_limit(path: str, loop_kind: str) -> None:
    async def main() -> None:
        for may_run in (True, False):
            accepted: List[Any] = []

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                accepted.append(writer)
                await reader.read()
                writer.close()

            server = await aio.start_server(serve, path, close_timeout=SHORT)
            _, writer = await aio.open_connection(path)
            await until(lambda: bool(accepted))
            waiting = asyncio.create_task(server.wait_closed())
            await asyncio.sleep(0)
            waiting.cancel()
            if may_run:
                await asyncio.wait([waiting])
            server.close()
            await asyncio.sleep(3 * SHORT)
            assert not accepted[0].is_closing()
            writer.close()
            await server.wait_closed()

    run_clean(main, loop_kind)


@every_loop
def test_connections_of_an_open_server_have_no_limit(path: str, loop_kind: str) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 2_000_000)
        writer.close()

    async def main() -> None:
        async with await aio.start_server(serve, path, close_timeout=SHORT):
            reader, writer = await aio.open_connection(path, limit=10)
            await asyncio.sleep(3 * SHORT)
            assert len(await reader.read()) == 2_000_000
            writer.close()
            await writer.wait_closed()

    run_clean(main, loop_kind)


@every_loop
def test_an_endpoint_for_datagrams_ends_too(
    path: str, loop_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("udsock.aio._datagram.CLOSE_TIMEOUT", SHORT)

    class Endpoint(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.lost = asyncio.get_running_loop().create_future()

        def connection_lost(self, exc: Any) -> None:
            self.lost.set_result(exc)

    async def main() -> None:
        with udsock.open_datagram(path):
            for addresses in ((None, path), (None, None)):
                transport, protocol = await aio.create_datagram_endpoint(Endpoint, *addresses)
                for _ in range(1000):
                    transport.sendto(b"x", None if addresses[1] else path)
                transport.close()
                assert not protocol.lost.done()
                assert await protocol.lost is None

    run_clean(main, loop_kind)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_program(path: str, number: int) -> None:
    program = """
        import asyncio, signal, sys
        from udsock import aio

        async def echo(reader, writer):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

        async def main():
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            async with await aio.start_server(echo, sys.argv[1]) as server:
                serving = asyncio.create_task(server.serve_forever())
                await stop.wait()
                serving.cancel()

        asyncio.run(main())
    """
    # (A shell starts what runs in the background with SIGINT ignored.)
    command = ["env", "--default-signal=INT", sys.executable, "-c", textwrap.dedent(program), path]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            with udsock.open_client(path, timeout=20, retry=True) as deaf:
                with udsock.open_client(path, timeout=20):
                    deaf.settimeout(0.5)
                    with pytest.raises(TimeoutError):
                        while True:
                            deaf.send(MUCH)
                    server.send_signal(number)
                    server.wait(30)
        finally:
            server.kill()
    assert not os.path.exists(path)


def test_asyncio_s_own_ends_are_those_of_the_page() -> None:
    page = Path(__file__).resolve().parents[3] / "docs/asyncio.md"
    if not page.exists():
        pytest.skip("not in a checkout, which alone has docs/")
    rows = [line.split("|")[1:-1] for line in page.read_text().splitlines() if line[:1] == "|"]
    head, _, *shown = [[cell.strip() for cell in row] for row in rows]
    minor = sys.version_info[1]
    column = "3.9 to 3.11" if minor <= 11 else f"3.{minor}"
    if column not in head:
        pytest.skip(f"the page knows nothing of Python 3.{minor}")
    said = [[row[0], row[head.index(column)], row[-1]] for row in shown]
    assert ends.table() == said
