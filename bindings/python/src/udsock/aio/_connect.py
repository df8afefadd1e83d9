"""Connecting and serving with protocols, as the event loop's own methods do."""

from __future__ import annotations

import asyncio
import errno
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Callable, Optional, TypedDict, TypeVar, Union

from .._address import Address
from .._errors import failure
from .._library import library
from .._open import open_server
from .._socket import Socket
from ._connection import Connection
from ._hub import hub_of
from ._server import ProtocolFactory, Server, connection_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

AnyProtocol = TypeVar("AnyProtocol", bound=asyncio.BaseProtocol)

_FIRST_PAUSE = 50e-6
_LONGEST_PAUSE = 20e-3

_NOBODY_THERE = (errno.ENOENT, errno.ECONNREFUSED)


class ServerOptions(TypedDict, total=False):
    """As open_server has them."""

    mode: int
    user: Union[int, str, None]
    group: Union[int, str, None]
    backlog: int
    replace: bool
    reclaim: bool
    keep_file: bool
    make_parents: bool


class ClientOptions(TypedDict, total=False):
    retry: bool
    """Waits until there is a server."""
    local_address: Optional[Address]
    """What the client is bound to first, so that the server sees who calls."""


async def connected(
    address: Address, kind: int, retry: bool = False, local_address: Optional[Address] = None
) -> Socket:
    """A socket that is connected. The loop goes on while a server's queue is full."""
    handle = library.udsock_create(kind)
    if handle < 0:
        raise failure(handle)
    sock = Socket._from_handle(handle, kind, 0.0)
    try:
        if local_address is not None:
            sock.bind(local_address)
        pause = _FIRST_PAUSE
        while True:
            try:
                sock.connect(address)
                return sock
            except OSError as error:
                waits = error.errno == errno.EAGAIN or (retry and error.errno in _NOBODY_THERE)
                if not waits:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
    except BaseException:
        sock.close()
        raise


async def create_connection(
    protocol_factory: Callable[[], AnyProtocol],
    path: Optional[Address] = None,
    *,
    kind: int = SOCK_STREAM,
    sock: Optional[Socket] = None,
    **options: Unpack[ClientOptions],
) -> tuple[Connection, AnyProtocol]:
    """loop.create_unix_connection, over this library.

    With `kind` SEQPACKET each write, and each data_received, is a message. `sock`: one that
    is connected already, which belongs to the transport from now on.
    """
    if (path is None) == (sock is None):
        raise ValueError("either path or sock, not both")
    loop = asyncio.get_running_loop()
    if sock is None:
        assert path is not None
        sock = await connected(path, kind, **options)
    try:
        protocol = protocol_factory()
        connection = connection_of(loop, hub_of(loop), sock, protocol)
    except BaseException:
        sock.close()
        raise
    connection.begin()
    return connection, protocol


async def create_server(
    protocol_factory: ProtocolFactory,
    path: Optional[Address] = None,
    *,
    kind: int = SOCK_STREAM,
    sock: Optional[Socket] = None,
    start_serving: bool = True,
    **options: Unpack[ServerOptions],
) -> Server:
    """loop.create_unix_server, over this library. The file goes when the server is closed.

    `sock`: one that listens already, with an allow list, say; the server's from now on.
    """
    if (path is None) == (sock is None):
        raise ValueError("either path or sock, not both")
    if sock is None:
        assert path is not None
        sock = open_server(path, kind, **options)
    server = Server(asyncio.get_running_loop(), sock, protocol_factory)
    if start_serving:
        try:
            server._start_serving()
        except BaseException:
            server.close()
            raise
    return server
