"""What a poller reports goes to its members. The accelerator does the same in C."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional, Protocol, Union

from .._errors import failure
from .._library import library
from .._poller import Poller
from ._accelerated import types
from ._turn import Turn

RECEIVED = Poller.RECEIVED
FAILED = Poller.FAILED
_ACCEPTED = Poller.ACCEPTED
_ENDED = Poller.ENDED

_remove = library.udsock_poller_remove

Event = tuple[int, int, int, int, bytes, bytes]
"""Socket, token, kind, code, data, and the sender's address."""


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


def _event(room: Any, fields: tuple[int, ...]) -> Event:
    handle, token, kind, code, offset, length, name, name_length = fields
    data = room[offset : offset + length]
    return handle, token, kind, code, data, room[name : name + name_length]


class PlainDispatch(Turn):
    """A turn in which the members of a poller are told what has happened to their sockets."""

    is_final = False
    """Whether members stay here, however busy they are."""

    _move: Callable[[], None]
    """Has those that will move watched by the loop itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop, poller: Poller) -> None:
        super().__init__(loop)
        self._poller = poller
        self._members: dict[int, Any] = {}
        self._events: Optional[Iterator[Event]] = None
        self._moving: list[Any] = []

    def join(self, handle: int, member: Union[Member, Listener]) -> None:
        """Makes this a member: the poller has its socket already."""
        self._members[handle] = member

    def forget(self, handle: int) -> None:
        """Takes it out of the poller: nothing more that happens is told."""
        if self._members.pop(handle, None) is not None:
            # (It may be closed already, and so be out.)
            _remove(self._poller._handle, handle)

    def will_move(self, member: Any) -> None:
        """The member is busy: the loop will watch its socket by itself."""
        self._moving.append(member)

    def _turn(self) -> None:
        """Does what the events ask for."""
        self._is_turning = True
        try:
            poller = self._poller
            self._dispatch(self._events or map(partial(_event, poller._room), poller.wait_raw(0)))
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

    def _dispatch(self, events: Iterator[Event]) -> None:
        self._events = events
        members = self._members
        for handle, token, kind, code, data, name in events:
            member = members.get(token if kind == _ACCEPTED else handle)
            if member is None:
                if kind == _ACCEPTED:
                    self._poller.drop(handle)
                continue
            try:
                if kind == RECEIVED:
                    if code or name:
                        member.received(data, name, code)
                    else:
                        member.deliver(data)
                elif kind == _ACCEPTED:
                    member.accepted(handle)
                elif kind == _ENDED:
                    member.ended()
                elif kind == FAILED:
                    member.failed(failure(code))
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                member.broke(error)
        self._events = None


if TYPE_CHECKING or types is None:
    Dispatch = PlainDispatch
else:
    Dispatch = types.Dispatch
