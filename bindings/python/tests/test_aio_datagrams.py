"""udsock.aio's datagram endpoints."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from pathlib import Path
from typing import Any, List, Optional, Tuple

import pytest
from aio_support import every_loop, run, run_clean, until

import udsock
from udsock import aio


class Recorder(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: List[Tuple[bytes, Any]] = []
        self.errors: List[Any] = []
        self.calls: List[str] = []
        self.lost: "asyncio.Future[Any]" = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append((data, addr))

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Any) -> None:
        self.lost.set_result(exc)


async def receive(sock: udsock.Socket) -> bytes:
    while True:
        try:
            return sock.recv(100)
        except BlockingIOError:
            await asyncio.sleep(0.0001)


async def closed(*made: Any) -> None:
    for transport, protocol in made:
        transport.close()
        assert await protocol.lost is None


@every_loop
def test_the_documentation_s_echo_server_and_client(
    path: str, loop_kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class EchoServerProtocol(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            message = data.decode()
            print(f"Received {message!r}")
            print(f"Send {message!r}")
            self.transport.sendto(data, addr)

    class EchoClientProtocol(asyncio.DatagramProtocol):
        def __init__(self, message: str, on_con_lost: "asyncio.Future[bool]") -> None:
            self.message = message
            self.on_con_lost = on_con_lost
            self.transport: Any = None

        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            print("Send:", self.message)
            self.transport.sendto(self.message.encode())

        def datagram_received(self, data: bytes, addr: Any) -> None:
            print("Received:", data.decode())

            print("Close the socket")
            self.transport.close()

        def error_received(self, exc: Exception) -> None:
            print("Error received:", exc)

        def connection_lost(self, exc: Optional[BaseException]) -> None:
            print("Connection closed")
            self.on_con_lost.set_result(True)

    async def main() -> None:
        server, _ = await aio.create_datagram_endpoint(EchoServerProtocol, local_addr=path)
        on_con_lost = asyncio.get_running_loop().create_future()
        transport, _ = await aio.create_datagram_endpoint(
            lambda: EchoClientProtocol("Hello World!", on_con_lost),
            local_addr="@",
            remote_addr=path,
        )
        try:
            await on_con_lost
        finally:
            transport.close()
            server.close()
        await asyncio.sleep(0)

    run_clean(main, loop_kind)
    assert capsys.readouterr().out.splitlines() == [
        "Send: Hello World!",
        "Received 'Hello World!'",
        "Send 'Hello World!'",
        "Received: Hello World!",
        "Close the socket",
        "Connection closed",
    ]
    assert not os.path.exists(path)


@every_loop
def test_plain_sockets_and_their_names(path: str, tmp_path: Path, loop_kind: str) -> None:
    other = str(tmp_path / "other")

    async def main() -> None:
        transport, protocol = await aio.create_datagram_endpoint(Recorder, path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plain:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless:
                nameless.sendto(b"nameless", path)
            plain.bind(other)
            plain.sendto(b"named", path)
            plain.sendto(b"", path)
            await until(lambda: len(protocol.received) == 3)
            assert protocol.received == [(b"nameless", None), (b"named", other), (b"", other)]
            for data in (b"answer", bytearray(b"answer"), memoryview(b"answer")):
                transport.sendto(data, other)
                assert plain.recvfrom(100) == (b"answer", path)
        assert transport.get_extra_info("sockname") == path
        assert transport.get_extra_info("socket").type == socket.SOCK_DGRAM
        await closed((transport, protocol))

    run_clean(main, loop_kind)


@every_loop
def test_errors_are_told_and_end_nothing(path: str, tmp_path: Path, loop_kind: str) -> None:
    nobody = str(tmp_path / "nobody")

    async def main() -> None:
        transport, protocol = await aio.create_datagram_endpoint(Recorder, path)
        transport.sendto(b"x", nobody)
        transport.sendto(b"x" * 10_000_000, path)
        transport.sendto(b"x")
        transport.sendto(b"x", path)
        await until(lambda: bool(protocol.received))
        codes = [error.errno for error in protocol.errors if isinstance(error, OSError)]
        assert codes[0] == errno.ENOENT
        assert codes[1] in (errno.EMSGSIZE, errno.ENOBUFS)
        assert codes[2] in (errno.ENOTCONN, errno.EDESTADDRREQ)
        first = protocol.errors[0]
        assert isinstance(first, FileNotFoundError) and first.filename == nobody
        with pytest.raises(TypeError):
            transport.sendto("text", path)
        with pytest.raises(FileNotFoundError):
            await aio.create_datagram_endpoint(Recorder, remote_addr=nobody)
        with pytest.raises(OSError) as taken:
            await aio.create_datagram_endpoint(Recorder, path)
        assert taken.value.errno == errno.EADDRINUSE
        await closed((transport, protocol))

    run_clean(main, loop_kind)


@every_loop
@pytest.mark.parametrize("is_connected", [True, False])
def test_a_slow_receiver_gets_everything_in_order(
    path: str, loop_kind: str, is_connected: bool
) -> None:
    count = 500

    async def main() -> None:
        with udsock.open_datagram(path) as slow:
            slow.setblocking(False)
            remote = path if is_connected else None
            made = await aio.create_datagram_endpoint(Recorder, remote_addr=remote)
            transport, protocol = made
            addr = None if is_connected else path
            for number in range(count):
                transport.sendto(b"%d " % number + b"x" * 1000, addr)
            assert transport.get_write_buffer_size() > 0
            assert protocol.calls == ["pause"]
            # Closing sends it all first.
            transport.close()
            assert not protocol.lost.done()
            for number in range(count):
                while True:
                    try:
                        data = slow.recv(2000)
                        break
                    except BlockingIOError:
                        await asyncio.sleep(0.0001)
                assert int(data.split()[0]) == number
            assert await protocol.lost is None
            assert protocol.calls == ["pause", "resume"]
            assert protocol.errors == []

    run_clean(main, loop_kind)


def test_a_receiver_that_is_full_does_not_stop_the_receiving(path: str, tmp_path: Path) -> None:
    async def main() -> None:
        with udsock.open_datagram(str(tmp_path / "full")) as full:
            transport, protocol = await aio.create_datagram_endpoint(Recorder, path)
            for _ in range(100):
                transport.sendto(b"x", full.local_address)
            assert transport.get_write_buffer_size() > 0
            with udsock.open_datagram() as other:
                other.sendto(b"hello", path)
            await until(lambda: protocol.received == [(b"hello", None)])
            transport.abort()
            assert await protocol.lost is None
            for _ in range(10):
                transport.sendto(b"x", path)

    run_clean(main)


@every_loop
def test_a_receiver_that_does_not_read_holds_up_nobody_else(
    path: str, tmp_path: Path, loop_kind: str
) -> None:
    count = 300

    async def main() -> None:
        transport, protocol = await aio.create_datagram_endpoint(Recorder, path)
        with udsock.open_datagram(str(tmp_path / "deaf")) as deaf:
            with udsock.open_datagram(str(tmp_path / "other")) as other:
                deaf.setblocking(False)
                other.setblocking(False)
                for number in range(count):
                    transport.sendto(b"%d" % number, deaf.local_address)
                    transport.sendto(b"%d" % number, other.local_address)
                    assert await receive(other) == b"%d" % number
                assert transport.get_write_buffer_size() > 0
                # What was kept for the other keeps its order.
                for number in range(count):
                    assert await receive(deaf) == b"%d" % number
                await until(lambda: transport.get_write_buffer_size() == 0)
        assert protocol.errors == []
        await closed((transport, protocol))

    run_clean(main, loop_kind)


def test_what_is_kept_for_a_receiver_is_bounded(path: str, tmp_path: Path) -> None:
    async def main() -> None:
        transport, protocol = await aio.create_datagram_endpoint(Recorder, path)
        with udsock.open_datagram(str(tmp_path / "deaf")) as deaf:
            for _ in range(2000):
                transport.sendto(b"x" * 1000, deaf.local_address)
            assert 900_000 < transport.get_write_buffer_size() <= 1 << 20
            assert {error.errno for error in protocol.errors} == {errno.ENOBUFS}
            assert {error.filename for error in protocol.errors} == {deaf.local_address}
        # It has gone, and so has what was kept.
        await until(lambda: transport.get_write_buffer_size() == 0)
        assert protocol.errors[-1].errno in (errno.ECONNREFUSED, errno.ENOENT)
        await closed((transport, protocol))

    run_clean(main)


def test_many_receivers_that_do_not_read_are_bounded_together(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("udsock.aio._datagram._MOST_FOR_ALL", 100_000)

    async def main() -> None:
        transport, protocol = await aio.create_datagram_endpoint(Recorder, path)
        deaf = [udsock.open_datagram(str(tmp_path / str(number))) for number in range(20)]
        for sock in deaf:
            for _ in range(1000):
                transport.sendto(b"x" * 100, sock.local_address)
        assert 90_000 < transport.get_write_buffer_size() <= 100_000
        with udsock.open_datagram(str(tmp_path / "other")) as other:
            transport.sendto(b"hello", other.local_address)
            assert other.recv(100) == b"hello"
        transport.abort()
        await protocol.lost
        for sock in deaf:
            sock.close()

    run_clean(main)


def test_an_error_that_ends_the_endpoint_drops_what_is_kept(path: str, tmp_path: Path) -> None:
    class Aborting(Recorder):
        def error_received(self, exc: Exception) -> None:
            super().error_received(exc)
            self.transport.abort()

    async def main() -> None:
        transport, protocol = await aio.create_datagram_endpoint(Aborting, path)
        with udsock.open_datagram(str(tmp_path / "deaf")) as deaf:
            for _ in range(1000):
                transport.sendto(b"x", deaf.local_address)
        assert await protocol.lost is None
        assert len(protocol.errors) == 1
        assert transport.get_write_buffer_size() == 0

    run_clean(main)


def test_a_socket_that_is_there_already() -> None:
    async def main() -> None:
        left, right = udsock.pair(udsock.DGRAM)
        transport, protocol = await aio.create_datagram_endpoint(Recorder, sock=left)
        right.send(b"hello")
        await until(lambda: protocol.received == [(b"hello", None)])
        transport.sendto(b"answer")
        assert right.recv(100) == b"answer"
        right.close()
        transport.sendto(b"x")
        assert isinstance(protocol.errors[0], ConnectionError)
        with pytest.raises(ValueError, match="not both"):
            await aio.create_datagram_endpoint(Recorder, "@", sock=left)
        await closed((transport, protocol))

    run_clean(main)


@every_loop
@pytest.mark.parametrize("named", [True, False])
def test_a_message_that_a_protocol_fails_at_ends_nothing(
    path: str, loop_kind: str, named: bool
) -> None:
    """Nobody may end a service for all by what he sends. asyncio's and uvloop's go on, too."""

    class Failing(Recorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"nonsense":
                raise ZeroDivisionError

    async def main() -> None:
        endpoint = await aio.create_datagram_endpoint(Failing, path)
        transport, protocol = endpoint
        with udsock.open_datagram("@" if named else None) as client:
            for data in (b"nonsense", b"question", b"nonsense", b"question"):
                client.sendto(data, path)
            await until(lambda: len(protocol.received) == 4)
            assert not transport.is_closing()
            if named:
                transport.sendto(b"answer", client.getsockname())
                assert client.recv(10) == b"answer"
        await closed(endpoint)

    unhandled = run(main, loop_kind)
    assert [type(context["exception"]) for context in unhandled] == 2 * [ZeroDivisionError]
