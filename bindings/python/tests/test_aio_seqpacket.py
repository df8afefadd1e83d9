"""udsock.aio's connections of messages."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from typing import Any, List

import pytest
from aio_support import Recorder, every_loop, run, run_clean, until
from conftest import run as program

import udsock
from udsock import aio
from udsock.aio import SeqpacketConnection, _seqpacket


async def echo(connection: SeqpacketConnection) -> None:
    async for message in connection:
        await connection.send(message)


@every_loop
def test_messages_keep_their_bounds(path: str, loop_kind: str) -> None:
    async def main() -> None:
        async with await aio.start_seqpacket_server(echo, path):
            async with await aio.open_seqpacket_connection(path) as connection:
                sent: List[bytes] = [b"one", b"", bytes(100_000), b"four"]
                for message in sent:
                    await connection.send(message)
                await connection.send(bytearray(b"five"))
                connection.write_eof()
                assert [message async for message in connection] == [*sent, b"five"]
                with pytest.raises(EOFError):
                    await connection.receive()
                assert connection.get_extra_info("peercred").pid == os.getpid()
        assert not os.path.exists(path)

    run_clean(main, loop_kind)


@every_loop
def test_plain_sockets_at_both_ends(path: str, tmp_path: Any, loop_kind: str) -> None:
    other = str(tmp_path / "other")

    async def main() -> None:
        async with await aio.start_seqpacket_server(echo, path):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as plain:
                plain.connect(path)
                plain.send(b"one")
                plain.send(b"two")
                plain.setblocking(False)
                loop = asyncio.get_running_loop()
                assert [await loop.sock_recv(plain, 100) for _ in "12"] == [b"one", b"two"]
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as plain:
            plain.bind(other)
            plain.listen()
            async with await aio.open_seqpacket_connection(other) as connection:
                accepted, _ = plain.accept()
                with accepted:
                    await connection.send(b"one")
                    await connection.send(b"two")
                    await asyncio.sleep(0)
                    assert [accepted.recv(100), accepted.recv(100)] == [b"one", b"two"]
                    accepted.send(b"three")
                assert await connection.receive() == b"three"

    run_clean(main, loop_kind)


@every_loop
def test_nobody_keeps_more_than_the_limits(path: str, loop_kind: str) -> None:
    # Both send much before they receive: memory is bounded, and nothing is lost.
    async def main() -> None:
        connections: "asyncio.Queue[SeqpacketConnection]" = asyncio.Queue()
        done = asyncio.Event()

        async def serve(connection: SeqpacketConnection) -> None:
            connections.put_nowait(connection)
            await done.wait()

        async with await aio.start_seqpacket_server(serve, path, limit=1000):
            async with await aio.open_seqpacket_connection(path, limit=1000) as client:
                server = await connections.get()
                sent = 0

                async def send() -> None:
                    nonlocal sent
                    for number in range(2000):
                        await client.send(b"%d " % number + bytes(1000))
                        sent += 1

                sending = asyncio.create_task(send())
                stopped_at = -1
                while sent != stopped_at:
                    stopped_at = sent
                    await asyncio.sleep(0.05)
                assert sent < 2000
                for number in range(2000):
                    assert int((await server.receive()).split()[0]) == number
                await sending
            with pytest.raises(EOFError):
                await server.receive()
            done.set()

    run_clean(main, loop_kind)


@every_loop
def test_a_peer_that_leaves(path: str, loop_kind: str) -> None:
    async def main() -> None:
        left, right = udsock.pair(udsock.SEQPACKET)
        connection = await aio.open_seqpacket_connection(sock=left)
        right.send(b"last")
        receiving = asyncio.create_task(connection.receive())
        assert await receiving == b"last"
        receiving = asyncio.create_task(connection.receive())
        await asyncio.sleep(0)
        right.close()
        with pytest.raises(EOFError):
            await receiving
        with pytest.raises(BrokenPipeError):
            while True:
                await connection.send(b"x")
                await asyncio.sleep(0)
        assert connection.is_closing()
        await connection.wait_closed()

        left, right = udsock.pair(udsock.SEQPACKET)
        connection = await aio.open_seqpacket_connection(sock=left)
        await connection.send(b"not read")
        await asyncio.sleep(0)
        right.close()
        with pytest.raises(ConnectionResetError):
            await connection.receive()
        await connection.wait_closed()

    run_clean(main, loop_kind)


def test_a_message_that_is_too_large_is_refused_and_the_connection_goes_on(path: str) -> None:
    async def main() -> None:
        async with await aio.start_seqpacket_server(echo, path):
            async with await aio.open_seqpacket_connection(path) as connection:
                sock = connection.get_extra_info("socket")
                largest = sock.send_buffer - 32
                with pytest.raises(OSError) as raised:
                    await connection.send(bytes(largest + 1))
                assert raised.value.errno == errno.EMSGSIZE
                await connection.send(bytes(largest))
                assert len(await connection.receive()) == largest
            with pytest.raises(ConnectionResetError, match="closed"):
                await connection.send(b"x")

    run_clean(main)


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
        left, right = udsock.pair(udsock.SEQPACKET)
        right.setblocking(False)
        connection = await aio.open_seqpacket_connection(sock=left)
        await cancelled(asyncio.ensure_future(connection.receive()))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connection.receive(), 0.001)
        right.send(b"not lost")
        assert await connection.receive() == b"not lost"

        async def send() -> None:
            while True:
                await connection.send(bytes(1000))

        await cancelled(asyncio.create_task(send()))
        connection.close()
        await cancelled(asyncio.ensure_future(connection.wait_closed()))
        right.close()
        await connection.wait_closed()

    run_clean(main, loop_kind)


def test_a_handler_that_fails_ends_its_connection_alone(path: str) -> None:
    async def serve(connection: SeqpacketConnection) -> None:
        if await connection.receive() == b"fail":
            raise ZeroDivisionError
        await connection.send(b"well")

    async def main() -> None:
        async with await aio.start_seqpacket_server(serve, path):
            async with await aio.open_seqpacket_connection(path) as one:
                async with await aio.open_seqpacket_connection(path) as other:
                    await one.send(b"fail")
                    with pytest.raises(EOFError):
                        await one.receive()
                    await other.send(b"x")
                    assert await other.receive() == b"well"

    [context] = run(main)
    assert isinstance(context["exception"], ZeroDivisionError)


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt])
def test_a_handler_that_ends_the_program_ends_it(path: str, end: Any) -> None:
    done = program(
        f"""
        import asyncio, sys
        from udsock import aio

        async def serve(connection):
            raise {end.__name__}(3)

        async def main():
            async with await aio.start_seqpacket_server(serve, sys.argv[1]) as server:
                async with await aio.open_seqpacket_connection(sys.argv[1]):
                    await server.serve_forever()

        asyncio.run(main())
        """,
        path,
    )
    assert done.returncode == (3 if end is SystemExit else -signal.SIGINT), done.stderr
    assert "Unhandled" not in done.stderr


@every_loop
@pytest.mark.parametrize("end", ["exception", "time runs out", "cancelled twice"])
def test_a_client_leaves_a_peer_that_does_not_read(
    path: str, loop_kind: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if end != "cancelled twice":
        monkeypatch.setattr(_seqpacket, "CLOSE_TIMEOUT", 0.1)

    async def main() -> None:
        left, right = udsock.pair(udsock.SEQPACKET)
        with right:

            async def talk() -> None:
                async with await aio.open_seqpacket_connection(sock=left) as connection:
                    while end != "exception" or connection._transport.get_write_buffer_size() == 0:
                        await asyncio.wait_for(connection.send(bytes(10_000)), 1)
                    raise ZeroDivisionError

            talking = asyncio.ensure_future(talk())
            if end == "exception":
                with pytest.raises(ZeroDivisionError):
                    await talking
            elif end == "time runs out":
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(talking, 0.1)
            else:
                for _ in range(2):
                    await asyncio.sleep(0.1)
                    talking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await talking
            await until(lambda: left.fileno() < 0)

    run_clean(main, loop_kind)


@every_loop
def test_protocols_get_messages_one_by_one(path: str, loop_kind: str) -> None:
    class Counting(Recorder):
        def data_received(self, data: bytes) -> None:
            self.calls.append(data)

    async def main() -> None:
        left, right = udsock.pair(udsock.SEQPACKET)
        transport, protocol = await aio.create_connection(Counting, sock=left)
        for message in (b"one", b"", b"three"):
            right.send(message)
        await until(lambda: len(protocol.calls) == 4)
        assert protocol.calls == ["made", b"one", b"", b"three"]
        transport.write(b"a")
        transport.write(b"")
        transport.close()
        assert await protocol.lost is None
        assert [right.recv(10), right.recv(10), right.recv(10)] == [b"a", b"", b""]
        right.close()

    run_clean(main, loop_kind)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_lets_nothing_come_is_refused(limit: int, path: str) -> None:
    async def serve(_: Any) -> None: ...

    async def main() -> None:
        with pytest.raises(ValueError, match="Limit"):
            await aio.start_seqpacket_server(serve, path, limit=limit)
        with pytest.raises(ValueError, match="Limit"):
            await aio.open_seqpacket_connection(path, limit=limit)
        assert not os.path.exists(path)

    run_clean(main)


@pytest.mark.parametrize("kind", [udsock.STREAM, udsock.DGRAM, udsock.SEQPACKET])
def test_a_socket_of_another_kind_is_refused(kind: int, path: str) -> None:
    async def serve(*_: Any) -> None: ...

    wants: dict[Any, int] = {
        aio.open_connection: udsock.STREAM,
        aio.open_seqpacket_connection: udsock.SEQPACKET,
        lambda **given: aio.start_server(serve, **given): udsock.STREAM,
        lambda **given: aio.start_seqpacket_server(serve, **given): udsock.SEQPACKET,
    }

    async def main() -> None:
        for begin, wanted in wants.items():
            if kind == wanted:
                continue
            one, other = udsock.pair(kind)
            with one, other:
                with pytest.raises(ValueError, match="Socket was expected, got <udsock.Socket fd="):
                    await begin(sock=one)
                # Who gave it still has it.
                assert one.fileno() >= 0
            with pytest.raises(TypeError, match="multiple values"):
                await begin(path=path, kind=kind)

    run_clean(main)
