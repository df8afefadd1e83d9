"""TLS over a transport: asyncio's own, on every loop."""

from __future__ import annotations

import asyncio
from asyncio.sslproto import SSLProtocol
from functools import partial
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Any, Callable, Optional, TypedDict, Union

from .._socket import Socket
from ._connection import Connection
from ._stream import StreamConnection

if TYPE_CHECKING:
    from ssl import SSLContext

TlsContext = Union["SSLContext", bool, None]


class TlsOptions(TypedDict, total=False):
    """Timeouts in seconds, as asyncio's. The second is new in Python 3.11."""

    ssl_handshake_timeout: Optional[float]
    ssl_shutdown_timeout: Optional[float]


def tls_of(
    context: TlsContext, server_side: bool, server_hostname: Optional[str], options: TlsOptions
) -> Optional[Callable[..., Any]]:
    """Returns what makes the protocol between a transport and a program's protocol."""
    if not context:
        if server_hostname is not None:
            raise ValueError("server_hostname is only meaningful with ssl")
        for name, value in options.items():
            if value is not None:
                raise ValueError(f"{name} is only meaningful with ssl")
        return None
    if server_side and not _is_context(context):
        raise TypeError(f"ssl argument must be an SSLContext or None, not {context!r}")
    if not server_side and server_hostname is None:
        raise ValueError("you have to pass server_hostname when using ssl")
    given = {name: value for name, value in options.items() if value is not None}
    given.update(server_side=server_side, server_hostname=server_hostname)
    # (None: asyncio makes its default.)
    return partial(_secured, None if context is True else context, given)


def _is_context(context: object) -> bool:
    import ssl  # Not before it is needed: a Python may have been built without it, as for asyncio.

    return isinstance(context, ssl.SSLContext)


def _secured(
    context: Any,
    options: Any,
    loop: asyncio.AbstractEventLoop,
    protocol: asyncio.BaseProtocol,
    waiter: Any,
    **more: Any,
) -> Any:
    return SSLProtocol(loop, protocol, context, waiter, **options, **more)


def check_for_tls(sock: Socket) -> None:
    if sock.type != SOCK_STREAM:
        raise ValueError("TLS goes over streams")


def program_s_end(connection: Connection) -> asyncio.Transport:
    """What a program writes to: over TLS its transport, which may still keep something."""
    protocol = connection.get_protocol()
    if isinstance(protocol, SSLProtocol) and protocol._app_transport is not None:
        secured: asyncio.Transport = protocol._app_transport
        return secured
    return connection


async def start_tls(
    transport: asyncio.BaseTransport,
    protocol: asyncio.BaseProtocol,
    sslcontext: SSLContext,
    *,
    server_side: bool = False,
    server_hostname: Optional[str] = None,
    ssl_handshake_timeout: Optional[float] = None,
    ssl_shutdown_timeout: Optional[float] = None,
) -> asyncio.Transport:
    """As loop.start_tls, also on a loop whose own takes only its own transports, such as uvloop."""
    if not isinstance(transport, StreamConnection):
        raise TypeError(f"transport {transport!r} is not a stream of udsock.aio")
    if not _is_context(sslcontext):
        raise TypeError(f"sslcontext is an SSLContext, not {sslcontext!r}")
    if transport.is_closing():
        # Nobody would tell the handshake, which would wait until its time is over.
        raise ConnectionAbortedError("the connection is closed")
    timeouts = TlsOptions(
        ssl_handshake_timeout=ssl_handshake_timeout, ssl_shutdown_timeout=ssl_shutdown_timeout
    )
    make = tls_of(sslcontext, server_side, server_hostname or "", timeouts)
    assert make is not None
    loop = asyncio.get_running_loop()
    waiter = loop.create_future()
    tls = make(loop, protocol, waiter, call_connection_made=False)
    transport.pause_reading()
    transport.set_protocol(tls)
    tls.connection_made(transport)
    transport.resume_reading()
    try:
        await waiter
    except BaseException:
        transport.close()
        raise
    upgraded: Optional[asyncio.Transport] = tls._app_transport
    if upgraded is None:
        raise ConnectionAbortedError("the connection was closed during the handshake")
    return upgraded
