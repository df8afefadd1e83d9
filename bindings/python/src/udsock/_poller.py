"""A poller: one call waits for many sockets and returns their data, one call sends answers."""

from __future__ import annotations

import errno
import os
import warnings
from ctypes import byref, c_char, c_size_t
from struct import Struct
from time import monotonic
from typing import TYPE_CHECKING, Any, Iterable, Iterator, NamedTuple, Optional, Union

from . import _library
from ._address import Address, to_text
from ._counters import Counters, counters_of
from ._errors import failure
from ._library import NO_HANDLE, Buffer, Handle, int64, library, uint32, uint64
from ._plain import milliseconds
from ._socket import Socket
from ._transfer import readable

if TYPE_CHECKING:
    from typing_extensions import Self

AnySocket = Union[Socket, int]
"""A socket, or the number of one that a poller has accepted."""

_SCARCITY = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC)

_EINTR = -errno.EINTR
_ETIMEDOUT = -errno.ETIMEDOUT

_wait = library.udsock_poller_wait
_send = library.udsock_poller_send


class Event(NamedTuple):
    """What happened to a socket."""

    kind: int
    """Poller.ACCEPTED and its like."""
    socket: int
    """The socket's number: its `handle`."""
    token: int
    """What was given to `add` for it; for one that was accepted, for its server."""
    data: bytes
    address: str
    """Who sent the datagram, as the library writes it. "": it has no name."""
    error: Optional[Exception]
    """Why the socket failed; what was wrong with the message."""

    @property
    def is_over(self) -> bool:
        """Whether the socket is to be closed: the peer sends no more, or the socket failed.

        It is False for a server that fails for want of descriptors or memory: that stays, and goes
        on.
        """
        return self.kind == _library.EVENT_ENDED or (
            self.kind == _library.EVENT_FAILED and not self._is_starved()
        )

    def _is_starved(self) -> bool:
        if not isinstance(self.error, OSError) or self.error.errno not in _SCARCITY:
            return False
        is_server: int = library.udsock_get_option(Handle(self.socket), _library.OPTION_LISTENING)
        return is_server > 0


