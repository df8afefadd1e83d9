"""What mypy says of programs. It is only checked, and never run."""

from __future__ import annotations

import asyncio
import io
import socket
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union

import udsock
from udsock import aio

if TYPE_CHECKING:
    from typing_extensions import assert_type


def what_is_known(path: Path) -> None:
    with udsock.open_server(path, user="root", group=5) as server:
        assert_type(server, udsock.Socket)
        assert_type(server.timeout, Optional[float])
        client, address = server.accept()
        assert_type(client, udsock.Socket)
        assert_type(address, Union[str, bytes])
        assert_type(server.as_socket(), socket.socket)
    with client:
        assert_type(client.makefile(), io.TextIOWrapper)
        assert_type(client.makefile("rb"), io.BufferedReader)
        assert_type(client.makefile("wb"), io.BufferedWriter)
        assert_type(client.getsockopt(1, 2), int)
        assert_type(client.getsockopt(1, 2, 4), bytes)
        for data in (b"", bytearray(), memoryview(b""), array("i")):
            client.sendall(data)
        assert_type(client.sendto(b"", path), int)
        assert_type(client.sendto(b"", 0, path), int)
        assert_type(client.recv_into(bytearray(1)), int)


async def what_is_known_of_asyncio(path: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...

    async with await aio.start_server(serve, path) as server:
        assert_type(server, aio.Server)
        assert_type(server.sockets, tuple[udsock.Socket, ...])
    async with await aio.open_seqpacket_connection(path) as connection:
        assert_type(connection, aio.SeqpacketConnection)
        async for message in connection:
            assert_type(message, bytes)


def what_is_wrong(one: udsock.Socket, poller: udsock.Poller, path: str) -> None:
    one.send("text")  # type: ignore[arg-type]
    one.sendall("text")  # type: ignore[arg-type]
    one.sendto("text", path)  # type: ignore[call-overload]
    one.sendto(b"x", ("host", 1))  # type: ignore[call-overload]
    one.sendmsg(["text"])  # type: ignore[list-item]
    one.send_message("text")  # type: ignore[arg-type]
    one.send_batch(["text"])  # type: ignore[list-item]
    one.recv_into("text")  # type: ignore[arg-type]
    one.recvfrom_into("text")  # type: ignore[arg-type]
    one.recvmsg_into(["text"])  # type: ignore[list-item]
    one.timeout = 1  # type: ignore[misc]
    poller.send(one, "text")  # type: ignore[arg-type]
    poller.send_many([(one, "text")])  # type: ignore[list-item]
    _: socket.socket = one  # type: ignore[assignment]


async def what_is_wrong_with_asyncio(path: str, connection: aio.SeqpacketConnection) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...

    await connection.send("text")  # type: ignore[arg-type]
    await aio.start_server(serve, path, mod=0o600)  # type: ignore[call-arg]
    await aio.start_server(serve, path, kind=udsock.SEQPACKET)  # type: ignore[call-arg]
    await aio.start_seqpacket_server(serve, path)  # type: ignore[arg-type]
