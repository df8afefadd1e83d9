"""A socket.socket that owns the file of a Socket, for code that needs a socket.socket."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from ._socket import Socket


class StandardSocket(socket.socket):
    """A socket.socket whose file is removed when it is closed."""

    _owner: Optional[Socket] = None
    """A copy (dup) has none."""

    @classmethod
    def _of(cls, owner: Socket) -> StandardSocket:
        made = cls(owner.family, owner.type, 0, fileno=socket.dup(owner.fileno()))
        made._owner = owner
        # It waits in the system's calls, for which the library's descriptor is not made.
        made.setblocking(True)
        return made

    def __reduce_ex__(self, _: object) -> Any:
        """For multiprocessing: the other process gets the descriptor; this one keeps the file."""
        from multiprocessing.reduction import DupFd

        return _rebuilt, (DupFd(self.fileno()), self.family, self.type)

    def _real_close(self, *arguments: Any) -> None:
        super()._real_close(*arguments)  # type: ignore[misc]
        self._close_owner()

    def detach(self) -> int:
        """Gives the descriptor away. The file stays."""
        # uvloop holds the socket (as makefile() does) whose descriptor it serves at, and takes it
        # out when the server closes, since libuv closes it: that is the end, and no gift.
        is_end = self._io_refs > 0  # type: ignore[attr-defined]
        fd = super().detach()
        if self._owner is not None and not is_end:
            self._owner.disown()
        self._close_owner()
        return fd

    def _close_owner(self) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.close()


def _rebuilt(fd: Any, family: int, kind: int) -> socket.socket:
    return socket.socket(family, kind, 0, fileno=fd.detach())
