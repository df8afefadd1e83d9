"""udsock.aio's servers: connecting to them, their life, cancellation, and many loops."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
import time
from pathlib import Path
from typing import Any, List

import pytest
from aio_support import Recorder, Streams, ask, echo, every_loop, run, run_clean, until

import udsock
from udsock import aio


# ---- Connecting


def test_errors_of_connecting(path: str) -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError) as raised:
            await aio.open_connection(path)
        assert raised.value.filename == path
        with open(path, "w"):
            with pytest.raises(ConnectionRefusedError):
                await aio.open_connection(path)
        os.remove(path)
        with udsock.open_server(path, udsock.SEQPACKET):
            with pytest.raises(OSError) as other:
                await aio.open_connection(path)
            assert other.value.errno == errno.EPROTOTYPE
            with pytest.raises(OSError) as taken:
                await aio.start_server(echo, path)
            assert taken.value.errno == errno.EADDRINUSE
            assert taken.value.filename == path
        with pytest.raises(ValueError, match="no sock"):
            await aio.open_connection()
        with pytest.raises(ValueError, match="no sock"):
            await aio.start_server(echo)

    run_clean(main)


@every_loop
def test_connecting_waits_for_a_server_if_asked_to(path: str, loop_kind: str) -> None:
    async def main() -> None:
        asking = asyncio.create_task(aio.open_connection(path, retry=True))
        await asyncio.sleep(0.01)
        assert not asking.done()
        async with await aio.start_server(echo, path):
            assert await ask(await asking, b"hello") == b"hello"

    run_clean(main, loop_kind)


@every_loop
def test_a_server_gets_its_path_back(path: str, loop_kind: str) -> None:
    async def main() -> None:
        async with await aio.start_server(echo, path, restore_file=True):
            os.unlink(path)
            assert await ask(await aio.open_connection(path, retry=True), b"x") == b"x"

    run_clean(main, loop_kind)


@every_loop
def test_connecting_waits_until_the_file_is_open_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop_kind: str
) -> None:
    async def main() -> None:
        async with await aio.start_server(echo, "s", mode=0o500):
            with pytest.raises(PermissionError):
                await aio.open_connection("s")
            for _ in range(20):
                os.chmod("s", 0o500)
                asking = asyncio.create_task(aio.open_connection("s", retry=True))
                await asyncio.sleep(0.1)
                os.chmod("s", 0o600)
                try:
                    streams = await asking
                except PermissionError:
                    continue  # The machine was busy for a whole second.
                break
            assert await ask(streams, b"hello") == b"hello"
            os.chmod("s", 0o500)
            start = time.monotonic()
            with pytest.raises(PermissionError):
                await aio.open_connection("s", retry=True)
            assert time.monotonic() - start >= 1

    monkeypatch.chdir(tmp_path)
    is_root = os.geteuid() == 0
    if is_root:
        # An owner without the right to write is not let in; root always is.
        os.chown(".", 65534, 65534)
        os.seteuid(65534)
    try:
        run_clean(main, loop_kind)
    finally:
        if is_root:
            os.seteuid(0)


@every_loop
def test_a_full_queue_stops_only_who_connects(path: str, loop_kind: str) -> None:
    async def main() -> None:
        server = await aio.start_server(echo, path, backlog=1, start_serving=False)
        assert not server.is_serving()
        asking = [asyncio.create_task(aio.open_connection(path)) for _ in range(10)]
        await asyncio.sleep(0.02)
        assert sum(task.done() for task in asking) == 2
        asking.pop().cancel()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(aio.open_connection(path), 0.01)
        await server.start_serving()
        assert server.is_serving()
        for task in asking:
            assert await ask(await task, b"hello") == b"hello"
        server.close()
        await server.wait_closed()

    run_clean(main, loop_kind)


def test_who_is_there(path: str, tmp_path: Path) -> None:
    client_path = str(tmp_path / "client")

    async def main() -> None:
        async def serve(_: Any, writer: asyncio.StreamWriter) -> None:
            assert writer.get_extra_info("peername") == client_path
            assert writer.get_extra_info("sockname") == path
            assert writer.get_extra_info("peercred") == (os.getpid(), os.getuid(), os.getgid())
            assert isinstance(writer.get_extra_info("socket"), udsock.Socket)
            assert writer.get_extra_info("cipher", "none") == "none"
            writer.close()
            await writer.wait_closed()

        async with await aio.start_server(serve, path):
            reader, writer = await aio.open_connection(path, local_address=client_path)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
            assert not os.path.exists(client_path)

    run_clean(main)


# ---- The server


def test_a_server_s_file_has_its_mode_and_goes_with_it(path: str) -> None:
    async def main() -> None:
        server = await aio.start_server(echo, path, mode=0o600)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert [sock.getsockname() for sock in server.sockets] == [path]
        server.close()
        server.close()
        assert not os.path.exists(path)
        assert server.sockets == ()
        assert not server.is_serving()
        await server.wait_closed()
        with pytest.raises(RuntimeError):
            await server.start_serving()

    run_clean(main)


def test_a_socket_that_listens_already_brings_its_rules(path: str) -> None:
    async def main() -> None:
        listener = udsock.open_server(path)
        listener.allow_user(os.getuid() + 1)
        async with await aio.start_server(echo, sock=listener):
            reader, writer = await aio.open_connection(path)
            try:
                assert await reader.read() == b""
            except ConnectionResetError:
                pass
            writer.close()
            await until(lambda: listener.refused == 1)

    run_clean(main)


def test_a_socket_that_is_bound_listens_when_it_serves(path: str) -> None:
    async def main() -> None:
        sock = udsock.Socket()
        sock.bind(path, mode=0o600)
        server = await aio.start_server(echo, sock=sock, backlog=5, start_serving=False)
        with pytest.raises(ConnectionRefusedError):
            await aio.open_connection(path)
        async with server:
            await server.start_serving()
            assert await ask(await aio.open_connection(path), b"hello") == b"hello"

    run_clean(main)


def test_a_new_server_takes_the_path_over(path: str) -> None:
    async def main() -> None:
        first = await aio.start_server(echo, path)
        async with await aio.start_server(echo, path, replace=True):
            first.close()
            await first.wait_closed()
            assert await ask(await aio.open_connection(path), b"hello") == b"hello"

    run_clean(main)


@every_loop
def test_a_replaced_server_resets_nobody_when_it_is_closed(path: str, loop_kind: str) -> None:
    async def main() -> None:
        def close_in_between() -> asyncio.Protocol:
            first.close()
            return asyncio.Protocol()

        first = await aio.start_server(echo, path)
        waiting = [udsock.open_client(path) for _ in range(3)]
        async with await aio.start_server(echo, path, replace=True):
            first.close()
            for client in waiting:
                assert await ask(await aio.open_connection(sock=client), b"hello") == b"hello"
            await first.wait_closed()
            assert await ask(await aio.open_connection(path), b"hello") == b"hello"

        first = await aio.create_server(close_in_between, path)
        with udsock.open_client(path), udsock.open_client(path):
            async with await aio.start_server(echo, path, replace=True):
                first.close()
                assert first.sockets == ()
                first.abort_clients()
                await first.wait_closed()

    run_clean(main, loop_kind)


@every_loop
def test_wait_closed_waits_for_the_connections(path: str, loop_kind: str) -> None:
    async def main() -> None:
        server = await aio.start_server(echo, path)
        reader, writer = await aio.open_connection(path)
        writer.write(b"x")
        await reader.readexactly(1)
        closing = asyncio.create_task(server.wait_closed())
        await asyncio.sleep(0)
        server.close()
        await asyncio.sleep(0.01)
        assert not closing.done()
        server.close_clients()
        assert await reader.read() == b""
        await closing
        writer.close()
        await writer.wait_closed()

    run_clean(main, loop_kind)


def test_clients_can_be_ended_at_once(path: str) -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"x" * 10_000_000)
            await reader.read()

        server = await aio.start_server(serve, path)
        reader, writer = await aio.open_connection(path)
        await reader.readexactly(1)
        server.close()
        server.abort_clients()
        await server.wait_closed()
        assert len(await reader.read()) < 9_999_999
        writer.close()
        await writer.wait_closed()

    run_clean(main)


@every_loop
def test_serve_forever_ends_when_it_is_cancelled_or_the_server_closed(
    path: str, loop_kind: str
) -> None:
    async def main() -> None:
        for end in ("cancel", "close"):
            server = await aio.start_server(echo, path, start_serving=False)
            serving = asyncio.create_task(server.serve_forever())
            assert await ask(await aio.open_connection(path, retry=True), b"x") == b"x"
            with pytest.raises(RuntimeError, match="already"):
                await server.serve_forever()
            if end == "cancel":
                serving.cancel()
            else:
                server.close()
            with pytest.raises(asyncio.CancelledError):
                await serving
            assert not os.path.exists(path)

    run_clean(main, loop_kind)


# ---- Cancellation


@every_loop
def test_cancellation_at_every_await(path: str, loop_kind: str) -> None:
    async def cancelled(task: "asyncio.Task[Any]") -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def main() -> None:
        accepted: "asyncio.Queue[Streams]" = asyncio.Queue()

        async def serve(*streams: Any) -> None:
            accepted.put_nowait(streams)

        start = asyncio.ensure_future
        await cancelled(start(aio.open_connection(path, retry=True)))
        async with await aio.start_server(serve, path):
            reader, writer = await aio.open_connection(path)
            peer_reader, peer_writer = await accepted.get()
            for reading in (reader.read(1), reader.readexactly(2), reader.readline()):
                await cancelled(start(reading))
            peer_writer.write(b"abc\n")
            assert await reader.readline() == b"abc\n"

            writer.write(b"x" * 5_000_000)
            await cancelled(start(writer.drain()))
            writer.close()
            await cancelled(start(writer.wait_closed()))
            assert len(await peer_reader.read()) == 5_000_000
            peer_writer.close()
            await peer_writer.wait_closed()

    run_clean(main, loop_kind)


def test_a_cancelled_handler_ends_its_connection(path: str) -> None:
    async def main() -> None:
        tasks: List[Any] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.append(asyncio.current_task())
            try:
                await reader.read()
            finally:
                writer.close()

        async with await aio.start_server(serve, path):
            reader, writer = await aio.open_connection(path)
            await until(lambda: bool(tasks))
            tasks[0].cancel()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    run(main)


# ---- Many loops


@every_loop
def test_loops_of_several_threads_talk_to_each_other(path: str, loop_kind: str) -> None:
    ready, done = threading.Event(), threading.Event()

    def serve() -> None:
        async def main() -> None:
            async with await aio.start_server(echo, path):
                ready.set()
                while not done.is_set():
                    await asyncio.sleep(0.001)

        run_clean(main, loop_kind)

    def ask_often() -> None:
        async def main() -> None:
            for number in range(20):
                question = b"%d" % number * 10_000
                assert await ask(await aio.open_connection(path), question) == question
            finished.append(True)

        run_clean(main, loop_kind)

    finished: List[bool] = []
    server = threading.Thread(target=serve)
    server.start()
    ready.wait(20)
    clients = [threading.Thread(target=ask_often) for _ in range(3)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    done.set()
    server.join()
    assert finished == [True] * 3


@every_loop
def test_a_loop_s_poller_goes_with_it(path: str, loop_kind: str) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    async def main() -> None:
        async with await aio.start_server(echo, path):
            assert await ask(await aio.open_connection(path), b"x") == b"x"

    run_clean(main, loop_kind)
    before = descriptors()
    for _ in range(10):
        run_clean(main, loop_kind)
    assert descriptors() <= before


@every_loop
def test_a_factory_may_close_its_server(path: str, loop_kind: str) -> None:
    async def main() -> None:
        def factory() -> asyncio.Protocol:
            server.close()
            made.append(Recorder())
            return made[0]

        made: List[Recorder] = []
        server = await aio.create_server(factory, path, close_timeout=0.1)
        with udsock.open_client(path) as client:
            client.send(b"hello")
            await until(lambda: bool(made) and made[0].data == b"hello")
            await server.wait_closed()
            assert client.recv(1) == b""

    run_clean(main, loop_kind)
