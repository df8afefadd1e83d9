"""Messages with everything that comes with them: addresses, descriptors, credentials."""

from __future__ import annotations

import errno
import os
from collections import deque
from contextlib import ExitStack
from ctypes import (
    POINTER,
    addressof,
    byref,
    c_char_p,
    c_int32,
    c_void_p,
    cast,
    create_string_buffer,
    sizeof,
)
from operator import index
from typing import Any, Iterable, NamedTuple, Optional, Sequence, Union

from . import _library
from ._address import Address, ReturnedAddress, from_text, to_text
from ._errors import failure
from ._library import Buffer, int32, library
from ._rooms import ROOM
from ._transfer import (
    UNKNOWN_FLAGS,
    Transfer,
    address_of,
    checked_size,
    counted,
    readable,
    writable,
)

_EINTR = -errno.EINTR

_send_message = library.udsock_send_message
_recv_message = library.udsock_recv_message
_send_batch = library.udsock_send_batch
_recv_batch = library.udsock_recv_batch


class Credentials(NamedTuple):
    """A process, and the user and group that it acts for. None: unknown.

    The pid is unknown if the process is in a PID namespace that this process can't see, and the
    user or group may be unknown if it is in another user namespace. What is known is true.
    """

    pid: Optional[int]
    uid: Optional[int]
    gid: Optional[int]


class Received(NamedTuple):
    """A message, and what came with it."""

    data: bytes
    descriptors: list[int]
    """The caller's to close."""
    address: str
    """The sender's, as the library writes it. "": it has none."""
    credentials: Credentials
    """Who sent it, with `receive_credentials`."""
    pidfd: Optional[int]
    """The sender's process, with `receive_pidfd`; the caller's to close."""
    size: int
    """How large the message was. More than len(data): it was cut."""
    descriptors_lost: bool
    """Descriptors came that could not be taken. They are closed."""


def credentials_of(given: Any) -> Credentials:
    uid, gid = given.uid, given.gid
    return Credentials(
        given.pid or None,
        None if uid == _library.UNKNOWN else uid,
        None if gid == _library.UNKNOWN else gid,
    )


class Inbox:
    """Room for a message and everything that may come with it."""

    __slots__ = ("message", "room", "address", "descriptors")

    def __init__(self, message: Any, room: Any, size: int, descriptors: int) -> None:
        self.message = message
        self.room = room
        self.address = create_string_buffer(_library.ADDRESS_SIZE)
        self.descriptors = (c_int32 * min(descriptors, _library.MAX_DESCRIPTORS))()
        message.data = address_of(room)
        message.data_capacity = size
        message.address = addressof(self.address)
        message.address_capacity = _library.ADDRESS_SIZE
        message.descriptors = self.descriptors
        message.descriptors_capacity = len(self.descriptors)

    def taken(self) -> list[int]:
        return self.descriptors[: self.message.descriptors_count]

    def drop_pidfd(self) -> None:
        """Closes what a call does not return."""
        if self.message.pidfd >= 0:
            os.close(self.message.pidfd)

    def sender(self) -> Optional[ReturnedAddress]:
        return from_text(self.address.value) or None

    def received(self, size: int) -> Received:
        message = self.message
        return Received(
            self.room[:size],
            self.taken(),
            os.fsdecode(self.address.value),
            credentials_of(message.credentials),
            message.pidfd if message.pidfd >= 0 else None,
            message.data_size,
            bool(message.flags & _library.FDS_LOST),
        )


_inboxes: deque[Inbox] = deque(maxlen=16)


