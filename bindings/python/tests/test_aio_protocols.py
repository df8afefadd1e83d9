"""udsock.aio with protocols: the transport's side of the bargain."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, List, Optional

import pytest
from aio_support import Recorder, closed, connected, every_loop, receive, run, run_clean, until

import udsock
from udsock import aio


# ---- The examples of asyncio's documentation, with other methods to open


@every_loop
def test_the_documentation_s_echo_server_and_client(
    path: str, loop_kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class EchoServerProtocol(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            peername = transport.get_extra_info("peername")
            print(f"Connection from {peername!r}")
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            message = data.decode()
            print(f"Data received: {message!r}")

            print(f"Send: {message!r}")
            self.transport.write(data)

            print("Close the client socket")
            self.transport.close()

    class EchoClientProtocol(asyncio.Protocol):
        def __init__(self, message: str, on_con_lost: "asyncio.Future[bool]") -> None:
            self.message = message
            self.on_con_lost = on_con_lost

        def connection_made(self, transport: Any) -> None:
            transport.write(self.message.encode())
            print(f"Data sent: {self.message!r}")

        def data_received(self, data: bytes) -> None:
            print(f"Data received: {data.decode()!r}")

        def connection_lost(self, exc: Optional[BaseException]) -> None:
            print("The server closed the connection")
            self.on_con_lost.set_result(True)

    async def main() -> None:
        server = await aio.create_server(EchoServerProtocol, path)
        async with server:
            on_con_lost = asyncio.get_running_loop().create_future()
            message = "Hello World!"
            transport, _ = await aio.create_connection(
                lambda: EchoClientProtocol(message, on_con_lost), path
            )
            try:
                await on_con_lost
            finally:
                transport.close()

    run_clean(main, loop_kind)
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(
        [
            "Connection from ''",
            "Data sent: 'Hello World!'",
            "Data received: 'Hello World!'",
            "Send: 'Hello World!'",
            "Close the client socket",
            "Data received: 'Hello World!'",
            "The server closed the connection",
        ]
    )


# ---- Life


@every_loop
def test_the_order_of_the_calls(loop_kind: str) -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        assert protocol.calls == ["made"]
        assert transport.get_protocol() is protocol
        peer.send(b"x")
        await until(lambda: protocol.data == b"x")
        peer.close()
        assert await protocol.lost is None
        assert protocol.calls == ["made", "data", "eof", "lost"]
        assert transport.is_closing()
        # Nothing more happens, whatever is called.
        transport.close()
        transport.abort()
        transport.write(b"x")
        transport.write_eof()
        transport.pause_reading()
        transport.resume_reading()
        transport.set_write_buffer_limits(high=0)
        assert not transport.is_reading()
        assert transport.get_write_buffer_size() == 0
        assert transport.get_extra_info("peername", "unknown") == "unknown"
        await asyncio.sleep(0.01)
        assert protocol.calls == ["made", "data", "eof", "lost"]

    run_clean(main, loop_kind)


@every_loop
def test_a_half_closed_connection_can_still_answer(loop_kind: str) -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        protocol.keeps_open = True
        peer.shutdown(socket.SHUT_WR)
        await until(lambda: "eof" in protocol.calls)
        transport.pause_reading()
        transport.resume_reading()
        transport.write(b"answer")
        assert await receive(peer, 6) == b"answer"
        await asyncio.sleep(0.01)
        assert protocol.calls == ["made", "eof"]
        assert await closed(transport, protocol) is None
        peer.close()

    run_clean(main, loop_kind)


@every_loop
def test_write_eof_comes_behind_what_was_written(loop_kind: str) -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        assert transport.can_write_eof()
        transport.write(b"x" * 1_000_000)
        transport.write_eof()
        transport.write_eof()
        with pytest.raises(RuntimeError, match="write_eof"):
            transport.write(b"more")
        assert len(await receive(peer, 1_000_001)) == 1_000_000
        peer.send(b"back")
        await until(lambda: protocol.data == b"back")
        assert await closed(transport, protocol) is None
        peer.close()

    run_clean(main, loop_kind)


@every_loop
def test_close_sends_what_was_written_and_abort_does_not(loop_kind: str) -> None:
    async def main() -> None:
        for end in ("close", "abort"):
            transport, protocol, peer = await connected()
            transport.write(b"x" * 1_000_000)
            getattr(transport, end)()
            assert transport.is_closing()
            received = len(await receive(peer, 1_000_001))
            assert (received == 1_000_000) == (end == "close")
            assert await protocol.lost is None
            assert protocol.calls[-1] == "lost"
            assert transport.get_write_buffer_size() == 0
            peer.close()

    run_clean(main, loop_kind)


@every_loop
def test_a_peer_that_left_without_reading(loop_kind: str) -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        transport.write(b"x")
        await asyncio.sleep(0)
        peer.close()
        assert isinstance(await protocol.lost, ConnectionResetError)

    run_clean(main, loop_kind)


@every_loop
def test_writing_to_a_peer_that_left(loop_kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        protocol.keeps_open = True
        peer.close()
        await until(lambda: "eof" in protocol.calls)
        transport.write(b"x")
        assert isinstance(await protocol.lost, BrokenPipeError)
        for _ in range(10):
            transport.write(b"x")
        assert transport.is_closing()

    run_clean(main, loop_kind)
    assert "socket.send() raised exception." in caplog.text


@every_loop
def test_a_callback_that_fails_ends_the_connection_and_no_other(loop_kind: str) -> None:
    class Failing(Recorder):
        def data_received(self, data: bytes) -> None:
            raise ZeroDivisionError

    async def main() -> None:
        left, right = udsock.pair()
        _, failing = await aio.create_connection(Failing, sock=left)
        transport, protocol, peer = await connected()
        right.send(b"x")
        peer.send(b"x")
        assert isinstance(await failing.lost, ZeroDivisionError)
        await until(lambda: protocol.data == b"x")
        assert await closed(transport, protocol) is None
        right.close()
        peer.close()

    [context] = run(main, loop_kind)
    assert isinstance(context["exception"], ZeroDivisionError)


@every_loop
def test_factories_and_first_calls_that_fail(path: str, loop_kind: str) -> None:
    def no_protocol() -> asyncio.Protocol:
        raise ZeroDivisionError

    class Failing(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            raise ZeroDivisionError

    async def main() -> None:
        for factory in (no_protocol, Failing):
            async with await aio.create_server(factory, path):
                with pytest.raises(ZeroDivisionError):
                    await aio.create_connection(factory, path)
                _, protocol = await aio.create_connection(Recorder, path)
                assert await protocol.lost is None
        await asyncio.sleep(0.01)

    contexts = run(main, loop_kind)
    # The server has seen two clients of each kind.
    assert [type(context["exception"]) for context in contexts] == [ZeroDivisionError] * 4


def test_what_is_no_protocol() -> None:
    async def main() -> None:
        left, right = udsock.pair()
        with pytest.raises(AttributeError, match="connection_made"):
            await aio.create_connection(object, sock=left)  # type: ignore[type-var]
        await asyncio.sleep(0.01)
        assert left.fileno() == -1
        right.close()

    [context] = run(main)
    assert isinstance(context["exception"], AttributeError)


@every_loop
def test_a_protocol_that_takes_no_data_is_one_until_some_comes(loop_kind: str) -> None:
    class Silent(asyncio.BaseProtocol):
        lost = False

        def connection_lost(self, exc: Any) -> None:
            self.lost = True

    async def main() -> None:
        left, right = udsock.pair()
        transport, protocol = await aio.create_connection(Silent, sock=left)
        transport.write(b"hello")
        await asyncio.sleep(0.01)
        assert right.recv(9) == b"hello" and not protocol.lost
        right.send(b"x")
        await until(lambda: protocol.lost)
        right.close()

    [context] = run(main, loop_kind)
    assert isinstance(context["exception"], AttributeError)


def test_sockets_of_other_kinds_are_refused(path: str) -> None:
    async def main() -> None:
        with udsock.Socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as standard:
            refused: Any = (datagrams, ValueError), (standard, TypeError), (5, TypeError)
            for sock, error in refused:
                for serve in (aio.create_server, aio.create_connection):
                    with pytest.raises(error, match="Stream or Seqpacket|udsock.adopt"):
                        await serve(asyncio.Protocol, sock=sock)
            with pytest.raises(TypeError, match="udsock.adopt"):
                await aio.create_datagram_endpoint(asyncio.DatagramProtocol, sock=refused[1][0])
            # They are still whose they were.
            assert datagrams.fileno() >= 0 and standard.fileno() >= 0
        with udsock.Socket() as stream:
            with pytest.raises(ValueError, match="datagram socket"):
                await aio.create_datagram_endpoint(asyncio.DatagramProtocol, sock=stream)

    run_clean(main)


# ---- Receiving


@every_loop
def test_reading_can_be_paused(loop_kind: str) -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        assert transport.is_reading()
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        peer.send(b"x")
        peer.close()
        await asyncio.sleep(0.01)
        assert protocol.calls == ["made"]
        transport.resume_reading()
        transport.resume_reading()
        assert await protocol.lost is None
        assert (protocol.data, protocol.calls) == (b"x", ["made", "data", "eof", "lost"])

    run_clean(main, loop_kind)


@every_loop
def test_reading_can_be_paused_from_the_start(path: str, loop_kind: str) -> None:
    class Paused(Recorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.pause_reading()
            self.transport.write(b"hello")
            made.append(self)

    made: List[Paused] = []

    async def main() -> None:
        async with await aio.create_server(Paused, path):
            await aio.create_connection(Paused, path)
            await until(lambda: len(made) == 2)
            await asyncio.sleep(0.01)
            assert [protocol.calls for protocol in made] == [["made"]] * 2
            for protocol in made:
                protocol.transport.resume_reading()
            await until(lambda: all(protocol.data == b"hello" for protocol in made))
            made[0].transport.close()
            for protocol in made:
                assert await protocol.lost is None

    run_clean(main, loop_kind)


@every_loop
def test_nothing_is_received_any_more_once_a_neighbour_has_paused_it(loop_kind: str) -> None:
    # All have something to say in the same turn; the first pauses all others.
    async def main() -> None:
        made = [await connected() for _ in range(10)]
        first: List[Any] = []

        class First(Recorder):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                if not first:
                    first.append(self)
                    for transport, protocol, _ in made:
                        if protocol is not self:
                            transport.pause_reading()

        for place, (transport, _, peer) in enumerate(made):
            replacement = First()
            transport.set_protocol(replacement)
            made[place] = transport, replacement, peer
            peer.send(b"one")
        await until(lambda: bool(first))
        await asyncio.sleep(0.01)
        assert [protocol.data for _, protocol, _ in made].count(b"one") == 1
        for transport, _, peer in made:
            peer.send(b"two")
            transport.resume_reading()
        await until(lambda: all(protocol.data == b"onetwo" for _, protocol, _ in made))
        for transport, protocol, peer in made:
            transport.close()
            await protocol.lost if protocol in first else None
            peer.close()
        await asyncio.sleep(0)

    run_clean(main, loop_kind)


@every_loop
def test_a_buffered_protocol(loop_kind: str) -> None:
    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.room = bytearray(7)
            self.data = b""
            self.lost = asyncio.get_running_loop().create_future()

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.room

        def buffer_updated(self, nbytes: int) -> None:
            self.data += self.room[:nbytes]
            if len(self.data) == 7:
                self.transport.pause_reading()

        def connection_lost(self, exc: Optional[BaseException]) -> None:
            self.lost.set_result(exc)

    async def main() -> None:
        left, right = udsock.pair()
        transport, protocol = await aio.create_connection(Buffered, sock=left)
        right.send(b"0123456789" * 10)
        await until(lambda: bool(protocol.data))
        await asyncio.sleep(0.01)
        assert protocol.data == b"0123456"
        transport.resume_reading()
        await until(lambda: len(protocol.data) == 100)
        assert protocol.data == b"0123456789" * 10
        right.close()
        assert await protocol.lost is None

        left, right = udsock.pair()
        transport, protocol = await aio.create_connection(Buffered, sock=left)
        protocol.room = bytearray()
        right.send(b"x")
        assert isinstance(await protocol.lost, RuntimeError)
        right.close()

    [context] = run(main, loop_kind)
    assert isinstance(context["exception"], RuntimeError)


@every_loop
def test_another_protocol_can_take_over(loop_kind: str) -> None:
    async def main() -> None:
        transport, first, peer = await connected()
        peer.send(b"one")
        await until(lambda: first.data == b"one")
        second = Recorder()
        transport.set_protocol(second)
        peer.send(b"two")
        await until(lambda: second.data == b"two")
        transport.close()
        assert await second.lost is None
        assert first.calls == ["made", "data"]
        peer.close()

    run_clean(main, loop_kind)
