"""Sending and receiving, as socket.socket does, and exactly."""

from __future__ import annotations

import errno
import socket
from ctypes import addressof, byref, c_char, c_size_t, c_void_p, cast, create_string_buffer
from operator import index
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any, Callable, Optional, overload

from . import _library
from ._address import Address, from_text, to_text
from ._endpoint import Endpoint, Raw, Result
from ._errors import failure
from ._library import Buffer, library
from ._rooms import done_with, room_for

_EOF = _library.EOF
_EINTR = -errno.EINTR
_EMSGSIZE = -errno.EMSGSIZE

LARGEST = 8 << 20
"""No message is larger (the kernel's limit is near 4 MiB), and of a stream less may come."""

# As plain numbers: the enumeration's operators take longer than a call of the library's.
DONTWAIT = int(socket.MSG_DONTWAIT)
NOSIGNAL = int(socket.MSG_NOSIGNAL)
WAITALL = int(socket.MSG_WAITALL)
CMSG_CLOEXEC = int(socket.MSG_CMSG_CLOEXEC)

# These say nothing to a Unix socket, or what the library does anyway.
SEND_IGNORED = NOSIGNAL | int(
    socket.MSG_EOR | socket.MSG_MORE | socket.MSG_DONTROUTE | socket.MSG_CONFIRM
)
UNKNOWN_FLAGS = ~(NOSIGNAL | CMSG_CLOEXEC | DONTWAIT | WAITALL)
"""Flags for receiving that the library has not, MSG_PEEK above all."""

_send = library.udsock_send
_recv = library.udsock_recv
_send_all = library.udsock_send_all
_recv_exact = library.udsock_recv_exact
_send_to = library.udsock_send_to
_length = _library.length


# Who catches an exception has the frames that it went through, and all that is in them. A bytearray
# can't grow as long as one of them still has a view of it. So each view is released by `with`, and
# what ctypes passes on is only the address.


def readable(data: Any) -> tuple[Any, int, memoryview]:
    """Data in the form that ctypes passes on, its size, and a view of it, to be released."""
    view = memoryview(data)
    if isinstance(data, bytes):
        return data, len(data), view
    if view.readonly or not view.nbytes or not view.c_contiguous:
        copy = bytes(view) if view.c_contiguous else _refuse()
        return copy, len(copy), memoryview(copy)
    return _address_in(view), view.nbytes, view


def writable(buffer: Any, nbytes: int, call: str) -> tuple[Any, int, memoryview]:
    """A buffer to receive into, how much of it to fill, and the view, as `readable` has them."""
    view = memoryview(buffer)
    if view.readonly:
        raise TypeError(f"{call}() argument must be read-write bytes-like object")
    if not view.c_contiguous:
        _refuse()
    nbytes = index(nbytes)
    if nbytes < 0:
        raise ValueError(f"negative buffersize in {call}")
    if nbytes > view.nbytes:
        raise ValueError("nbytes is greater than the length of the buffer")
    size = nbytes or view.nbytes
    return (_address_in(view) if size else None), size, view


def _address_in(view: memoryview) -> c_void_p:
    return c_void_p(addressof(c_char.from_buffer(view)))


def address_of(buffer: Any) -> int:
    """The address of the data of bytes or of a ctypes array; or it is one."""
    return cast(buffer, c_void_p).value or 0


def _refuse() -> bytes:
    raise BufferError("memoryview: underlying buffer is not C-contiguous")


class _Progress:
    """How many bytes have come in several calls. A signal handler may raise behind each of them."""

    __slots__ = ("_before", "_now")

    def __init__(self) -> None:
        self._before, self._now = 0, c_size_t()

    def total(self) -> int:
        return self._before + self._now.value

    def go_on(self) -> tuple[int, c_size_t]:
        """What has come so far, and where the next call says what came in it."""
        self._before, self._now = self.total(), c_size_t()
        return self._before, self._now


