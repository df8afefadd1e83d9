"""A socket's fields and its frequent calls, by ctypes: what the accelerator does in C."""

from __future__ import annotations

import errno
import math
from ctypes import byref, c_char, create_string_buffer
from operator import index
from socket import AF_UNIX, SOCK_STREAM
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from . import _library
from ._address import Address
from ._library import LONGEST_TIMEOUT, NO_HANDLE, Buffer, Handle, library
from ._rooms import ROOM, done_with, room_for

if TYPE_CHECKING:
    from typing_extensions import Self

_STREAM = int(SOCK_STREAM)

_EBADF = -errno.EBADF
_EINTR = -errno.EINTR

_accept = library.udsock_accept
_connect = library.udsock_connect
_fd = library.udsock_fd
_recv = library.udsock_recv
_send = library.udsock_send
_length = _library.length


def seconds(timeout: Any) -> Optional[float]:
    """A timeout as a program may give it."""
    if timeout is None:
        return None
    value = float(timeout if isinstance(timeout, (int, float)) else index(timeout))
    if math.isnan(value):
        raise ValueError("Invalid value NaN (not a number)")
    return value


def milliseconds(timeout: Optional[float]) -> int:
    """A timeout of socket.socket's in the library's milliseconds, rounded up."""
    if timeout is None:
        return _library.FOREVER
    if timeout < 0:
        raise ValueError("Timeout value out of range")
    return math.ceil(min(timeout * 1000, LONGEST_TIMEOUT))


class Plain:
    """The frequent calls. Unusual cases go to `_send_with` and its like."""

    __slots__ = ("_handle", "_kind", "_timeout", "_milliseconds", "_io_refs", "_closed")

    _handle: Handle
    _kind: int

    _failure: Callable[[int], Exception]
    _wait: Callable[..., int]
    _send_with: Callable[..., int]
    _sendall_with: Callable[..., None]
    _recv_with: Callable[..., bytes]
    _recv_into_with: Callable[..., int]
    _open_with: Callable[..., None]
    _connect_with: Callable[..., None]
    _abandoned: Callable[[], None]

    def __new__(cls, *_: Any, **__: Any) -> Self:
        # Until it is opened, and if a class that is derived never does so, it is a closed one.
        made = super().__new__(cls)
        made._handle = NO_HANDLE
        made._closed = True
        made._kind = _STREAM
        made._timeout = None
        made._milliseconds = _library.FOREVER
        made._io_refs = 0
        return made

    def __init__(
        self, family: int = AF_UNIX, type: int = SOCK_STREAM, proto: int = 0,
        fileno: Optional[int] = None,
    ) -> None:  # fmt: skip
        self._open_with(family, type, proto, fileno)

    def _take(self, handle: int, kind: int, timeout: Optional[float]) -> None:
        self._io_refs = 0
        self._closed = False
        self._kind = kind
        self._timeout = timeout
        self._milliseconds = milliseconds(timeout)
        self._handle = Handle(handle)

    @classmethod
    def _from_handle(cls, handle: int, kind: int, timeout: Optional[float] = None) -> Self:
        made = cls.__new__(cls)
        made._take(handle, kind, timeout)
        return made

    @property
    def handle(self) -> int:
        """The library's number for this socket (a udsock_t). -1: it was closed."""
        number: int = self._handle.value
        return number

    def fileno(self) -> int:
        """The descriptor, on loan, for select and its like. -1: the socket was closed."""
        fd: int = _fd(self._handle)
        return fd if fd >= 0 else -1

    # ---- Data

    def send(self, data: Buffer, flags: int = 0, /) -> int:
        """Sends what there is room for, or one message, and returns how many bytes went."""
        # Most calls, in a short way.
        if flags == 0 and self._milliseconds <= 0 and type(data) is bytes:
            result: int = _send(self._handle, data, _length(len(data)), self._milliseconds)
            if result >= 0:
                return result
            if result != _EINTR:
                raise self._failure(result)
        return self._send_with(data, flags)

    def sendall(self, data: Buffer, flags: int = 0, /) -> None:
        """Sends everything, within one timeout."""
        self._sendall_with(data, flags)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receives what is there, at most `bufsize` bytes; b"" at the end."""
        return self._recv_with(bufsize, flags)

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        """Receives what is there into a buffer, at most `nbytes` (0: its size); returns how many.

        0 is also the end.
        """
        return self._recv_into_with(buffer, nbytes, flags)

    # ---- The same for a transport, which does not wait

    def _send_now(self, data: Any) -> int:
        """The library's result."""
        buffer = data if type(data) is bytes else byref(c_char.from_buffer(data))
        result: int = _send(self._handle, buffer, _length(len(data)), 0)
        return result

    def _recv_now(self) -> Union[bytes, int]:
        """What was there, or the library's code."""
        room = room_for(ROOM)
        size: int = _recv(self._handle, room, ROOM, 0)
        result = room[:size] if size >= 0 else size
        done_with(room)
        return result

    # ---- Connections

    def connect(self, address: Address, /, *, retry: bool = False) -> None:
        """Connects. If the server's queue is full, the call waits.

        `retry`: it also waits for a server, within the timeout.
        """
        self._connect_with(address, retry=retry)

    def close(self) -> None:
        """Closes the socket after all files of makefile were closed, and removes its file."""
        self._closed = True
        if self._io_refs <= 0:
            code = self._close()
            # A poller may have closed it.
            if code < 0 and code != _EBADF:
                raise self._failure(code)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._closed:
            self.close()

    def __del__(self) -> None:
        if self.handle >= 0:
            self._abandoned()

    @staticmethod
    def _create(kind: int, receives_descriptors: bool) -> int:
        """A new socket's handle, or a code."""
        handle: int = library.udsock_create(kind)
        if handle < 0 or not receives_descriptors:
            return handle
        code: int = library.udsock_set_option(handle, _library.OPTION_RECEIVE_FDS, 1)
        if code < 0:
            library.udsock_close(handle)
            return code
        return handle

    def _accept(self) -> int:
        """The next client's handle, or a code."""
        return self._wait(self._milliseconds, _accept_one)

    def _connect(self, address: bytes, retry: bool) -> tuple[int, Optional[bytes]]:
        """A code, and the text of the error."""
        error = _library.Error()

        def connect(handle: Handle, limit: int) -> int:
            flags = _library.RETRY * bool(retry) | _library.DONT_WAIT * (limit == 0)
            options = _library.ConnectOptions(flags=flags, timeout_ms=limit)
            code: int = _connect(handle, address, byref(options), byref(error))
            return code

        code = self._wait(self._milliseconds, connect)
        return code, error.message if code < 0 else None

    def _close(self) -> int:
        """Closes the handle, which the socket then has no more; returns a code."""
        handle, self._handle = self._handle, NO_HANDLE
        code: int = library.udsock_close(handle) if handle.value >= 0 else 0
        return code

    def _address(self, of_the_peer: bool) -> bytes:
        """An address in the form of the library."""
        read = library.udsock_remote_address if of_the_peer else library.udsock_local_address
        room: Any = create_string_buffer(_library.ADDRESS_SIZE)
        size: int = read(self._handle, room, _library.ADDRESS_SIZE)
        if size < 0:
            raise self._failure(size)
        text: bytes = room[:size]
        return text


def _accept_one(server: Handle, limit: int) -> int:
    handle: int = _accept(server, limit, None)
    return handle
