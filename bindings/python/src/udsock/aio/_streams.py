"""asyncio's StreamReader and StreamWriter."""

from __future__ import annotations

import asyncio
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Optional

from .._address import Address
from .._socket import Socket
from ._connect import ConnectingOptions, ServingOptions, create_connection, create_server
from ._server import Server
from ._shared import check_kind

if TYPE_CHECKING:
    from typing_extensions import Unpack

_LIMIT = 2**16

ClientConnected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Optional[Awaitable[Any]]]


async def open_connection(
    path: Optional[Address] = None,
    *,
    limit: int = _LIMIT,
    sock: Optional[Socket] = None,
    **options: Unpack[ConnectingOptions],
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """As asyncio.open_unix_connection, over this library."""
    check_kind(sock, SOCK_STREAM)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=limit, loop=loop)
    transport, protocol = await create_connection(
        lambda: asyncio.StreamReaderProtocol(reader, loop=loop),
        path,
        kind=SOCK_STREAM,
        sock=sock,
        **options,
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def start_server(
    client_connected_cb: ClientConnected,
    path: Optional[Address] = None,
    *,
    limit: int = _LIMIT,
    sock: Optional[Socket] = None,
    **options: Unpack[ServingOptions],
) -> Server:
    """As asyncio.start_unix_server, over this library."""
    check_kind(sock, SOCK_STREAM)
    loop = asyncio.get_running_loop()

    def factory() -> asyncio.StreamReaderProtocol:
        reader = asyncio.StreamReader(limit=limit, loop=loop)
        return asyncio.StreamReaderProtocol(reader, client_connected_cb, loop=loop)

    return await create_server(factory, path, kind=SOCK_STREAM, sock=sock, **options)
