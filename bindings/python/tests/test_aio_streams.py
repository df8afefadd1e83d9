"""udsock.aio with StreamReader and StreamWriter."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any, List

import pytest
from aio_support import Streams, ask, echo, every_loop, run_clean, until

import udsock
from udsock import aio

# ---- The examples of asyncio's documentation, with other functions to open


@every_loop
def test_the_documentation_s_echo_server_and_client(
    path: str, loop_kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def tcp_echo_client(message: str) -> None:
        reader, writer = await aio.open_connection(path)

        print(f"Send: {message!r}")
        writer.write(message.encode())
        await writer.drain()

        data = await reader.read(100)
        print(f"Received: {data.decode()!r}")

        print("Close the connection")
        writer.close()
        await writer.wait_closed()

    async def handle_echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(100)
        message = data.decode()
        addr = writer.get_extra_info("peername")

        print(f"Received {message!r} from {addr!r}")

        print(f"Send: {message!r}")
        writer.write(data)
        await writer.drain()

        print("Close the connection")
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        server = await aio.start_server(handle_echo, path)

        addrs = ", ".join(str(sock.getsockname()) for sock in server.sockets)
        print(f"Serving on {addrs}")

        async with server:
            serving = asyncio.create_task(server.serve_forever())
            await tcp_echo_client("Hello World!")
            serving.cancel()

    run_clean(main, loop_kind)
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(
        [
            f"Serving on {path}",
            "Send: 'Hello World!'",
            "Received 'Hello World!' from ''",
            "Send: 'Hello World!'",
            "Received: 'Hello World!'",
            "Close the connection",
            "Close the connection",
        ]
    )


@every_loop
def test_the_documentation_s_socket_that_is_registered(loop_kind: str) -> None:
    async def main() -> None:
        rsock, wsock = udsock.pair()
        reader, writer = await aio.open_connection(sock=rsock)
        asyncio.get_running_loop().call_soon(wsock.send, b"abc")
        assert await reader.read(100) == b"abc"
        writer.close()
        await writer.wait_closed()
        wsock.close()

    run_clean(main, loop_kind)


# ---- With others


@every_loop
def test_asyncio_s_client_at_our_server(path: str, loop_kind: str) -> None:
    async def main() -> None:
        async with await aio.start_server(echo, path):
            answer = await ask(await asyncio.open_unix_connection(path), b"hello" * 100_000)
            assert answer == b"hello" * 100_000

    run_clean(main, loop_kind)


@every_loop
def test_our_client_at_asyncio_s_server(path: str, loop_kind: str) -> None:
    async def main() -> None:
        async with await asyncio.start_unix_server(echo, path):
            answer = await ask(await aio.open_connection(path), b"hello" * 100_000)
            assert answer == b"hello" * 100_000

    run_clean(main, loop_kind)


@every_loop
def test_plain_sockets_at_our_server(path: str, loop_kind: str) -> None:
    def client() -> bytes:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            sock.sendall(b"hello")
            sock.shutdown(socket.SHUT_WR)
            return sock.makefile("rb").read()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with await aio.start_server(echo, path):
            assert await loop.run_in_executor(None, client) == b"hello"

    run_clean(main, loop_kind)


@every_loop
def test_our_client_at_a_plain_socket(path: str, loop_kind: str) -> None:
    def server(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            sock.sendall(sock.makefile("rb").read().upper())

    async def main() -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            serving = asyncio.get_running_loop().run_in_executor(None, server, listener)
            assert await ask(await aio.open_connection(path), b"hello") == b"HELLO"
            await serving

    run_clean(main, loop_kind)


# ---- Much data


@every_loop
def test_much_goes_both_ways_at_once(path: str, loop_kind: str) -> None:
    # Both write all they have before they are done with reading.
    size = 8 << 20
    block = bytes(range(256)) * 400

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def write() -> None:
            sent = 0
            while sent < size:
                writer.write(block)
                sent += len(block)
                await writer.drain()
            writer.write_eof()

        async def read() -> None:
            data = await reader.read()
            assert data == block * -(-size // len(block))

        await asyncio.gather(write(), read())
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        done: "asyncio.Queue[None]" = asyncio.Queue()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await talk(reader, writer)
            done.put_nowait(None)

        async with await aio.start_server(serve, path):
            for open_connection in (aio.open_connection, asyncio.open_unix_connection):
                await talk(*await open_connection(path))
                await done.get()

    run_clean(main, loop_kind)


def test_one_large_write_goes_out_whole(path: str) -> None:
    data = os.urandom(20 << 20)

    async def main() -> None:
        async def serve(_: Any, writer: asyncio.StreamWriter) -> None:
            writer.write(data)
            writer.close()
            await writer.wait_closed()

        async with await aio.start_server(serve, path):
            reader, writer = await aio.open_connection(path)
            assert await reader.read() == data
            writer.close()
            await writer.wait_closed()

    run_clean(main)


def test_a_client_that_does_not_read_can_t_make_a_server_keep_more(path: str) -> None:
    async def main() -> None:
        sent: List[int] = []
        largest = 0

        async def serve(_: Any, writer: asyncio.StreamWriter) -> None:
            nonlocal largest
            for _ in range(100):
                writer.write(b"x" * 50_000)
                sent.append(50_000)
                largest = max(largest, writer.transport.get_write_buffer_size())
                await writer.drain()
            writer.close()
            await writer.wait_closed()

        async with await aio.start_server(serve, path):
            reader, writer = await aio.open_connection(path, limit=1000)
            await until(lambda: bool(largest > 65536))
            stopped_at = len(sent)
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(sent) == stopped_at < 100
            assert len(await reader.readexactly(5_000_000)) == 5_000_000
            assert await reader.read() == b""
            assert largest <= 65536 + 50_000
            writer.close()
            await writer.wait_closed()

    run_clean(main)


def test_a_reader_that_does_not_read_lets_its_peer_send_no_more(path: str) -> None:
    async def main() -> None:
        streams: "asyncio.Future[Streams]" = asyncio.get_running_loop().create_future()

        async def serve(*given: Any) -> None:
            streams.set_result(given)

        async with await aio.start_server(serve, path, limit=1000):
            with udsock.open_client(path) as client:
                client.setblocking(False)
                reader, writer = await streams
                sent = 0
                tries = 0
                while tries < 100:
                    try:
                        sent += client.send(b"x" * 10_000)
                    except BlockingIOError:
                        tries += 1
                        await asyncio.sleep(0)
                assert sent < 1_000_000
                client.close()
                assert len(await reader.read()) == sent
                writer.close()
                await writer.wait_closed()

    run_clean(main)


def test_the_limit_of_a_line(path: str) -> None:
    async def main() -> None:
        async with await aio.start_server(echo, path):
            reader, writer = await aio.open_connection(path, limit=100)
            writer.write(b"short\n" + b"x" * 300 + b"\n")
            assert await reader.readline() == b"short\n"
            with pytest.raises(ValueError, match="limit"):
                await reader.readline()
            writer.close()
            await writer.wait_closed()

    run_clean(main)


@every_loop
def test_a_descriptor_that_is_given_away_is_watched_by_nobody(path: str, loop_kind: str) -> None:
    async def main() -> None:
        async with await aio.start_server(echo, path):
            reader, writer = await aio.open_connection(path)
            for _ in range(40):  # Busy, as few connections are at their end.
                writer.write(b"x")
                assert await reader.read(9) == b"x"
            sock = writer.get_extra_info("socket")
            with socket.socket(fileno=sock.detach()) as raw:
                raw.sendall(b"hello")
                await asyncio.sleep(0.1)
                assert raw.recv(9) == b"hello"
            assert not writer.transport.is_closing()
            writer.transport.abort()

    run_clean(main, loop_kind)
