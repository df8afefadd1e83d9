"""Busy streams on a loop that calls back from C, such as uvloop, which watches each itself.

A poller within such a loop costs one more system call for each message; a reader of the loop costs
ten for each connection. So a connection begins in the poller, and moves after it has shown to be
busy.
"""

from __future__ import annotations

import asyncio
import errno
from typing import Any

from .. import _library
from .._errors import failure
from ._turn import Turn

_NOTHING = (-errno.EAGAIN, -errno.EINTR)


class Readers(Turn):
    """What Hub is, for its members, with a reader of the loop for each."""

    is_final = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._watched: dict[int, tuple[Any, ...]] = {}
        """By handle, what add_reader is called with."""

    def join(self, handle: int, member: Any) -> None:
        self._watched[handle] = member._sock.fileno(), member.readable
        self.resume(handle)

    def pause(self, handle: int) -> None:
        """Receives nothing any more."""
        loop, watched = self._loop(), self._watched.get(handle)
        if loop is not None and watched is not None:
            loop.remove_reader(watched[0])

    def resume(self, handle: int) -> None:
        loop, watched = self._loop(), self._watched.get(handle)
        if loop is not None and watched is not None:
            loop.add_reader(*watched)

    def forget(self, handle: int) -> None:
        """To be called before the socket is closed."""
        self.pause(handle)
        self._watched.pop(handle, None)

    def tell(self, handle: int, member: Any, code: Any) -> None:
        """Tells a member what has come in place of data."""
        if code not in _NOTHING:
            self.pause(handle)
            if code == _library.EOF:
                member.ended()
            else:
                member.failed(failure(code))
