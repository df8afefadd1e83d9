"""Connecting and serving with protocols, as the event loop's own methods do."""

from __future__ import annotations

import asyncio
from socket import SOCK_DGRAM, SOCK_STREAM
from typing import TYPE_CHECKING, Callable, Optional, TypedDict, TypeVar, Union

from .._address import Address
from .._errors import failure
from .._open import open_server
from .._socket import Socket
from ._hub import hub_of
from ._server import ProtocolFactory, Server, connections_of
from ._shared import share
from ._tls import TlsContext, TlsOptions, check_for_tls, tls_of
from ._transport import CLOSE_TIMEOUT, check_socket

if TYPE_CHECKING:
    from ssl import SSLContext

    from typing_extensions import Unpack

AnyProtocol = TypeVar("AnyProtocol", bound=asyncio.BaseProtocol)

_FIRST_PAUSE = 50e-6
_LONGEST_PAUSE = 20e-3

_NO_TLS = (None, None, None, None)


class ServerOptions(TypedDict, total=False):
    """The options of open_server."""

    mode: int
    user: Union[int, str, None]
    group: Union[int, str, None]
    backlog: int
    replace: bool
    reclaim: bool
    keep_file: bool
    make_parents: bool
    restore_file: bool


class ServingOptions(ServerOptions, TlsOptions, total=False):
    start_serving: bool
    close_timeout: Optional[float]
    """So many seconds the connections have at the server's end; None: as long as they like."""
    ssl: Optional[SSLContext]


class ClientOptions(TypedDict, total=False):
    retry: bool
    """Waits until there is a server."""
    local_address: Optional[Address]
    """What the client is bound to first, so that the server sees who calls."""


class ConnectingOptions(ClientOptions, TlsOptions, total=False):
    ssl: TlsContext
    server_hostname: Optional[str]


def check_place(path: Optional[Address], sock: Optional[Socket]) -> None:
    if path is not None and sock is not None:
        raise ValueError("path and sock can not be specified at the same time")
    if sock is None:
        if path is None:
            raise ValueError("path was not specified, and no sock specified")
        return
    check_socket(sock)
    if sock.type == SOCK_DGRAM:
        raise ValueError(f"A UNIX Domain Stream or Seqpacket Socket was expected, got {sock!r}")


async def connect(
    sock: Socket, address: Address, retry: bool = False, local_address: Optional[Address] = None
) -> None:
    """Connects. The loop goes on while the server's queue is full."""
    if local_address is not None:
        sock.bind(local_address)
    pause = _FIRST_PAUSE
    while True:
        try:
            sock.connect(address, retry=retry)
            return
        except BlockingIOError:
            # It may pass: the library knows what does.
            await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def create_connection(
    protocol_factory: Callable[[], AnyProtocol],
    path: Optional[Address] = None,
    *,
    kind: int = SOCK_STREAM,
    sock: Optional[Socket] = None,
    ssl: TlsContext = None,
    server_hostname: Optional[str] = None,
    ssl_handshake_timeout: Optional[float] = None,
    ssl_shutdown_timeout: Optional[float] = None,
    **options: Unpack[ClientOptions],
) -> tuple[asyncio.Transport, AnyProtocol]:
    """As loop.create_unix_connection, over this library.

    With `kind` SEQPACKET each write, and each data_received, is a message. `sock`: a connected
    socket, which belongs to the transport from now on. `ssl` and the arguments that belong to it:
    TLS, over streams.
    """
    if path is None or sock is not None:
        check_place(path, sock)
    given, tls = sock, None
    if (ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout) != _NO_TLS:
        timeouts = TlsOptions(
            ssl_handshake_timeout=ssl_handshake_timeout, ssl_shutdown_timeout=ssl_shutdown_timeout
        )
        tls = tls_of(ssl, False, server_hostname, timeouts)
    loop = asyncio.get_running_loop()
    if sock is None:
        handle = Socket._create(kind, False)
        if handle < 0:
            raise failure(handle)
        sock = Socket._from_handle(handle, kind, 0.0)
    try:
        if path is not None:
            if options:
                await connect(sock, path, **options)
            else:
                try:
                    sock.connect(path)
                except BlockingIOError:
                    await connect(sock, path)
        protocol = protocol_factory()
        hub = hub_of(loop)
        if tls is None:
            connection = connections_of(sock._kind)(loop, hub, sock, protocol)
        else:
            check_for_tls(sock)
            waiter = loop.create_future()
            secured = tls(loop, protocol, waiter)
            connection = connections_of(sock._kind)(loop, hub, sock, secured)
    except BaseException:
        sock.close()
        raise
    if given is not None:
        share(given, connection)
    connection.begin()
    if tls is None:
        return connection, protocol
    try:
        await waiter
    except BaseException:
        connection.abort()
        raise
    return secured._app_transport, protocol


async def create_server(
    protocol_factory: ProtocolFactory,
    path: Optional[Address] = None,
    *,
    kind: int = SOCK_STREAM,
    sock: Optional[Socket] = None,
    start_serving: bool = True,
    close_timeout: Optional[float] = CLOSE_TIMEOUT,
    ssl: Optional[SSLContext] = None,
    ssl_handshake_timeout: Optional[float] = None,
    ssl_shutdown_timeout: Optional[float] = None,
    **options: Unpack[ServerOptions],
) -> Server:
    """As loop.create_unix_server, over this library. Closing the server removes the file.

    `sock`: a bound socket, with an allow list, say, which may listen already; it belongs to the
    server from now on. `close_timeout`: how many seconds the server's connections have at its end
    (see Server). `ssl` and the arguments that belong to it: TLS, over streams.
    """
    check_place(path, sock)
    timeouts = TlsOptions(
        ssl_handshake_timeout=ssl_handshake_timeout, ssl_shutdown_timeout=ssl_shutdown_timeout
    )
    tls = tls_of(ssl, True, None, timeouts)
    if sock is None:
        assert path is not None
        sock = open_server(path, kind, **options)
    try:
        if tls is not None:
            check_for_tls(sock)
        loop, backlog = asyncio.get_running_loop(), options.get("backlog", 0)
        server = Server(loop, sock, protocol_factory, close_timeout, tls, backlog)
    except BaseException:
        sock.close()
        raise
    if start_serving:
        try:
            server._start_serving()
        except BaseException:
            server.close()
            raise
    return server
