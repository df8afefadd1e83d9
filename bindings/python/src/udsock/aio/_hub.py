"""The poller of an event loop, and its members."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any, Callable, Iterator, Optional, Protocol, Union
from weakref import WeakKeyDictionary

from .._errors import failure
from .._poller import Poller
from .._socket import Socket
from ._readers import Readers
from ._turn import Turn

_RECEIVED = Poller.RECEIVED
_ACCEPTED = Poller.ACCEPTED
_ENDED = Poller.ENDED
_FAILED = Poller.FAILED


class Member(Protocol):
    """An object that is told what happens to its socket."""

    @property
    def deliver(self) -> Callable[[bytes], Any]:
        """Takes what was received."""

    def received(self, data: bytes, address: bytes, code: int) -> None:
        """The same, with an address or an error."""

    def ended(self) -> None: ...

    def failed(self, error: Exception) -> None: ...

    def broke(self, error: BaseException) -> None:
        """Another method has raised this."""


class Listener(Protocol):
    """An object that is told of a server's connections."""

    def accepted(self, handle: int) -> None: ...

    def failed(self, error: Exception) -> None: ...

    def broke(self, error: BaseException) -> None: ...


class Hub(Turn):
    """One poller for all transports of an event loop, which watches the poller's descriptor.

    It lives as long as the loop, or as one of its members.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._poller = Poller()
        self._room = self._poller._room
        self._members: dict[int, Any] = {}
        self._events: Optional[Iterator[tuple[int, ...]]] = None
        self._readers = None if isinstance(loop, BaseSelectorEventLoop) else Readers(loop)
        self.is_final = self._readers is None
        self._moving: list[Any] = []
        # (Closed with the hub: the loop has no call for its own end.)
        weakref.finalize(self, self._poller.close)
        loop.add_reader(self._poller.fileno(), self._turn)

    def add(self, sock: Socket, member: Union[Member, Listener]) -> None:
        handle = sock.handle
        self._members[handle] = member
        try:
            self._poller.add(handle, handle)
        except BaseException:
            del self._members[handle]
            raise

    def join(self, sock: Socket, member: Member) -> None:
        """Makes a connection that the poller has accepted a member."""
        self._members[sock.handle] = member

    def pause(self, handle: int) -> None:
        """Receives nothing any more."""
        # (Not taken out: what it has received already would be lost.)
        self._poller.add(handle, handle, paused=True)

    def resume(self, handle: int) -> None:
        self._poller.add(handle, handle)

    def forget(self, handle: int) -> None:
        """To be called before the socket is closed, which takes it out of the poller."""
        self._members.pop(handle, None)

    def will_move(self, member: Any) -> None:
        """The member is busy: the loop will watch its socket by itself."""
        self._moving.append(member)

    def _move(self) -> None:
        moving, self._moving = self._moving, []
        for member in moving:
            # (Its end may have come with its last data.)
            sock = member._sock
            if self._readers is not None and sock.handle >= 0 and member.can_move():
                self._poller.remove(sock.handle)
                self.forget(sock.handle)
                member._hub = self._readers
                self._readers.join(sock, member)

    def _turn(self) -> None:
        """Does what the events ask for."""
        self._is_turning = True
        try:
            self._dispatch(self._events or self._poller.wait_raw(0))
        except BaseException:
            # KeyboardInterrupt, say. If the loop runs again the other events have their turn.
            if self._events is not None:
                self._call_soon(self._turn)
            raise
        finally:
            self._is_turning = False
            self._flush()
            # (What it has received already is delivered first.)
            if self._moving and self._events is None:
                self._move()

    def _dispatch(self, events: Iterator[tuple[int, ...]]) -> None:
        self._events = events
        members, room = self._members, self._room
        for handle, token, kind, code, offset, length, name, name_length in events:
            member = members.get(token if kind == _ACCEPTED else handle)
            if member is None:
                if kind == _ACCEPTED:
                    self._poller.drop(handle)
                continue
            try:
                if kind == _RECEIVED:
                    data = room[offset : offset + length]
                    if code or name_length:
                        member.received(data, room[name : name + name_length], code)
                    else:
                        member.deliver(data)
                elif kind == _ACCEPTED:
                    member.accepted(handle)
                elif kind == _ENDED:
                    member.ended()
                elif kind == _FAILED:
                    member.failed(failure(code))
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                member.broke(error)
        self._events = None


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Hub]] = WeakKeyDictionary()
_lock = threading.Lock()


def _renew_lock() -> None:
    """Makes a new lock in a forked child: a thread of the parent may hold the old one."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def hub_of(loop: asyncio.AbstractEventLoop) -> Hub:
    with _lock:
        known = _hubs.get(loop)
        hub = known() if known is not None else None
        if hub is None:
            hub = Hub(loop)
            _hubs[loop] = weakref.ref(hub)
        return hub
