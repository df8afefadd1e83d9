"""A server, whose listening socket is in the loop's poller, which accepts."""

from __future__ import annotations

import asyncio
import warnings
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional, Set

from .. import _library
from .._plain import seconds
from .._socket import Socket
from ._connection import Connection, MessageConnection
from ._hub import Hub, hub_of
from ._stream import StreamConnection
from ._tls import program_s_end
from ._transport import CLOSE_TIMEOUT

if TYPE_CHECKING:
    from typing_extensions import Self

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


def connections_of(kind: int) -> type[Connection]:
    return StreamConnection if kind == SOCK_STREAM else MessageConnection


class Server(asyncio.AbstractServer):
    """asyncio.Server's methods, over a socket of this library, which it closes at its end.

    The end is bounded, whoever is connected: `close_timeout` seconds after it begins, the
    connections of a closed server that are closing, or that somebody waits for, are aborted. None:
    they are not.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: Socket,
        protocol_factory: ProtocolFactory,
        close_timeout: Optional[float] = CLOSE_TIMEOUT,
        tls: Optional[Callable[..., Any]] = None,
        backlog: int = 0,
    ) -> None:
        # (First: a server that was not made has nothing to close.)
        self._is_open = False
        self._close_timeout = seconds(close_timeout)
        self._loop = loop
        sock.settimeout(0.0)
        self._sock = sock
        self._handle = sock.handle
        self._kind = sock._kind
        self._connects = connections_of(sock._kind)
        self._protocol_factory = protocol_factory
        self._tls = tls
        self._backlog = backlog
        self._hub: Optional[Hub] = None
        self._connections: Set[Connection] = set()
        self._is_open = True
        self._had_path = False
        self._serving: Optional[asyncio.Future[None]] = None
        self._waiters: list[asyncio.Future[None]] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._sock!r}>"

    def __del__(self) -> None:
        if self._is_open:
            warnings.warn(f"unclosed server {self!r}", ResourceWarning, source=self)
            self._sock.close()

    @property
    def sockets(self) -> tuple[Socket, ...]:
        """The socket at which it accepts; none, once it was closed."""
        return (self._sock,) if self._is_open else ()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop in which it serves."""
        return self._loop

    # ---- Serving

    def is_serving(self) -> bool:
        """Whether it accepts clients."""
        return self._hub is not None

    async def start_serving(self) -> None:
        """Accepts clients from now on. It may serve already."""
        self._start_serving()
        await asyncio.sleep(0)

    def _start_serving(self) -> None:
        if not self._is_open:
            raise RuntimeError(f"server {self!r} is closed")
        if self._hub is None:
            hub = hub_of(self._loop)
            if not self._sock._get(_library.OPTION_LISTENING):
                self._sock.listen(self._backlog or None)
            self._had_path = self._sock.owns_file
            hub.add(self._handle, self)
            self._hub = hub

    async def serve_forever(self) -> None:
        """Accepts clients until it is cancelled, which closes the server."""
        if self._serving is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        self._start_serving()
        self._serving = self._loop.create_future()
        try:
            await self._serving
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._serving = None

    # ---- As a member of the poller

    def accepted(self, handle: int) -> None:
        """The poller has accepted a client."""
        sock = Socket._from_handle(handle, self._kind, 0.0)
        # (The factory may close the server.)
        hub = self._hub
        if hub is None:
            sock.close()
            return
        try:
            protocol = self._protocol_factory()
            if self._tls is not None:
                protocol = self._tls(self._loop, protocol, None)
            connection = self._connects(self._loop, hub, sock, protocol, self)
        except BaseException:
            sock.close()
            raise
        self._connections.add(connection)
        hub.join(handle, connection)
        try:
            protocol.connection_made(connection)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            connection.broke(error)

    def _accept_waiting(self) -> None:
        """Accepts the clients that wait in the queue. They would be reset, and no more come."""
        while self._hub is not None and (handle := self._sock._accept()) >= 0:
            try:
                self._hub.watch(handle)
                self.accepted(handle)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self.broke(error)

    def failed(self, error: Exception) -> None:
        """The poller could not accept one."""
        self._report("socket.accept() failed", error)

    def broke(self, error: BaseException) -> None:
        """No connection could be made of one."""
        self._report("Error on transport creation for incoming connection", error)

    def _report(self, message: str, error: BaseException) -> None:
        context = {"message": message, "exception": error, "socket": self._sock}
        self._loop.call_exception_handler(context)

    def closing(self, connection: Connection) -> None:
        """A connection was closed, and still has something to send."""
        if not self._is_open:
            self._limit([connection])

    def detach(self, connection: Connection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
        if not self._is_open:
            self._wake_waiters()

    # ---- The end

    def close(self) -> None:
        """Accepts no more clients, and removes the socket's file. Connections stay open.

        If another server took the path, the clients that had connected before are accepted first.
        """
        if self._is_open and self._had_path and not self._sock.owns_file:
            self._had_path = False
            self._accept_waiting()
        # (A protocol's factory may close the server from within.)
        if not self._is_open:
            return
        self._is_open = False
        hub, self._hub = self._hub, None
        if hub is not None:
            hub.forget(self._handle)
        try:
            self._sock.close()
        finally:
            if self._serving is not None and not self._serving.done():
                self._serving.cancel()
            # (Who was cancelled waits no more, even if its task does not know yet.)
            is_waited_for = not all(waiter.done() for waiter in self._waiters)
            self._limit([c for c in self._connections if is_waited_for or c.is_closing()])
            self._wake_waiters()

    def close_clients(self) -> None:
        """Closes all connections. What was written to them may be sent for `close_timeout`."""
        connections = list(self._connections)
        for connection in connections:
            program_s_end(connection).close()
        self._limit(connections)

    def abort_clients(self) -> None:
        """Ends all connections at once."""
        for connection in list(self._connections):
            connection.abort()

    async def wait_closed(self) -> None:
        """Waits until the server is closed, and then for the end of its connections.

        After `close_timeout` seconds they are aborted.
        """
        if self._is_open or self._connections:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            if not self._is_open:
                self._limit(self._connections)
            try:
                await waiter
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)

    def _limit(self, connections: Iterable[Connection]) -> None:
        if self._close_timeout is not None:
            for connection in connections:
                connection.end_within(self._close_timeout)

    def _wake_waiters(self) -> None:
        if self._is_open or self._connections:
            return
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()
        if any(exception):
            # Ctrl-C, say, does not wait until all clients are pleased to go.
            self.close_clients()
        try:
            await self.wait_closed()
        except BaseException:
            # A second Ctrl-C does not wait for what is still to be sent.
            self.abort_clients()
            raise