class Transfer(Endpoint):
    """A socket's data. Calls with flags, or with other data than bytes, go to ..._with."""

    __slots__ = ()

    # ---- Sending

    def _send_with(self, data: Any, flags: int = 0, /) -> int:
        flags = index(flags)
        limit = self._send_limit(flags)
        buffer, size, view = readable(data)
        with view:
            if limit is None:
                return self._raw_send(flags, lambda raw, flags: raw.send(data, flags))
            result = self._wait(limit, _send, buffer, _length(size))
        if result < 0:
            raise failure(result)
        return result

    def _sendall_with(self, data: Any, flags: int = 0, /) -> None:
        flags = index(flags)
        limit = self._send_limit(flags)
        buffer, size, view = readable(data)
        with view:
            if limit is None:
                self._send_parts(view, size, flags)
            else:
                self._send_all(buffer, size, limit)

    def _send_parts(self, view: memoryview, size: int, flags: int) -> None:
        done = self.send(view, flags)
        while done < size:
            with view.cast("B") as whole, whole[done:] as rest:
                done += self.send(rest, flags)

    def _send_all(self, buffer: Any, size: int, limit: int) -> None:
        done = 0
        # Mostly all goes at once.
        if limit <= 0 and size:
            result: int = _send(self._handle, buffer, _length(size), limit)
            if result == size:
                return
            if result < 0 and result != _EINTR:
                raise failure(result)
            done = max(0, result)
        sent = c_size_t()

        def send_rest(handle: Any, limit: int) -> int:
            nonlocal done
            done += sent.value
            rest = buffer if not done else c_void_p(address_of(buffer) + done)
            code: int = _send_all(handle, rest, _length(size - done), limit, byref(sent))
            return code

        result = self._wait(limit, send_rest)
        if result < 0:
            raise failure(result)

    @overload
    def sendto(self, data: Buffer, address: Address, /) -> int: ...

    @overload
    def sendto(self, data: Buffer, flags: int, address: Address, /) -> int: ...

    def sendto(self, data: Any, *arguments: Any) -> int:
        """sendto(data, address) or sendto(data, flags, address)."""
        if not 1 <= len(arguments) <= 2:
            raise TypeError(f"sendto() takes 2 or 3 arguments ({len(arguments) + 1} given)")
        address = to_text(arguments[-1])
        flags = index(arguments[0]) if len(arguments) == 2 else 0
        limit = self._send_limit(flags)
        buffer, size, view = readable(data)
        with view:
            if limit is None:
                name = from_text(address)
                return self._raw_send(flags, lambda raw, flags: raw.sendto(data, flags, name))
            result = self._wait(limit, _send_to, buffer, _length(size), address)
        if result < 0:
            raise failure(result, filename=from_text(address))
        return result

    def _send_limit(self, flags: int) -> Optional[int]:
        """The timeout in milliseconds. None: the library does not know one of the flags."""
        if not flags:
            return self._milliseconds
        if flags & ~(SEND_IGNORED | DONTWAIT):
            return None
        return self._limit(flags)

    def _limit(self, flags: int) -> int:
        """The timeout in milliseconds. With MSG_DONTWAIT it is 0 if the socket has none."""
        if flags & DONTWAIT and self._milliseconds < 0:
            return 0
        return self._milliseconds

    def _raw_send(self, flags: int, act: Callable[[Raw, int], int]) -> int:
        limit = self._limit(flags)
        flags |= DONTWAIT | NOSIGNAL
        return self._raw_wait(EVENT_WRITE, limit, lambda raw: act(raw, flags))

    # ---- Receiving

    def _recv_with(self, bufsize: int, flags: int = 0, /) -> bytes:
        size, flags = checked_size(bufsize, "recv"), index(flags)
        if not size:
            return b""
        room = room_for(size)
        if flags & UNKNOWN_FLAGS:
            size = min(size, self._raw_into(room, size, flags))
        else:
            size = self._receive(room, size, flags)
        data: bytes = room[:size]
        done_with(room)
        return data

    def _recv_into_with(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        flags = index(flags)
        room, size, view = writable(buffer, nbytes, "recv_into")
        with view:
            if not size:
                return 0
            if flags & UNKNOWN_FLAGS:
                return self._raw_into(buffer, size, flags)
            return self._receive(room, size, flags)

    def recv_exact(self, size: int) -> bytes:
        """Receives exactly so many bytes of a stream.

        After an error, `partial` of the exception has what came before; a signal handler's exception
        has it, too.
        """
        size = length_of(size, "recv_exact")
        if not size:
            return b""
        room: Any = create_string_buffer(size)
        progress = _Progress()
        try:
            result = self._receive_exact(room, size, self._milliseconds, progress)
            if result < 0:
                raise failure(result)
        except BaseException as error:
            error.partial = room[: progress.total()]  # type: ignore[attr-defined]
            raise
        data: bytes = room[:size]
        return data

    def _receive(self, room: Any, size: int, flags: int) -> int:
        limit = self._limit(flags) if flags else self._milliseconds
        if flags & WAITALL and limit and self._kind == socket.SOCK_STREAM:
            progress = _Progress()
            result = self._receive_exact(room, size, limit, progress)
            result = progress.total() or result
        else:
            result = self._wait(limit, _recv, room, _length(size))
        return counted(result, size)

    def _receive_exact(self, room: Any, size: int, limit: int, progress: _Progress) -> int:
        """The last call's result."""

        def receive_rest(handle: Any, limit: int) -> int:
            done, came = progress.go_on()
            rest = c_void_p(address_of(room) + done)
            code: int = _recv_exact(handle, rest, _length(size - done), limit, byref(came))
            return code

        return self._wait(limit, receive_rest)

    def _raw_into(self, buffer: Any, size: int, flags: int) -> int:
        return self._raw_receive(flags, lambda raw, flags: raw.recv_into(buffer, size, flags))

    def _raw_receive(self, flags: int, act: Callable[[Raw, int], Result]) -> Result:
        limit = self._limit(flags)
        flags |= DONTWAIT
        return self._raw_wait(EVENT_READ, limit, lambda raw: act(raw, flags))


def length_of(size: int, call: str) -> int:
    size = index(size)
    if size < 0:
        raise ValueError(f"negative buffersize in {call}")
    return size


def checked_size(bufsize: int, call: str) -> int:
    return min(length_of(bufsize, call), LARGEST)


def counted(result: int, size: int) -> int:
    """A result as socket.socket returns it: 0 is also the end, and a message may be cut."""
    if result >= 0:
        return result
    if result == _EOF:
        return 0
    if result == _EMSGSIZE:
        return size
    raise failure(result)
