"""recvmsg and sendmsg, with ancillary data as socket.socket has it."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import ExitStack
from ctypes import byref, create_string_buffer, memmove
from operator import index
from typing import Any, Iterable, Optional

from . import _library
from ._address import Address, ReturnedAddress, from_text, to_text
from ._library import Buffer, library
from ._messages import Inbox, Messages
from ._transfer import CMSG_CLOEXEC, UNKNOWN_FLAGS, checked_size, counted, writable

Ancillary = list[tuple[int, int, bytes]]
Parts = tuple[int, Ancillary, int, Optional[ReturnedAddress]]

_TRUNC = int(socket.MSG_TRUNC)
_CTRUNC = int(socket.MSG_CTRUNC)
_FD = struct.Struct("i")
_CREDENTIALS = struct.Struct("iII")
_SCM_CREDENTIALS = 2
_SCM_PIDFD = 4
# What the library turns on for seqpacket sockets. Nobody has asked for it.
_SCM_TIMESTAMP = 29
_TIMESTAMP_SIZE = 16


class AncillaryData(Messages):
    """A socket's messages with ancillary data."""

    __slots__ = ()

    def recvmsg(
        self, bufsize: int, ancbufsize: int = 0, flags: int = 0, /
    ) -> tuple[bytes, Ancillary, int, Optional[ReturnedAddress]]:
        """A message and its ancillary data. Descriptors are close-on-exec."""
        size = checked_size(bufsize, "recvmsg")
        room: Any = create_string_buffer(max(size, 1))
        count, ancillary, flags, address = self._receive_parts(room, size, ancbufsize, flags)
        return room[:count], ancillary, flags, address

    def recvmsg_into(
        self, buffers: Iterable[Buffer], ancbufsize: int = 0, flags: int = 0, /
    ) -> Parts:
        """The same, into buffers that are filled in turn."""
        with ExitStack() as views:
            rooms = []
            for buffer in buffers:
                at, size, view = writable(buffer, 0, "recvmsg_into")
                views.enter_context(view)
                rooms.append((at, size))
            total = sum(size for _, size in rooms)
            room = create_string_buffer(max(total, 1))
            parts = self._receive_parts(room, total, ancbufsize, flags)
            done = 0
            for at, size in rooms:
                came = min(size, parts[0] - done)
                if came:
                    memmove(at, byref(room, done), came)
                done += came
        return parts

    def sendmsg(
        self,
        buffers: Iterable[Buffer],
        ancdata: Iterable[tuple[int, int, Buffer]] = (),
        flags: int = 0,
        address: Optional[Address] = None,
        /,
    ) -> int:
        """Sends the buffers as one message, with descriptors (SCM_RIGHTS)."""
        data = b"".join([memoryview(part) for part in buffers])
        items = [_item(item) for item in ancdata]
        descriptors = _descriptors(items)
        flags = index(flags)
        if self._send_limit(flags) is not None and descriptors is not None:
            return self.send_message(data, descriptors, address, flags=flags)
        name = () if address is None else (from_text(to_text(address)),)
        act = lambda raw, flags: raw.sendmsg([data], items, flags, *name)  # noqa: E731
        return self._raw_send(flags, act)

    def _receive_parts(self, room: Any, size: int, ancillary_size: int, flags: int) -> Parts:
        ancillary_size, flags = index(ancillary_size), index(flags)
        if ancillary_size < 0:
            raise ValueError("invalid ancillary data buffer length")
        if not size or flags & UNKNOWN_FLAGS:
            return self._raw_parts(room, size, ancillary_size, flags)
        left = _Left(ancillary_size)
        if ancillary_size and self._has(_library.OPTION_RECEIVE_CREDENTIALS):
            left.take(_CREDENTIALS.size)
        inbox = Inbox(_library.Message(), room, size, left.descriptors())
        count = self._receive_message(inbox, flags)
        if count < 0:
            return counted(count, 0), [], 0, None
        items, is_cut = _items(inbox, ancillary_size)
        message_flags = _TRUNC if inbox.message.flags & _library.TRUNCATED else 0
        if is_cut or inbox.message.flags & _library.FDS_LOST:
            message_flags |= _CTRUNC
        return count, items, message_flags, inbox.sender()

    def _raw_parts(self, room: Any, size: int, ancillary_size: int, flags: int) -> Parts:
        view = memoryview(room).cast("B")[:size]
        if self._kind == socket.SOCK_SEQPACKET:
            ancillary_size += socket.CMSG_SPACE(_TIMESTAMP_SIZE)
        count, items, flags, address = self._raw_receive(
            flags | CMSG_CLOEXEC,
            lambda raw, flags: raw.recvmsg_into([view], ancillary_size, flags),
        )
        items = [item for item in items if item[:2] != (socket.SOL_SOCKET, _SCM_TIMESTAMP)]
        return count, items, flags & ~CMSG_CLOEXEC, address

    def _has(self, option: int) -> bool:
        value: int = library.udsock_get_option(self._handle, option)
        return value > 0


class _Left:
    """The room that is left of an ancillary buffer, counted as the kernel does."""

    def __init__(self, size: int) -> None:
        self.size = size

    def room(self) -> int:
        """How much data of one item there is room for."""
        return max(0, self.size - socket.CMSG_LEN(0))

    def take(self, size: int) -> None:
        self.size = max(0, self.size - socket.CMSG_SPACE(size))

    def descriptors(self) -> int:
        return self.room() // _FD.size


def _items(inbox: Inbox, ancillary_size: int) -> tuple[Ancillary, bool]:
    """What came, and whether something did not fit."""
    message, left = inbox.message, _Left(ancillary_size)
    items: Ancillary = []
    is_cut = False
    who = message.credentials
    if who.pid or who.uid != _library.UNKNOWN or who.gid != _library.UNKNOWN:
        packed = _CREDENTIALS.pack(who.pid, who.uid, who.gid)
        is_cut = left.room() < len(packed)
        if left.size >= socket.CMSG_LEN(0):
            items.append((socket.SOL_SOCKET, _SCM_CREDENTIALS, packed[: left.room()]))
        left.take(len(packed))
    descriptors = inbox.taken()
    if descriptors:
        packed = b"".join(map(_FD.pack, descriptors))
        items.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, packed))
        left.take(len(packed))
    if message.pidfd >= 0:
        if left.room() >= _FD.size:
            items.append((socket.SOL_SOCKET, _SCM_PIDFD, _FD.pack(message.pidfd)))
        else:
            os.close(message.pidfd)
            is_cut = True
    return items, is_cut


def _item(item: Any) -> tuple[int, int, bytes]:
    if not isinstance(item, tuple) or len(item) != 3:
        raise TypeError("sendmsg() argument 2 must be an iterable of 3-tuples")
    level, kind, data = item
    return index(level), index(kind), bytes(memoryview(data))


def _descriptors(items: Ancillary) -> Optional[list[int]]:
    """The descriptors to pass. None: there is something else, which the library lacks."""
    descriptors: list[int] = []
    for level, kind, data in items:
        if (level, kind) != (socket.SOL_SOCKET, socket.SCM_RIGHTS) or len(data) % _FD.size:
            return None
        descriptors.extend(number for (number,) in _FD.iter_unpack(data))
    return descriptors
