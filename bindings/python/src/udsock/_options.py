"""A socket's options."""

from __future__ import annotations

import socket
from operator import index
from typing import Any, Optional, overload

from . import _library
from ._ancillary import AncillaryData
from ._counters import Counters, counters_of
from ._errors import failure
from ._library import int64, library

# Options that the library has to know of, by the number that the kernel has for them.
_SO_PASSPIDFD = 76
_SO_PASSRIGHTS = 83
_LIBRARY_OPTIONS = {
    socket.SO_PASSCRED: _library.OPTION_RECEIVE_CREDENTIALS,
    _SO_PASSPIDFD: _library.OPTION_RECEIVE_PIDFD,
    _SO_PASSRIGHTS: _library.OPTION_RECEIVE_FDS,
}


class Options(AncillaryData):
    """A socket's options."""

    __slots__ = ()

    @property
    def send_buffer(self) -> int:
        """SO_SNDBUF, in bytes; the kernel doubles what is set."""
        return self._get(_library.OPTION_SEND_BUFFER)

    @send_buffer.setter
    def send_buffer(self, value: int) -> None:
        self._set(_library.OPTION_SEND_BUFFER, value)

    @property
    def receive_buffer(self) -> int:
        """SO_RCVBUF, in bytes; it changes little."""
        return self._get(_library.OPTION_RECEIVE_BUFFER)

    @receive_buffer.setter
    def receive_buffer(self, value: int) -> None:
        self._set(_library.OPTION_RECEIVE_BUFFER, value)

    @property
    def spin_us(self) -> int:
        """For how many microseconds at most a wait tries again before it sleeps."""
        return self._get(_library.OPTION_SPIN_US)

    @spin_us.setter
    def spin_us(self, value: int) -> None:
        self._set(_library.OPTION_SPIN_US, value)

    @property
    def max_per_uid(self) -> int:
        """How many connections one user may have open at once; 0: no limit."""
        return self._get(_library.OPTION_MAX_PER_UID)

    @max_per_uid.setter
    def max_per_uid(self, value: int) -> None:
        self._set(_library.OPTION_MAX_PER_UID, value)

    @property
    def receive_descriptors(self) -> bool:
        """Whether descriptors that come with messages are received.

        recv_message and recv_batch return them; the other calls that receive close them.
        """
        return bool(self._get(_library.OPTION_RECEIVE_FDS))

    @receive_descriptors.setter
    def receive_descriptors(self, value: bool) -> None:
        self._set(_library.OPTION_RECEIVE_FDS, bool(value))

    @property
    def receive_credentials(self) -> bool:
        """Whether received messages say who sent them."""
        return bool(self._get(_library.OPTION_RECEIVE_CREDENTIALS))

    @receive_credentials.setter
    def receive_credentials(self, value: bool) -> None:
        self._set(_library.OPTION_RECEIVE_CREDENTIALS, bool(value))

    @property
    def receive_pidfd(self) -> bool:
        """Whether received messages have a descriptor for their sender's process."""
        return bool(self._get(_library.OPTION_RECEIVE_PIDFD))

    @receive_pidfd.setter
    def receive_pidfd(self, value: bool) -> None:
        self._set(_library.OPTION_RECEIVE_PIDFD, bool(value))

    @property
    def refused(self) -> int:
        """How many clients the allow list and `max_per_uid` have refused."""
        return self._get(_library.OPTION_REFUSED)

    @property
    def listening(self) -> bool:
        """Whether this is a server that listens."""
        return bool(self._get(_library.OPTION_LISTENING))

    @property
    def readable_bytes(self) -> int:
        """How many bytes of a stream the next receive can return, or the next message's length."""
        return self._get(_library.OPTION_READABLE_BYTES)

    @property
    def owns_file(self) -> bool:
        """Whether the path that the socket was bound to still leads to its own file.

        A server with `restore_file` that has lost its path first tries to get it back.
        """
        return bool(self._get(_library.OPTION_OWNS_FILE))

    @property
    def restored(self) -> int:
        """How often a server with `restore_file` got its path back."""
        return self._get(_library.OPTION_RESTORED)

    @property
    def counters(self) -> Counters:
        """What went through the socket, by calls of the library."""
        return counters_of(self._handle)

    # ---- As socket.socket

    @overload
    def getsockopt(self, level: int, optname: int, /) -> int: ...

    @overload
    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...

    def getsockopt(self, level: int, optname: int, buflen: int = 0, /) -> Any:
        """An option of the system's: a number, or at most `buflen` bytes, if that is given."""
        more = (buflen,) if index(buflen) else ()
        return self._raw(lambda raw: raw.getsockopt(level, optname, *more))

    def setsockopt(
        self, level: int, optname: int, value: Any, optlen: Optional[int] = None, /
    ) -> None:
        """Sets an option of the system's, to a number or to bytes."""
        known = _LIBRARY_OPTIONS.get(optname) if level == socket.SOL_SOCKET else None
        if known is not None and isinstance(value, int):
            self._set(known, bool(value))
            return
        more: tuple[Any, ...] = (value,) if optlen is None else (value, optlen)
        self._raw(lambda raw: raw.setsockopt(level, optname, *more))

    def _get(self, option: int) -> int:
        return check(library.udsock_get_option(self._handle, option))

    def _set(self, option: int, value: int) -> None:
        check(library.udsock_set_option(self._handle, option, int64(value)))


def check(result: int) -> int:
    """The result, unless it is an error."""
    if result < 0:
        raise failure(result)
    return result
