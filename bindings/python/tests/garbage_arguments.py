"""Arguments that make no sense, beside some that do. Memory is as large as a length claims."""

from __future__ import annotations

import random
from ctypes import (
    POINTER,
    addressof,
    c_int32,
    c_int64,
    c_size_t,
    cast,
    create_string_buffer,
    sizeof,
)
from typing import Any

from udsock import _library
from udsock._library import Handle

ROOM = 1 << 16
NUMBERS = [0, 1, -1, 2, 7, 64, 255, 4096, 2**31 - 1, -(2**31), 2**31]
NUMBERS += [2**32, 2**53, 2**63 - 1, -(2**63)]
NAMES = [b"@a", b"a", b"b", b"@"]
TEXTS = [None, b"", b"@\\x00", b"@\\", b"./@a", b"dir", b"dir/c", b"file"]
TEXTS += [b"file/x", b"/", b"x" * 300, b"new/d", b"\xff\xfe", b"@" + b"y" * 108, b"/proc/self/exe"]
SIZES = [0, 1, 7, 100, 100, 1000, ROOM, 2**63, 2**64 - 1]
TIMEOUTS = [0, 0, 0, 1, -2, -(2**31)]
ACCOUNTS = [None, b"root", b"0", b"", b"nobody of this name"]


class Arguments:
    """Where arguments are taken from, and the handles that there are."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.choice = self.random.choice
        self.handles: list[int] = []
        self.pollers: list[int] = []
        self.closed: list[int] = []
        self.succeeded: set[str] = set()
        self.room = create_string_buffer(ROOM)
        # What a struct in `struct` points at.
        self.kept: Any = None
        self.numbers: Any = None
        self.name: Any = None
        self.struct: Any = create_string_buffer(ROOM)
        self.messages = (_library.Message * 4)()

    def handle(self) -> Handle:
        lot = self.random.random()
        if lot < 0.8 and self.handles:
            return Handle(self.choice(self.handles))
        if lot < 0.9 and self.closed:
            return Handle(self.choice(self.closed))
        return Handle(self.number(c_int64).value)

    def poller(self) -> Handle:
        lot = self.random.random()
        return Handle(self.choice(self.pollers)) if lot < 0.7 and self.pollers else self.handle()

    def number(self, kind: Any) -> Any:
        return kind(
            self.choice(NUMBERS) if self.random.random() < 0.8 else self.random.getrandbits(64)
        )

    def small(self) -> int:
        return self.random.randrange(0, 14)

    def memory(self) -> Any:
        return None if self.random.random() < 0.05 else self.room

    def size(self) -> c_size_t:
        return c_size_t(self.choice(SIZES))

    def timeout(self) -> c_int32:
        return c_int32(self.choice(TIMEOUTS))

    def text(self) -> Any:
        return self.choice(NAMES if self.random.random() < 0.6 else TEXTS)

    def error(self) -> Any:
        return POINTER(_library.Error)(_library.Error()) if self.random.random() < 0.5 else None

    def sized(self, made: Any) -> Any:
        """A pointer to a struct with a size that may be wrong, and room behind it."""
        if self.random.random() < 0.1:
            return None
        self.struct[: sizeof(made)] = bytes(made)
        self.kept = made
        place = cast(self.struct, POINTER(type(made)))
        if self.random.random() < 0.1:
            place.contents.size = self.choice(
                [0, 1, 4, 8, sizeof(made) - 1, sizeof(made) + 8, 4096]
            )
        return place

    def bind_options(self) -> Any:
        made = _library.BindOptions(
            flags=self.small() if self.random.random() < 0.3 else 0,
            mode=self.choice([*[0] * 6, 0o600, 0o7777, 2**31]),
            backlog=self.number(c_int32).value,
            user=self.choice(ACCOUNTS) if self.random.random() < 0.1 else None,
            group=self.choice(ACCOUNTS) if self.random.random() < 0.1 else None,
        )
        return self.sized(made)

    def connect_options(self) -> Any:
        # No time, and -1, is for ever where there is no room: so one is always given, or
        # the struct is long enough for a flag that says not to wait.
        made = _library.ConnectOptions(
            flags=self.choice([0, 0, 0, 2, 2, 2, 1, 3, 4]),
            timeout_ms=self.choice([*[1] * 9, -2]),
            reserved=self.choice([*[0] * 9, 1]),
            local_address=self.text() if self.random.random() < 0.1 else None,
        )
        self.kept = made
        place = _library.ConnectOptions.from_buffer(self.struct)
        self.struct[: sizeof(made)] = bytes(made)
        if self.random.random() < 0.1:
            place.size = self.choice([1, 8, sizeof(made) + 8, 4096])
            place.flags = _library.DONT_WAIT
        return POINTER(_library.ConnectOptions)(place)

    def message(self, message: Any) -> Any:
        message.size = (
            sizeof(message) if self.random.random() < 0.9 else self.choice([0, 96, 112, 8])
        )
        message.flags = self.choice([0, 0, 0, 1, 2, 4])
        message.data = self.choice([None, *[addressof(self.room)] * 9])
        message.data_capacity = message.data_size = 0
        message.data_capacity = self.size().value
        message.data_size = self.size().value
        message.descriptors = self.numbers if self.random.random() < 0.9 else None
        message.descriptors_capacity = self.choice([0, 1, 300])
        message.descriptors_count = self.choice([0, 0, 0, 1, 254, 300, 2**64 - 1])
        message.address = None if self.random.random() < 0.7 else addressof(self.name)
        message.address_capacity = self.choice([0, 1, 100, 4096])
        message.reserved = self.choice([0, 0, 0, 1])
        return message
