"""What went through a socket, a server or a poller."""

from __future__ import annotations

from ctypes import byref
from typing import Any, NamedTuple

from . import _library
from ._errors import failure
from ._library import library


class Counters(NamedTuple):
    """Everything since the handle was made, except `kept_bytes`, which is kept now."""

    sent_bytes: int
    sent_messages: int
    """Of a stream, how many system calls it took."""
    received_bytes: int
    received_messages: int
    sleeps: int
    """How often a thread fell asleep in a wait."""
    spins_paid: int
    """How often trying again before a sleep has found what was waited for."""
    spins_lost: int
    """How often it has not."""
    accepted: int
    refused: int
    kept_bytes: int
    """What a poller keeps now, since it found no room."""
    kept_bytes_most: int
    dropped: int
    """Datagrams that a poller had kept and that could not be delivered."""


def counters_of(handle: Any) -> Counters:
    found = _library.Counters()
    code = library.udsock_get_counters(handle, byref(found))
    if code < 0:
        raise failure(code)
    return Counters(*[getattr(found, name) for name in Counters._fields])
