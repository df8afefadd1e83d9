"""What every socket has: a handle, a descriptor on loan, and a timeout."""

from __future__ import annotations

import _socket
import errno
import selectors
import socket
from contextlib import closing
from operator import index
from time import monotonic
from typing import Any, Callable, Optional, TypeVar

from ._accelerator import Base
from ._errors import SocketClosed, failure
from ._library import Handle, library
from ._plain import milliseconds, seconds

Result = TypeVar("Result")

# A program may put Socket in its place.
Standard = socket.socket

# gevent and eventlet put others in the place of socket.socket, which wait by themselves, and take
# some selectors away.
Raw = _socket.socket
_Selector: type[selectors.BaseSelector]
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)

_EINTR = -errno.EINTR
_ETIMEDOUT = -errno.ETIMEDOUT

_LOOK_UP = 0.1
"""So often a wait that the library does not know of looks whether the socket was closed."""

_fd = library.udsock_fd


class Endpoint(Base):
    """A handle of the library, its timeout, and waiting with it."""

    __slots__ = ("_transport", "__weakref__")

    _as_handle = staticmethod(Handle)
    _failure = staticmethod(failure)
    _transport: Any
    """Only of a socket that a transport of udsock.aio has."""

    # ---- Time

    def settimeout(self, value: Optional[float]) -> None:
        """None: wait as long as it takes. 0: do not wait."""
        value = seconds(value)
        self._milliseconds = milliseconds(value)
        self._timeout = value

    def gettimeout(self) -> Optional[float]:
        """The timeout in seconds; None: none; 0: calls do not wait."""
        return self._timeout

    @property
    def timeout(self) -> Optional[float]:
        """The timeout in seconds; None: none."""
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        """True: wait as long as it takes. False: do not wait."""
        self.settimeout(None if index(flag) else 0.0)

    def getblocking(self) -> bool:
        """Whether calls wait."""
        return self._timeout != 0.0

    # ---- Waiting

    def _wait(self, limit: int, call: Callable[..., int], *arguments: Any) -> int:
        """The call's result. After a signal Python's handler runs, and then the call goes on.

        `limit`: in milliseconds, the socket's own or 0.
        """
        if limit <= 0:
            while True:
                result = call(self._handle, *arguments, limit)
                if result != _EINTR:
                    return result
        end = monotonic() + (self._timeout or 0.0)
        while True:
            result = call(self._handle, *arguments, limit)
            if result != _EINTR and result != _ETIMEDOUT:
                return result
            limit = milliseconds(max(0.0, end - monotonic()))
            if limit == 0:
                return _ETIMEDOUT

    def _raw(self, act: Callable[[Raw], Result]) -> Result:
        """Does what only the standard library's socket can, once, with a copy of the descriptor."""
        with closing(self._copy()) as raw:
            return act(raw)

    def _raw_wait(self, events: int, limit: int, act: Callable[[Raw], Result]) -> Result:
        """The same for an act that may have to wait. `act` itself must not wait: MSG_DONTWAIT."""
        end = None if limit < 0 else monotonic() + (self._timeout or 0.0) * (limit > 0)
        with closing(self._copy()) as raw, _Selector() as selector:
            selector.register(raw, events)
            while True:
                try:
                    return act(raw)
                except BlockingIOError:
                    if limit == 0:
                        raise
                left = _LOOK_UP if end is None else min(_LOOK_UP, end - monotonic())
                if left <= 0:
                    raise failure(_ETIMEDOUT)
                selector.select(left)
                if _fd(self._handle) < 0:
                    raise SocketClosed(errno.EBADF, "closed by another thread")

    def _copy(self) -> Raw:
        fd = _fd(self._handle)
        if fd < 0:
            raise failure(fd)
        # (With this flag it has the timeout 0: no default timeout makes it wait by itself, and the
        # mode of the descriptor, which others may share, stays.)
        copy = Raw(socket.AF_UNIX, self._kind | socket.SOCK_NONBLOCK, 0, socket.dup(fd))
        # Only a handle that is still open lent its own descriptor.
        if _fd(self._handle) != fd:
            copy.close()
            raise failure(-errno.EBADF)
        return copy