class Messages(Transfer):
    """A socket's messages."""

    __slots__ = ()

    # ---- As socket.socket

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Optional[ReturnedAddress]]:
        """Receives what is there, and its sender's address (None: the sender has no name)."""
        size, flags = checked_size(bufsize, "recvfrom"), index(flags)
        if not size or flags & UNKNOWN_FLAGS:
            # (CPython's recvfrom with MSG_TRUNC returns what is in memory behind a cut message.)
            data = bytearray(size)
            whole, address = self._raw_receive(
                flags, lambda raw, flags: raw.recvfrom_into(data, size, flags)
            )
            return bytes(data[:whole]), address
        try:
            inbox = _inboxes.pop() if size <= ROOM else _inbox(size)
        except IndexError:
            inbox = _inbox(ROOM)
        inbox.message.data_capacity = size
        count = self._receive_message(inbox, flags)
        if count < 0:
            counted(count, 0)
            return b"", None
        inbox.drop_pidfd()
        result = inbox.room[:count], inbox.sender()
        if len(inbox.room) == ROOM:
            _inboxes.append(inbox)
        return result

    def recvfrom_into(
        self, buffer: Buffer, nbytes: int = 0, flags: int = 0
    ) -> tuple[int, Optional[ReturnedAddress]]:
        """The same, into a buffer, at most `nbytes` (0: its size); returns how many bytes."""
        flags = index(flags)
        room, size, view = writable(buffer, nbytes, "recvfrom_into")
        with view:
            if not size or flags & UNKNOWN_FLAGS:
                came: tuple[int, Optional[ReturnedAddress]] = self._raw_receive(
                    flags, lambda raw, flags: raw.recvfrom_into(buffer, nbytes, flags)
                )
                return came
            inbox = Inbox(_library.Message(), room, size, 0)
            count = self._receive_message(inbox, flags)
        if count < 0:
            return counted(count, 0), None
        inbox.drop_pidfd()
        return count, inbox.sender()

    # ---- The library's own

    def recv_message(
        self, bufsize: int = ROOM, descriptors: int = _library.MAX_DESCRIPTORS
    ) -> Received:
        """Receives a message of at most `bufsize` bytes, and what comes with it.

        `descriptors`: how many descriptors are received at most, if `receive_descriptors` is set;
        by default as many as can come. Your program has to close them. At the end it raises
        EndOfStream, since b"" is an empty message.
        """
        inbox = _inbox(checked_size(bufsize, "recv_message"), descriptors)
        count = self._receive_message(inbox, 0)
        if count < 0:
            raise failure(count)
        return inbox.received(count)

    def send_message(
        self,
        data: Buffer,
        descriptors: Sequence[int] = (),
        address: Optional[Address] = None,
        *,
        flags: int = 0,
    ) -> int:
        """Sends a message, with descriptors, which stay open here.

        On a stream a part may be sent: send the rest without the descriptors.
        """
        limit = self._limit(index(flags))
        name = None if address is None else to_text(address)
        message, view, _keep = _outgoing(data, descriptors, name)
        with view:
            result = self._wait(limit, _send_message, byref(message))
        if result < 0:
            raise failure(result, filename=from_text(name) if name else None)
        return result

    def recv_batch(
        self, count: int, bufsize: int, descriptors: int = _library.MAX_DESCRIPTORS
    ) -> list[Received]:
        """Waits for a message, and receives it together with those that are there already."""
        count, bufsize = index(count), checked_size(bufsize, "recv_batch")
        messages = (_library.Message * count)()
        inboxes = []
        for message in messages:
            message.size = sizeof(message)
            inboxes.append(Inbox(message, create_string_buffer(bufsize), bufsize, descriptors))
        came = self._wait(self._milliseconds, _recv_batch, byref(messages), count)
        if came < 0:
            raise failure(came)
        return [inbox.received(inbox.message.result) for inbox in inboxes[:came]]

    def send_batch(
        self, messages: Iterable[Buffer], address: Optional[Address] = None
    ) -> list[Union[int, Exception]]:
        """Sends many messages, to one address. Returns the length of each, or its error."""
        name = None if address is None else to_text(address)
        with ExitStack() as views:
            given = []
            for data in messages:
                message, view, keep = _outgoing(data, (), name)
                views.enter_context(view)
                given.append((message, keep))
            return self._send_each(given) if given else []

    def _send_each(self, given: list[tuple[Any, Any]]) -> list[Union[int, Exception]]:
        array = (_library.Message * len(given))(*(message for message, _ in given))
        first = 0

        def send_rest(handle: Any, limit: int) -> int:
            nonlocal first
            rest = byref(array, first * sizeof(_library.Message))
            result: int = _send_batch(handle, rest, len(array) - first, limit)
            if result < 0:
                return result
            for first in range(first, len(array)):
                if array[first].result == _EINTR:
                    return _EINTR
            return result

        result = self._wait(self._milliseconds, send_rest)
        if result < 0 and not first:
            raise failure(result)
        return [_fate(message.result) for message in array]

    def _receive_message(self, inbox: Inbox, flags: int) -> int:
        return self._wait(self._limit(flags), _recv_message, byref(inbox.message))


def _inbox(size: int, descriptors: int = 0) -> Inbox:
    return Inbox(_library.Message(), create_string_buffer(size), size, descriptors)


def _outgoing(
    data: Any, descriptors: Sequence[int], address: Optional[bytes]
) -> tuple[Any, memoryview, Any]:
    """A message to send, the view of its data, to be released, and what has to stay until then."""
    numbers = (c_int32 * len(descriptors))(*map(int32, descriptors))
    buffer, size, view = readable(data)
    message = _library.Message(
        data=address_of(buffer),
        data_size=size,
        descriptors=cast(numbers, POINTER(c_int32)),
        descriptors_count=len(numbers),
        address=cast(c_char_p(address), c_void_p),
    )
    return message, view, (buffer, numbers, address)


def _fate(result: int) -> Union[int, Exception]:
    return result if result >= 0 else failure(result)
