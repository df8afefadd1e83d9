"""The poller of an event loop, and who is in it."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from typing import Any, Callable, Iterator, Optional, Protocol, Union
from weakref import WeakKeyDictionary

from .._errors import failure
from .._poller import Poller

_RECEIVED = Poller.RECEIVED
_ACCEPTED = Poller.ACCEPTED
_ENDED = Poller.ENDED
_FAILED = Poller.FAILED


class Member(Protocol):
    """Who is told what happens to a socket."""

    @property
    def deliver(self) -> Callable[[bytes], Any]:
        """Takes what was received."""

    def received(self, data: bytes, address: bytes, code: int) -> None:
        """The same, with an address or an error."""

    def ended(self) -> None: ...

    def failed(self, error: Exception) -> None: ...

    def broke(self, error: BaseException) -> None:
        """One of the others raised this."""


class Listener(Protocol):
    """Who is told of a server's connections."""

    def accepted(self, handle: int) -> None: ...

    def failed(self, error: Exception) -> None: ...

    def broke(self, error: BaseException) -> None: ...


class Sender(Protocol):
    def flush(self) -> None:
        """Sends what was written in this turn of the loop."""


class Hub:
    """One poller for all transports of an event loop, which watches its descriptor.

    It lives as long as the loop or somebody who is in it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._poller = Poller()
        self._room = self._poller._room
        self._members: dict[int, Any] = {}
        self._events: Optional[Iterator[tuple[int, ...]]] = None
        self._senders: list[Sender] = []
        self._is_turning = False
        self._will_flush = False
        # (Closed with the hub: the loop has no call for its own end.)
        weakref.finalize(self, self._poller.close)
        loop.add_reader(self._poller.fileno(), self._turn)

    def add(self, handle: int, member: Union[Member, Listener]) -> None:
        self._members[handle] = member
        try:
            self._poller.add(handle, handle)
        except BaseException:
            del self._members[handle]
            raise

    def join(self, handle: int, member: Member) -> None:
        """Of a connection that the poller has accepted."""
        self._members[handle] = member

    def pause(self, handle: int) -> None:
        """Nothing is received any more."""
        # (Not taken out: what it has received already would be lost.)
        self._poller.add(handle, handle, paused=True)

    def resume(self, handle: int) -> None:
        self._poller.add(handle, handle)

    def forget(self, handle: int) -> None:
        """Before the socket is closed, which takes it out of the poller."""
        self._members.pop(handle, None)

    def will_flush(self, sender: Sender) -> None:
        """At the end of this turn of the loop."""
        self._senders.append(sender)
        if not self._is_turning and not self._will_flush:
            self._will_flush = True
            self._call_soon(self._flush)

    def _flush(self) -> None:
        self._will_flush = False
        try:
            # It may grow meanwhile.
            for sender in self._senders:
                sender.flush()
        except BaseException:
            self._call_soon(self._flush)
            raise
        self._senders.clear()

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

    def _call_soon(self, callback: Callable[[], None]) -> None:
        loop = self._loop()
        if loop is not None:
            loop.call_soon(callback)

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
    """In a forked child: a thread that only the parent has may have had it."""
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
