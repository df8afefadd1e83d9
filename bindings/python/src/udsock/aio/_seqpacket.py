"""Seqpacket connections: messages in order over a connection."""

from __future__ import annotations

import asyncio
from collections import deque
from socket import SOCK_SEQPACKET
from typing import TYPE_CHECKING, Any, AsyncIterator, Awaitable, Callable, Deque, Optional, Set
from typing import Union

from .._address import Address
from .._socket import Socket
from ._connect import ClientOptions, ServerOptions, create_connection, create_server
from ._connection import Connection
from ._server import Server
from ._shared import check_kind
from ._transport import CLOSE_TIMEOUT

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

_LIMIT = 2**16


class SeqpacketConnection:
    """A connection of messages.

    async for message in connection:
        await connection.send(message)
    """

    def __init__(self, protocol: _MessageProtocol) -> None:
        self._protocol = protocol
        self._transport = protocol.transport

    async def send(self, message: Union[bytes, bytearray, memoryview]) -> None:
        """Sends a message; waits while too many wait to be sent."""
        if self._transport.is_closing():
            # If it has failed just now, connection_lost says why.
            await asyncio.sleep(0)
            self._protocol.raise_error()
            raise ConnectionResetError("the connection is closed")
        self._transport.write(message)
        await self._protocol.drained()

    async def receive(self) -> bytes:
        """Waits for the next message, which may be empty. EOFError: the peer sends no more."""
        return await self._protocol.receive()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self.receive()
        except EOFError:
            raise StopAsyncIteration from None

    def write_eof(self) -> None:
        """Ends the sending side: the peer sees the end, and may still send."""
        self._transport.write_eof()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Knows 'socket', 'sockname', 'peername', and 'peercred': who the peer is."""
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether it was closed, or is lost."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Closes it after everything was sent. What comes meanwhile is lost."""
        self._transport.close()

    def abort(self) -> None:
        """Closes it at once; what the kernel does not take now is lost."""
        self._transport.abort()

    async def wait_closed(self) -> None:
        """Waits until everything was sent, and the socket is closed."""
        await self._protocol.closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()
        if any(exception):
            # A timeout, say, or Ctrl-C, does not wait until a peer is pleased to read.
            self._transport.end_within(CLOSE_TIMEOUT)
        try:
            await self.wait_closed()
        except BaseException:
            self.abort()
            raise


Connected = Callable[[SeqpacketConnection], Awaitable[Any]]


class _MessageProtocol(asyncio.Protocol):
    """Keeps messages until somebody takes them; a limit bounds how many."""

    transport: Connection

    def __init__(
        self, limit: int, connected: Optional[Connected] = None, tasks: Optional[Set[Any]] = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._connected = connected
        self._tasks = tasks
        self._limit = limit
        self._messages: Deque[bytes] = deque()
        self._size = 0
        self._is_paused = False
        self._has_ended = False
        self._is_closed = False
        self._error: Optional[BaseException] = None
        self._is_full = False
        self._waiters: list[asyncio.Future[None]] = []

    # ---- What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, Connection)
        self.transport = transport
        if self._connected is not None and self._tasks is not None:
            task = self._loop.create_task(self._serve(self._connected))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def data_received(self, data: bytes) -> None:
        self._messages.append(data)
        # An empty message takes memory, too.
        self._size += len(data) + 1
        if self._size > self._limit and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._has_ended = True
        self._wake()
        return True

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._wake()

    def connection_lost(self, exc: Optional[BaseException]) -> None:
        self._is_closed = self._has_ended = True
        self._error = exc
        self._wake()

    # ---- What the connection asks

    async def receive(self) -> bytes:
        while not self._messages:
            self.raise_error()
            if self._has_ended:
                raise EOFError("the peer sends no more")
            await self._change()
        message = self._messages.popleft()
        self._size -= len(message) + 1
        if self._is_paused and self._size <= self._limit // 2:
            self._is_paused = False
            self.transport.resume_reading()
        return message

    async def drained(self) -> None:
        while self._is_full and not self._is_closed:
            await self._change()
        self.raise_error()

    async def closed(self) -> None:
        while not self._is_closed:
            await self._change()

    def raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    async def _serve(self, connected: Connected) -> None:
        connection = SeqpacketConnection(self)
        try:
            await connected(connection)
        except asyncio.CancelledError:
            connection.abort()
            raise
        except (SystemExit, KeyboardInterrupt):
            # The loop passes it on, to end the program.
            raise
        except BaseException as error:
            context = {"message": "Unhandled exception in client_connected_cb", "exception": error}
            self._loop.call_exception_handler({**context, "transport": self.transport})
        finally:
            connection.close()

    async def _change(self) -> None:
        """Waits until the transport reports something."""
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _check_limit(limit: int) -> None:
    if limit <= 0:
        raise ValueError("Limit cannot be <= 0")


async def open_seqpacket_connection(
    path: Optional[Address] = None,
    *,
    limit: int = _LIMIT,
    sock: Optional[Socket] = None,
    **options: Unpack[ClientOptions],
) -> SeqpacketConnection:
    """Connects to a seqpacket server. `limit`: about how many bytes are received ahead."""
    check_kind(sock, SOCK_SEQPACKET)
    _check_limit(limit)
    _, protocol = await create_connection(
        lambda: _MessageProtocol(limit), path, kind=SOCK_SEQPACKET, sock=sock, **options
    )
    return SeqpacketConnection(protocol)


async def start_seqpacket_server(
    client_connected_cb: Connected,
    path: Optional[Address] = None,
    *,
    limit: int = _LIMIT,
    sock: Optional[Socket] = None,
    start_serving: bool = True,
    close_timeout: Optional[float] = CLOSE_TIMEOUT,
    **options: Unpack[ServerOptions],
) -> Server:
    """Calls back with each connection, in its own task, and closes the connection afterwards."""
    check_kind(sock, SOCK_SEQPACKET)
    _check_limit(limit)
    tasks: Set[asyncio.Task[None]] = set()
    return await create_server(
        lambda: _MessageProtocol(limit, client_connected_cb, tasks),
        path,
        kind=SOCK_SEQPACKET,
        sock=sock,
        start_serving=start_serving,
        close_timeout=close_timeout,
        **options,
    )
