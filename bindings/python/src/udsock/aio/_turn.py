"""What is written in one turn of a loop is sent at the end of the turn.

The accelerator does the same in C.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Callable, Protocol

from ._accelerated import types


class Sender(Protocol):
    def flush(self) -> None:
        """Sends what was written in this turn of the loop."""


class PlainTurn:
    """A turn of a loop, and what has something to send when it is over."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._senders: list[Sender] = []
        self._is_turning = False
        self._will_flush = False

    def will_flush(self, sender: Sender) -> None:
        """Has this flushed at the end of this turn of the loop."""
        self._senders.append(sender)
        if not self._is_turning:
            self.will_turn()

    def will_turn(self) -> None:
        """For a turn that is not the hub's own: has the end of the turn reported."""
        if not self._will_flush:
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

    def _call_soon(self, callback: Callable[[], None]) -> None:
        loop = self._loop()
        if loop is not None:
            loop.call_soon(callback)


if TYPE_CHECKING or types is None:
    Turn = PlainTurn
else:
    Turn = types.Turn
