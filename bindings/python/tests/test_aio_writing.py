"""udsock.aio's transports: what is written, and what of it has to wait."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import Any, Callable, List
from unittest import mock

import pytest
from aio_support import Recorder, closed, connected, every_loop, receive, run, run_clean
from conftest import CONNECTED

import udsock
from udsock import aio


@every_loop
def test_what_is_written_in_one_turn_leaves_together(loop_kind: str) -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        changed = bytearray(b"two ")
        transport.write(b"one ")
        transport.write(changed)
        changed[:] = b"xxxx"
        transport.write(memoryview(b"three"))
        transport.write(b"")
        transport.writelines([b" four", b" five"])
        with pytest.raises(BlockingIOError):
            peer.recv(100)
        await asyncio.sleep(0)
        assert peer.recv(100) == b"one two three four five"
        with pytest.raises(TypeError):
            transport.write("text")
        assert await closed(transport, protocol) is None
        peer.close()

    run_clean(main, loop_kind)


@every_loop
def test_writing_is_paused_and_resumed_at_its_limits(loop_kind: str) -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        assert transport.get_write_buffer_limits() == (16384, 65536)
        written = 0
        while "pause" not in protocol.calls:
            transport.write(b"x" * 1000)
            written += 1000
        assert 65536 < transport.get_write_buffer_size() <= 66536
        received = 0
        while transport.get_write_buffer_size() > 16384:
            assert "resume" not in protocol.calls
            received += len(await receive(peer, 1000))
        assert protocol.calls == ["made", "pause", "resume"]
        received += len(await receive(peer, written - received))
        assert received == written

        transport.set_write_buffer_limits(high=0)
        assert transport.get_write_buffer_limits() == (0, 0)
        transport.write(b"x")
        assert protocol.calls == ["made", "pause", "resume"]
        while protocol.calls[-1] != "pause":
            transport.write(b"x" * 1000)
        while protocol.calls[-1] != "resume":
            await receive(peer, 1000)
        assert transport.get_write_buffer_size() == 0
        with pytest.raises(ValueError):
            transport.set_write_buffer_limits(high=1, low=2)
        transport.abort()
        await protocol.lost
        peer.close()

    run_clean(main, loop_kind)


@pytest.mark.parametrize("high", [2**70, float("inf"), 70_000.5])
def test_a_limit_may_be_any_number(high: Any) -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        transport.set_write_buffer_limits(high, low=0)
        assert transport.get_write_buffer_limits() == (0, high)
        transport.write(data=b"x")
        for _ in range(400):
            transport.write(b"x" * 1000)
        waits = transport.get_write_buffer_size() > high
        assert (protocol.calls[-1] == "pause") is waits is (high < 100_000)
        transport.abort()
        await protocol.lost
        peer.close()

    run_clean(main)


@pytest.mark.parametrize("kind", CONNECTED)
def test_a_write_that_the_loop_refuses_stops_no_other(kind: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, protocol, peer = await connected(kind)
        loop.set_debug(True)
        for _ in range(2):
            with pytest.raises(RuntimeError):
                await loop.run_in_executor(None, transport.write, b"a")
        loop.set_debug(False)
        transport.write(b"b")
        assert await receive(peer, 3) == b"aab"
        assert await closed(transport, protocol) is None
        peer.close()

    run_clean(main)


@every_loop
@pytest.mark.parametrize("kind", CONNECTED)
@pytest.mark.parametrize("end", ["detach", "close"])
def test_a_socket_that_is_taken_while_something_waits(loop_kind: str, kind: int, end: str) -> None:
    async def main() -> None:
        transport, protocol, peer = await connected(kind)
        while not transport.get_write_buffer_size():
            transport.write(b"x" * 10_000)
            await asyncio.sleep(0)
        sock = transport.get_extra_info("socket")
        if end == "detach":
            os.close(sock.detach())
        else:
            sock.close()
        # Another has its number.
        left, right = udsock.pair()
        with left, right:
            await asyncio.sleep(0.01)
        error = await protocol.lost
        assert error.errno == errno.EBADF
        peer.close()

    run_clean(main, loop_kind)


def test_a_single_byte_that_waits_is_not_forgotten() -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        sock = transport.get_extra_info("socket")
        filled = 0
        for size in (10_000, 1):
            try:
                while True:
                    filled += sock.send(b"x" * size)
            except BlockingIOError:
                pass
        transport.write(b"y")
        transport.close()
        await asyncio.sleep(0.01)
        assert not protocol.lost.done()
        assert await receive(peer, filled + 10) == b"x" * filled + b"y"
        assert await protocol.lost is None
        peer.close()

    run_clean(main)


def test_a_failing_pause_is_reported_and_no_more() -> None:
    class Failing(Recorder):
        def pause_writing(self) -> None:
            raise ZeroDivisionError

    async def main() -> None:
        left, right = udsock.pair()
        right.setblocking(False)
        transport, protocol = await aio.create_connection(Failing, sock=left)
        transport.write(b"x" * 1_000_000)
        transport.close()
        assert len(await receive(right, 1_000_001)) == 1_000_000
        assert await protocol.lost is None
        right.close()

    [context] = run(main)
    assert isinstance(context["exception"], ZeroDivisionError)


@every_loop
def test_what_was_written_leaves_before_the_end(loop_kind: str) -> None:
    async def main() -> None:
        for kind in CONNECTED:
            transport, protocol, peer = await connected(kind)
            transport.write(b"last words")
            transport.abort()
            assert peer.recv(100) == b"last words"
            assert await protocol.lost is None
            assert peer.recv(100) == b""
            peer.close()

    run_clean(main, loop_kind)


@every_loop
def test_what_was_written_leaves_before_a_callback_fails(loop_kind: str) -> None:
    class Failing(Recorder):
        def data_received(self, data: bytes) -> None:
            self.transport.write(b"an answer")
            raise ZeroDivisionError

    async def main() -> None:
        left, right = udsock.pair()
        _, protocol = await aio.create_connection(Failing, sock=left)
        right.send(b"hello")
        assert isinstance(await protocol.lost, ZeroDivisionError)
        assert right.recv(100) == b"an answer"
        right.close()

    [context] = run(main, loop_kind)
    assert isinstance(context["exception"], ZeroDivisionError)


@every_loop
def test_the_socket_sends_behind_what_was_written(loop_kind: str) -> None:
    def with_descriptor(sock: Any, data: bytes) -> None:
        sock.send_message(data, [0])

    ways: List[Callable[[Any, bytes], Any]] = [
        lambda sock, data: sock.send(data),
        lambda sock, data: sock.sendall(data),
        lambda sock, data: sock.sendmsg([data]),
        lambda sock, data: sock.send_batch([data]),
        lambda sock, data: os.write(sock.fileno(), data),
        with_descriptor,
    ]

    async def main() -> None:
        for kind in CONNECTED:
            for way in ways:
                transport, protocol, peer = await connected(kind)
                peer.receive_descriptors = True
                transport.write(b"first")
                way(transport.get_extra_info("socket"), b"second")
                received = await receive(peer, 5)
                assert received + await receive(peer, 6) == b"firstsecond"
                transport.write(b"third")
                transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
                assert await receive(peer, 5) == b"third"
                assert await closed(transport, protocol) is None
                peer.close()

    run_clean(main, loop_kind)


def test_the_socket_does_not_overtake_what_waits() -> None:
    async def main() -> None:
        transport, protocol, peer = await connected()
        peer.receive_descriptors = True
        transport.write(b"x" * 1_000_000)
        with pytest.raises(BlockingIOError):
            transport.get_extra_info("socket").send_message(b"y", [0])
        assert await receive(peer, 1_000_000) == b"x" * 1_000_000
        transport.get_extra_info("socket").send_message(b"y", [0])
        assert await receive(peer, 1) == b"y"
        assert await closed(transport, protocol) is None
        peer.close()

    run_clean(main)


def test_mocks_take_a_transport_s_place() -> None:
    async def main() -> None:
        for kind in CONNECTED:
            transport, protocol, peer = await connected(kind)
            with mock.patch.object(transport, "write") as write:
                transport.write(b"x")
            write.assert_called_once_with(b"x")
            transport.note = "mine"
            assert mock.create_autospec(transport).is_closing
            assert await closed(transport, protocol) is None
            peer.close()

    run_clean(main)
