"""What all transports have in common: what they are, what waits to be sent, their end."""

from __future__ import annotations

import asyncio
import logging
import warnings
from operator import attrgetter
from typing import Any, Callable, Optional, Protocol

from .._socket import Socket
from ._hub import Hub
from ._shared import close_shared

CLOSE_TIMEOUT = 3.0
"""So many seconds there are at the end of a server, and of an endpoint for datagrams."""

_MANY_WARNINGS = 5

_EXTRA: dict[str, Callable[[Socket], Any]] = {
    "sockname": Socket.getsockname,
    "peername": Socket.getpeername,
    "peercred": attrgetter("peer_credentials"),
}

_logger = logging.getLogger("asyncio")


def check_socket(sock: Any) -> None:
    if not isinstance(sock, Socket):
        raise TypeError(
            f"sock is a udsock.Socket, not {sock!r}; udsock.adopt(sock.detach()) makes one of it"
        )


class Owner(Protocol):
    """The server that a connection belongs to."""

    def closing(self, transport: Any) -> None:
        """The transport was closed, and still has something to send."""

    def detach(self, transport: Any) -> None: ...


class SocketTransport(asyncio.WriteTransport):
    """A socket in the loop's poller, and its protocol.

    What is written in one turn of the loop is sent at the end of the turn. What the kernel does not
    take waits here, not in the poller: the poller receives nothing while it keeps something, so two
    ends that write much to each other would wait for each other for ever.
    """

    _close_shared = staticmethod(close_shared)

    deliver: Any
    """Takes what was received."""

    _protocol: Any

    _hub: Any
    """Unset after connection_lost, as `_owner` is."""

    # What most connections never change: in the class, where it takes no time and no memory.
    _low, _high = 16384, 65536
    _size = 0
    _will_flush = False
    _is_blocked = False
    _is_closing = False
    _is_lost = False
    _has_eof = False
    # (asyncio's own name: loop.sendfile looks at it.)
    _protocol_paused = False
    _end: Optional[asyncio.TimerHandle] = None
    _warnings = 0
    _names: Optional[dict[str, Any]] = None

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        hub: Hub,
        sock: Socket,
        protocol: asyncio.BaseProtocol,
        owner: Optional[Owner] = None,
    ) -> None:
        asyncio.BaseTransport.__init__(self)
        self._loop = loop
        self._hub = hub
        if sock._timeout != 0.0:
            sock.settimeout(0.0)
        self._sock = sock
        self._number = sock.handle
        self._owner = owner
        self._protocol = protocol

    def __repr__(self) -> str:
        state = "closed" if self._is_lost else "closing" if self._is_closing else "open"
        return f"<{type(self).__name__} {state} {self._sock!r}>"

    def __del__(self) -> None:
        # Unset: it was never made.
        if not self._is_lost and getattr(self, "_sock", None) is not None:
            self._abandoned()

    def _abandoned(self) -> None:
        warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
        self._sock.close()

    def begin(self) -> None:
        """Has the socket watched from now on, and tells the protocol."""
        try:
            self._hub.add(self._number, self)
        except BaseException:
            self._is_closing = self._is_lost = True
            self._sock.close()
            raise
        try:
            self._protocol.connection_made(self)
        except BaseException:
            self.abort()
            raise

    # ---- What it is

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Knows 'socket', 'sockname', 'peername', and 'peercred': who the peer is.

        Ask for the names while the transport is open.
        """
        if name == "socket":
            return self._lent_socket()
        if self._names is None:
            self._names = {}
        if name not in self._names:
            read = _EXTRA.get(name)
            if read is None:
                return default
            try:
                self._names[name] = read(self._sock)
            except OSError:
                return default
        return self._names[name]

    def _lent_socket(self) -> Socket:
        """The socket, for a program that may use it, too."""
        return self._sock

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    # ---- What waits to be sent

    def get_write_buffer_size(self) -> int:
        return self._size

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(
        self, high: Optional[int] = None, low: Optional[int] = None
    ) -> None:
        if high is None:
            high = 65536 if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._low, self._high = low, high
        self._regard_limits()

    def _regard_limits(self) -> None:
        if self._is_lost:
            return
        if not self._protocol_paused and self._size > self._high:
            self._protocol_paused = True
            self._tell("pause_writing")
        elif self._protocol_paused and self._size <= self._low:
            self._protocol_paused = False
            self._tell("resume_writing")

    def _tell(self, callback: str) -> None:
        try:
            getattr(self._protocol, callback)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._report(f"protocol.{callback}() failed", error)

    def flush(self) -> None:
        """Sends what the kernel takes."""
        raise NotImplementedError

    def _discard(self) -> None:
        """Nothing more will be sent."""
        raise NotImplementedError

    def _set_blocked(self, blocked: bool) -> None:
        """Says whether sending waits for room in the kernel."""
        if blocked == self._is_blocked:
            return
        self._is_blocked = blocked
        if blocked:
            self._fd = self._sock.fileno()
            self._loop.add_writer(self._fd, self.flush)
        else:
            self._loop.remove_writer(self._fd)

    def _warn_of_loss(self) -> None:
        """Warns that something was written that nobody will get."""
        self._warnings += 1
        if self._warnings >= _MANY_WARNINGS:
            _logger.warning("socket.send() raised exception.")

    # ---- What the poller tells

    def received(self, data: bytes, address: bytes, code: int) -> None:
        """Takes what was received, with an address or an error."""
        raise NotImplementedError

    def ended(self) -> None:
        raise NotImplementedError

    def failed(self, error: Exception) -> None:
        self._lose(error)

    def broke(self, error: BaseException) -> None:
        self._report("Fatal error: a callback of the protocol failed.", error)
        self._lose(error)

    def _report(self, message: str, error: BaseException) -> None:
        context = {"message": message, "exception": error, "transport": self}
        self._loop.call_exception_handler({**context, "protocol": self._protocol})

    # ---- The end

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        """Closes after what was written was sent."""
        if self._is_closing:
            return
        self._is_closing = True
        self._stop_receiving()
        self.flush()
        if not self._is_lost:
            self._close_with()

    def _close_with(self) -> None:
        """It was closed, and still has something to send."""
        if self._owner is not None:
            self._owner.closing(self)

    def abort(self) -> None:
        """Closes at once; what the kernel does not take now is lost."""
        self._lose(None)

    def end_within(self, seconds: float) -> None:
        """Ends within this time, whatever the peer does; the first limit counts."""
        if self._end is None and not self._is_lost:
            self._end = self._loop.call_later(seconds, self.abort)

    def _stop_receiving(self) -> None:
        raise NotImplementedError

    def _lose(self, error: Optional[BaseException]) -> None:
        if self._is_lost:
            return
        self._is_closing = True
        self._stop_receiving()
        self._discard()
        self._size = 0
        self._finish(error)

    def _finish(self, error: Optional[BaseException]) -> None:
        """Has connection_lost called in the next turn, once."""
        self._is_lost = True
        if self._end is not None:
            self._end.cancel()
        if self._is_blocked:
            self._set_blocked(False)
        self._hub.forget(self._number)
        self._loop.call_soon(self._connection_lost, error)

    def _connection_lost(self, error: Optional[BaseException]) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._close_shared(self._sock)
            owner = self._owner
            # Nobody who still has the transport keeps them alive.
            self._protocol = None
            del self._hub, self._owner
            if owner is not None:
                owner.detach(self)
