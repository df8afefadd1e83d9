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
from .._poller import NextEvent, Poller, adds_to, waits_for
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
        self._add = adds_to(self._poller)
        self._wait = waits_for(self._poller)
        self._members: dict[int, Any] = {}
        self._events: Optional[Iterator[NextEvent]] = None
        self._readers = None if isinstance(loop, BaseSelectorEventLoop) else Readers(loop)
        self.is_final = self._readers is None
        self._moving: list[Any] = []
        # (Closed with the hub: the loop has no call for its own end.)
        weakref.finalize(self, self._poller.close)
        loop.add_reader(self._poller.fileno(), self._turn)

    def add(self, sock: Socket, member: Union[Member, Listener]) -> None:
        handle = sock.handle
        self._members[handle] = member
        code = self._add(handle)
        if code < 0:
            del self._members[handle]
            raise failure(code)

    def watch(self, handle: int) -> None:
        """Takes a connection that the poller has not accepted; it joins next."""
        code = self._add(handle)
        if code < 0:
            self._poller.drop(handle)
            raise failure(code)

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
            events = self._events or self._wait()
            if type(events) is int:
                raise failure(events)
            self._dispatch(events)
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

    def _dispatch(self, events: Iterator[NextEvent]) -> None:
        self._events = events
        members = self._members
        for handle, token, kind, code, data, name in events:
            member = members.get(token if kind == _ACCEPTED else handle)
            if member is None:
                if kind == _ACCEPTED:
                    self._poller.drop(handle)
                continue
            try:
                if kind == _RECEIVED:
                    if code or name:
                        member.received(data, name, code)
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


_latest: Optional[tuple[Any, weakref.ref[Hub]]] = None
"""Mostly a program has one loop: weak references to it and to its hub."""

_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Hub]] = WeakKeyDictionary()
_lock = threading.Lock()


def _renew_lock() -> None:
    """Makes a new lock in a forked child: a thread of the parent may hold the old one."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def hub_of(loop: asyncio.AbstractEventLoop) -> Hub:
    global _latest
    latest = _latest
    if latest is not None and latest[0]() is loop:
        hub = latest[1]()
        if hub is not None:
            return hub
    with _lock:
        known = _hubs.get(loop)
        hub = known() if known is not None else None
        if hub is None:
            hub = Hub(loop)
            _hubs[loop] = weakref.ref(hub)
        _latest = weakref.ref(loop), _hubs[loop]
        return hub
