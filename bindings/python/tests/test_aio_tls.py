"""udsock.aio with TLS and files: ssl=, start_tls and sendfile, as asyncio has them."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from pathlib import Path
from typing import Any, List

import pytest
from aio_support import connected, echo, every_loop, run_clean, until
from conftest import run

import udsock
from udsock import aio

CERTIFICATE = str(Path(__file__).parent / "localhost.pem")

MUCH = b"0123456789" * 100_000


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CERTIFICATE)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """With what came, once it is a line."""
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def ask_a_line(streams: Any, line: bytes) -> bytes:
    reader, writer = streams
    writer.write(line)
    got: bytes = await reader.readline()
    writer.close()
    return got


@every_loop
def test_streams_over_tls(path: str, loop_kind: str) -> None:
    async def main() -> None:
        server = await aio.start_server(answer, path, limit=1 << 20, ssl=server_context())
        async with server:
            for _ in range(3):
                client = await aio.open_connection(
                    path, limit=1 << 20, ssl=client_context(), server_hostname="localhost"
                )
                assert client[1].get_extra_info("cipher") is not None
                assert client[1].get_extra_info("sockname") == ""
                assert isinstance(client[1].get_extra_info("socket"), udsock.Socket)
                line = MUCH[:900_000] + b"\n"
                assert await ask_a_line(client, line) == line

    run_clean(main, loop_kind)


@every_loop
def test_who_the_certificate_does_not_name_is_not_trusted(path: str, loop_kind: str) -> None:
    async def main() -> None:
        async with await aio.start_server(answer, path, ssl=server_context()):
            with pytest.raises(ssl.SSLCertVerificationError):
                await aio.open_connection(path, ssl=client_context(), server_hostname="other")
            with pytest.raises(ssl.SSLCertVerificationError):
                await aio.open_connection(path, ssl=True, server_hostname="localhost")

    run_clean(main, loop_kind)


def test_a_client_without_tls_ends_only_itself(path: str) -> None:
    async def main() -> None:
        async with await aio.start_server(answer, path, ssl=server_context()):
            with udsock.open_client(path) as rude:
                rude.send(b"GET / HTTP/1.0\r\n\r\n")
            client = await aio.open_connection(
                path, ssl=client_context(), server_hostname="localhost"
            )
            assert await ask_a_line(client, b"hello\n") == b"hello\n"

    run_clean(main)


def test_a_handshake_that_never_comes_is_bounded(path: str) -> None:
    async def main() -> None:
        server = await aio.start_server(
            answer, path, ssl=server_context(), ssl_handshake_timeout=0.1
        )
        async with server:
            reader, writer = await aio.open_connection(path)
            assert await reader.read() == b""
            writer.close()

    run_clean(main)


def test_a_server_with_tls_ends_whoever_is_connected(path: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(MUCH * 10)
            await writer.drain()
            await reader.read()
        except (ConnectionError, asyncio.CancelledError):
            pass

    async def main() -> None:
        server = await aio.start_server(serve, path, ssl=server_context(), close_timeout=0.1)
        reader, writer = await aio.open_connection(
            path, limit=10, ssl=client_context(), server_hostname="localhost"
        )
        await reader.readexactly(1)
        with udsock.open_client(path):
            await asyncio.sleep(0.02)
            with pytest.raises(ZeroDivisionError):
                async with server:
                    raise ZeroDivisionError
        writer.transport.abort()
        await asyncio.sleep(0)

    run_clean(main)


@every_loop
def test_clients_that_are_closed_over_tls_get_all_and_the_end(path: str, loop_kind: str) -> None:
    """Without its close_notify an end looks like one that somebody in between has made."""

    def read_all() -> bytes:
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(path)
            with client_context().wrap_socket(
                plain, server_hostname="localhost", suppress_ragged_eofs=False
            ) as client:
                got = b""
                while data := client.recv(65536):
                    got += data
                return got

    served: List[bool] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(MUCH * 2)
        await asyncio.sleep(0)
        # This TLS keeps, as long as the transport below is full.
        writer.write(MUCH)
        served.append(True)
        await reader.read()

    async def main() -> None:
        server = await aio.start_server(serve, path, ssl=server_context(), close_timeout=20)
        reading = asyncio.get_running_loop().run_in_executor(None, read_all)
        await until(lambda: bool(served))
        server.close()
        server.close_clients()
        assert await reading == MUCH * 3
        await server.wait_closed()

    run_clean(main, loop_kind)


@pytest.mark.parametrize("says", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00" + b"x" * 100])
def test_a_handshake_that_is_not_finished_does_not_keep_a_server(path: str, says: bytes) -> None:
    async def main() -> None:
        server = await aio.start_server(answer, path, ssl=server_context(), close_timeout=0.1)
        with udsock.open_client(path) as rude:
            rude.send(says)
            await asyncio.sleep(0.02)
            async with server:
                server.close_clients()

    run_clean(main)


def test_who_does_not_read_while_its_connection_is_upgraded_does_not_keep_a_server(
    path: str,
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began.append(True)
        with pytest.raises(ConnectionAbortedError):
            await aio.start_tls(
                writer.transport,
                writer.transport.get_protocol(),
                server_context(),
                server_side=True,
            )
        told.append(True)

    began: List[bool] = []
    told: List[bool] = []

    async def main() -> None:
        server = await aio.start_server(serve, path, close_timeout=0.1)
        with udsock.open_client(path):
            await until(lambda: bool(began))
            async with server:
                pass
            await until(lambda: bool(told))

    run_clean(main)


def test_what_makes_no_sense_is_refused(path: str) -> None:
    async def main() -> None:
        context = client_context()
        with pytest.raises(ValueError, match="server_hostname"):
            await aio.open_connection(path, ssl=context)
        with pytest.raises(ValueError, match="server_hostname"):
            await aio.open_connection(path, server_hostname="localhost")
        with pytest.raises(ValueError, match="ssl_handshake_timeout is only"):
            await aio.start_server(echo, path, ssl_handshake_timeout=1.0)
        with pytest.raises(TypeError, match="SSLContext"):
            await aio.start_server(echo, path, ssl=True)  # type: ignore[arg-type]
        for kind in (udsock.SEQPACKET,):
            with pytest.raises(ValueError, match="streams"):
                await aio.create_server(
                    asyncio.Protocol, path, kind=kind, ssl=server_context()
                )
            left, right = udsock.pair(kind)
            with pytest.raises(ValueError, match="streams"):
                await aio.create_connection(
                    asyncio.Protocol, sock=left, ssl=context, server_hostname="localhost"
                )
            right.close()
        transport, protocol, peer = await connected(udsock.SEQPACKET)
        with pytest.raises(TypeError, match="stream"):
            await aio.start_tls(transport, protocol, context)
        transport.abort()
        await protocol.lost
        peer.close()

    run_clean(main)


@every_loop
def test_a_closed_connection_is_not_upgraded(loop_kind: str) -> None:
    async def main() -> None:
        for end in ("close", "abort"):
            transport, protocol, peer = await connected()
            with peer:
                getattr(transport, end)()
                for _ in range(2):
                    with pytest.raises(ConnectionAbortedError, match="is closed"):
                        await asyncio.wait_for(
                            aio.start_tls(
                                transport, protocol, client_context(), server_hostname="localhost"
                            ),
                            5,
                        )
                    await protocol.lost

    run_clean(main, loop_kind)


@every_loop
def test_a_connection_is_upgraded(path: str, loop_kind: str) -> None:
    """As with STARTTLS: by aio.start_tls everywhere, by the loop's where it is asyncio's."""

    class Serving(asyncio.Protocol):
        transport: Any

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            if data == b"STARTTLS":
                self.transport.write(b"go")
                upgrades.append(asyncio.ensure_future(self.upgrade()))
            else:
                self.transport.write(data.upper())

        async def upgrade(self) -> None:
            self.transport = await aio.start_tls(
                self.transport, self, server_context(), server_side=True
            )

    class Asking(asyncio.Protocol):
        def __init__(self) -> None:
            self.data: "asyncio.Queue[bytes]" = asyncio.Queue()

        def data_received(self, data: bytes) -> None:
            self.data.put_nowait(data)

    upgrades: Any = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ways: Any = [aio.start_tls]
        if loop_kind == "asyncio":
            ways.append(loop.start_tls)
        for start_tls in ways:
            async with await aio.create_server(Serving, path):
                transport, protocol = await aio.create_connection(Asking, path)
                transport.write(b"STARTTLS")
                assert await protocol.data.get() == b"go"
                upgraded = await start_tls(
                    transport, protocol, client_context(), server_hostname="localhost"
                )
                upgraded.write(b"hello")
                assert await protocol.data.get() == b"HELLO"
                assert upgraded.get_extra_info("cipher") is not None
                upgraded.close()

    run_clean(main, loop_kind)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="StreamWriter.start_tls is of Python 3.11")
def test_a_writer_is_upgraded(path: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.start_tls(server_context())
        await answer(reader, writer)

    async def main() -> None:
        async with await aio.start_server(serve, path):
            reader, writer = await aio.open_connection(path)
            writer.write(b"STARTTLS\n")
            assert await reader.readline() == b"go\n"
            await writer.start_tls(client_context(), server_hostname="localhost")
            assert await ask_a_line((reader, writer), b"hello\n") == b"hello\n"

    run_clean(main)


# ---- Files


@pytest.mark.parametrize("secured", [False, True])
def test_a_file_is_sent(path: str, tmp_path: Path, secured: bool) -> None:
    file_name = tmp_path / "file"
    file_name.write_bytes(MUCH)

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"begin ")
            with open(file_name, "rb") as file:
                assert await loop.sendfile(writer.transport, file, 10, 500_000) == 500_000
                assert file.tell() == 500_010
                writer.write(b" and ")
                assert await loop.sendfile(writer.transport, file, 999_990) == 10
                with pytest.raises(RuntimeError):
                    await loop.sendfile(writer.transport, file, fallback=False)
            writer.write(b" end")
            # What came meanwhile is not lost.
            assert await reader.readline() == b"hello\n"
            writer.close()

        context = server_context() if secured else None
        more: Any = dict(ssl=client_context(), server_hostname="localhost") if secured else {}
        async with await aio.start_server(serve, path, ssl=context):
            reader, writer = await aio.open_connection(path, **more)
            writer.write(b"hello\n")
            got = await reader.read()
            assert got == b"begin " + MUCH[10:500_010] + b" and 0123456789 end"
            writer.close()

    run_clean(main)


def test_a_peer_that_leaves_ends_the_sending_of_a_file(path: str, tmp_path: Path) -> None:
    file_name = tmp_path / "file"
    file_name.write_bytes(MUCH)

    async def main() -> None:
        transport, protocol, peer = await connected()
        with open(file_name, "rb") as file:
            sending = asyncio.ensure_future(
                asyncio.get_running_loop().sendfile(transport, file)
            )
            await asyncio.sleep(0.02)
            assert not sending.done()
            peer.close()
            with pytest.raises(ConnectionError):
                await sending
        assert isinstance(await protocol.lost, ConnectionError)

    run_clean(main)


def test_a_python_without_ssl_does_everything_else(path: str) -> None:
    """As asyncio does in a Python that was built without OpenSSL."""
    program = """
        import sys
        sys.modules["ssl"] = None
        import asyncio
        from udsock import aio

        async def answer(reader, writer):
            writer.write((await reader.readline()).upper())
            writer.close()

        async def main(path):
            async with await aio.start_server(answer, path):
                reader, writer = await aio.open_connection(path)
                writer.write(b"hello\\n")
                print(await reader.read())
                writer.close()
                try:
                    await aio.open_connection(path, ssl=True, server_hostname="")
                except RuntimeError as error:
                    print(error)

        asyncio.run(main(sys.argv[1]))
    """
    done = run(program, path)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout == "b'HELLO\\n'\nstdlib ssl module not available\n"
