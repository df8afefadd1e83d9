"""The poller of an event loop, and its members."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any, Optional, Union
from weakref import WeakKeyDictionary

from .._errors import failure
from .._library import library
from .._poller import Poller
from ._dispatch import FAILED, RECEIVED, Dispatch, Listener, Member
from ._readers import Readers

_add = library.udsock_poller_add


class Hub(Dispatch):
    """One poller for all transports of an event loop, which watches the poller's descriptor.

    It lives as long as the loop, or as one of its members.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        poller = Poller()
        super().__init__(loop, poller)
        self._handle = poller._handle
        self._readers = None if isinstance(loop, BaseSelectorEventLoop) else Readers(loop)
        self.is_final = self._readers is None
        # (Closed with the hub: the loop has no call for its own end.)
        weakref.finalize(self, poller.close)
        loop.add_reader(poller.fileno(), self._turn)

    def add(self, handle: int, member: Union[Member, Listener]) -> None:
        self.join(handle, member)
        code = _add(self._handle, handle, handle, 0)
        if code < 0:
            self.forget(handle)
            raise failure(code)

    def watch(self, handle: int) -> None:
        """Takes a connection that the poller has not accepted; it joins next."""
        code = _add(self._handle, handle, handle, 0)
        if code < 0:
            self._poller.drop(handle)
            raise failure(code)

    def pause(self, handle: int) -> None:
        """Receives nothing any more."""
        # (Not taken out: what it has received already would be lost.)
        self._poller.add(handle, handle, paused=True)

    def resume(self, handle: int) -> None:
        self._poller.add(handle, handle)

    def _move(self) -> None:
        moving, self._moving = self._moving, []
        for member in moving:
            # (Its end may have come with its last data.)
            sock = member._sock
            if self._readers is not None and sock.handle >= 0 and member.can_move():
                self.forget(sock.handle)
                member._hub = self._readers
                self._readers.join(sock.handle, member)

    # ---- What the accelerator leaves to Python

    def _drop(self, handle: int) -> None:
        self._poller.drop(handle)

    def _raise(self, code: int) -> None:
        raise failure(code)

    def _tell(self, member: Any, kind: int, code: int, data: bytes, name: bytes) -> None:
        """Tells a member what is not usual."""
        if kind == RECEIVED:
            member.received(data, name, code)
        elif kind == FAILED:
            member.failed(failure(code))


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
