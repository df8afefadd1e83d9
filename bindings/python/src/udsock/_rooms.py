"""Buffers to receive into, which are used again and again."""

from __future__ import annotations

from collections import deque
from ctypes import create_string_buffer
from typing import Any

ROOM = 65536
"""Up to this size, data is received into a room that is used again."""

_rooms: "deque[Any]" = deque(maxlen=16)


def room_for(size: int) -> Any:
    """A buffer of at least this size that nobody else uses."""
    if size > ROOM:
        return create_string_buffer(size)
    try:
        return _rooms.pop()
    except IndexError:
        return create_string_buffer(ROOM)


def done_with(room: Any) -> None:
    if len(room) == ROOM:
        _rooms.append(room)