class Poller:
    """Waits for many sockets at once. A server's connections become members as they come.

    Only one thread may use it; other threads may call only `add`, `remove` and `wake`. Accepted
    connections belong to the program, by their numbers: `drop` closes one, and `take` makes a
    Socket of it.

    `capacity`: how many events one wait returns at most. `arena_size`: how many bytes of data.
    `send_limit`: how many bytes are kept for one socket that does not take them (0: 1 MiB).
    `receive_size`: how many bytes of a stream one event has at most (0: 64 KiB).
    """

    ACCEPTED = _library.EVENT_ACCEPTED
    RECEIVED = _library.EVENT_RECEIVED
    DRAINED = _library.EVENT_DRAINED
    ENDED = _library.EVENT_ENDED
    FAILED = _library.EVENT_FAILED
    READY = _library.EVENT_READY

    THEN_SHUTDOWN = _library.THEN_SHUTDOWN
    THEN_CLOSE = _library.THEN_CLOSE
    DONT_KEEP = _library.DONT_KEEP

    EVENT = Struct("=qQIiIIII")
    """As `wait_raw` reads: socket, token, kind, code, offset and length of the data, offset
    and length of the sender's address."""

    ITEM = Struct("=qIIIIIIq")
    """As `send_raw` takes: socket, offset and length of the data, offset and length of the
    address to send to, THEN_..., 0, and the result."""

    __slots__ = (
        "arena", "items", "_handle", "_room", "_room_at", "_room_size", "_events", "_events_at",
        "_capacity", "_items_at",
    )  # fmt: skip

    def __init__(
        self,
        *,
        capacity: int = 1024,
        arena_size: int = 1 << 20,
        send_limit: int = 0,
        receive_size: int = 0,
    ) -> None:
        self._handle = NO_HANDLE
        if capacity < 1 or arena_size < 1:
            raise ValueError("a poller needs room for an event and its data")
        options = _library.PollerOptions(
            send_limit=uint64(send_limit), receive_size=uint64(receive_size)
        )
        # Made once: ctypes would make them anew for each call.
        arena = bytearray(arena_size)
        self.arena = memoryview(arena).toreadonly()
        self._room: Any = (c_char * arena_size).from_buffer(arena)
        self._room_at = byref(self._room)
        self._room_size = c_size_t(arena_size)
        events = bytearray(capacity * self.EVENT.size)
        self._events = memoryview(events)
        self._events_at = byref(c_char.from_buffer(events))
        self._capacity = c_size_t(capacity)
        self.items = bytearray(capacity * self.ITEM.size)
        self._items_at = byref(c_char.from_buffer(self.items))
        handle = library.udsock_poller_create(byref(options))
        if handle < 0:
            raise failure(handle)
        self._handle = Handle(handle)

    # ---- Members

    def add(
        self,
        sock: AnySocket,
        token: int = 0,
        *,
        readiness: bool = False,
        duplex: bool = False,
        paused: bool = False,
    ) -> None:
        """Adds a socket, or gives a member this token and these settings.

        `readiness`: the poller only reports READY, and the program receives or accepts. `duplex`:
        the poller receives from the socket even while it keeps something for it; a server's
        connections have the server's setting. `paused`: nothing is received (or accepted) for now;
        what is kept is still sent.
        """
        flags = _library.POLLER_READINESS * bool(readiness) | _library.POLLER_DUPLEX * bool(duplex)
        flags |= _library.POLLER_PAUSED * bool(paused)
        _check(library.udsock_poller_add(self._handle, _number(sock), uint64(token), flags))

    def remove(self, sock: AnySocket) -> None:
        """Takes a socket out. What was kept for it is dropped."""
        _check(library.udsock_poller_remove(self._handle, _number(sock)))

    def drop(self, sock: int) -> None:
        """Closes a connection that this poller has accepted."""
        _check(library.udsock_close(Handle(int64(sock))))

    def take(self, sock: int) -> Socket:
        """Makes a Socket of a connection that this poller has accepted; it stays a member."""
        handle = int64(sock)
        kind = library.udsock_get_option(Handle(handle), _library.OPTION_KIND)
        _check(kind)
        return Socket._from_handle(handle, kind)

    # ---- Waiting

    def wait(self, timeout: Optional[float] = None) -> list[Event]:
        """Returns what has happened; nothing if the time ran out, or after `wake`."""
        return [self._event(*fields) for fields in self.wait_raw(timeout)]

    def wait_raw(self, timeout: Optional[float] = None) -> Iterator[tuple[int, ...]]:
        """The same, as tuples of numbers (EVENT). The data is in `arena` until the next wait."""
        count = self._wait(milliseconds(timeout))
        return self.EVENT.iter_unpack(self._events[: count * self.EVENT.size])

    def _wait(self, limit: int) -> int:
        end = monotonic() + limit / 1000 if limit > 0 else None
        while True:
            count: int = _wait(
                self._handle, self._events_at, self._capacity, self._room_at, self._room_size, limit
            )
            if count >= 0:
                return count
            if count == _ETIMEDOUT:
                return 0
            if count != _EINTR:
                raise failure(count)
            if end is not None:
                limit = milliseconds(max(0.0, end - monotonic()))

    def _event(
        self,
        number: int,
        token: int,
        kind: int,
        code: int,
        offset: int,
        length: int,
        address_offset: int,
        address_length: int,
    ) -> Event:
        address = self._room[address_offset : address_offset + address_length]
        return Event(
            kind,
            number,
            token,
            self._room[offset : offset + length],
            os.fsdecode(address),
            failure(code) if code else None,
        )

    def wake(self) -> None:
        """Ends this wait, or the next one. Any thread may call it."""
        _check(library.udsock_poller_wake(self._handle))

    @property
    def counters(self) -> Counters:
        """What went through the poller's own calls."""
        return counters_of(self._handle)

    def fileno(self) -> int:
        """A descriptor that is readable when a wait would return events. -1: it was closed."""
        fd: int = library.udsock_poller_fd(self._handle)
        return fd if fd >= 0 else -1

    # ---- Sending

    def send(
        self, sock: AnySocket, data: Buffer, address: Optional[Address] = None, *, then: int = 0
    ) -> None:
        """Sends without waiting. What can't be sent at once is kept, and sent later.

        `then`: THEN_SHUTDOWN or THEN_CLOSE, after everything was sent. BlockingIOError:
        `send_limit` is reached; DRAINED says when to go on. On a stream, no data with DONT_KEEP
        asks whether something is kept.
        """
        [result] = self._sent([(sock, data, address, then)])
        if result < 0:
            raise failure(result)

    def send_many(self, items: Iterable[tuple[AnySocket, Buffer]]) -> list[int]:
        """Sends to many sockets in one call. Returns each item's length, or a negative errno."""
        return self._sent([(sock, data, None, 0) for sock, data in items])

    def _sent(self, items: list[tuple[AnySocket, Any, Optional[Address], int]]) -> list[int]:
        parts: list[bytes] = []
        packed = bytearray(len(items) * self.ITEM.size)
        end = 0
        for place, (sock, data, address, then) in enumerate(items):
            start = end
            parts.append(data if isinstance(data, bytes) else bytes(memoryview(data)))
            end = name_start = start + len(parts[-1])
            if address is not None:
                parts.append(to_text(address))
                end += len(parts[-1])
            numbers = (_number(sock), start, name_start - start, name_start, end - name_start)
            self.ITEM.pack_into(packed, place * self.ITEM.size, *numbers, uint32(then), 0, 0)
        base = b"".join(parts)
        packed_at = byref(c_char.from_buffer(packed)) if packed else None
        code = _send(self._handle, packed_at, c_size_t(len(items)), base, c_size_t(len(base)))
        _check(code)
        return [result for *_, result in self.ITEM.iter_unpack(packed)]

    def send_raw(self, count: int, base: Optional[Buffer] = None) -> int:
        """Sends the first `count` items packed (ITEM) in `items`. Returns how many were taken.

        `base`: what the items' offsets count from; None: the arena.
        """
        if not 0 <= count <= len(self.items) // self.ITEM.size:
            raise ValueError("there is no room for so many items")
        if base is None:
            taken = self._send_items(count, self._room_at, self._room_size)
        else:
            at, size, view = readable(base)
            with view:
                taken = self._send_items(count, at, c_size_t(size))
        _check(taken)
        return taken

    def _send_items(self, count: int, base: Any, size: Any) -> int:
        taken: int = _send(self._handle, self._items_at, c_size_t(count), base, size)
        return taken

    # ---- The end

    def close(self) -> None:
        """Closes the poller. Its members stay open."""
        handle, self._handle = self._handle, NO_HANDLE
        if handle.value >= 0:
            _check(library.udsock_close(handle))

    def __reduce__(self) -> Any:
        # A copy would close this one's poller.
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self._handle.value >= 0:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            self.close()


def _number(sock: AnySocket) -> int:
    return sock.handle if isinstance(sock, Socket) else int64(sock)


def _check(code: int) -> None:
    if code < 0:
        raise failure(code)
