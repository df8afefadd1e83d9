"""Calls every function of the library through ctypes with arguments that make no sense.

    python garbage.py CALLS SEED HEADER

Memory is always as large as a length claims, and structs point at such memory. Every result
has to be a code that the header documents. The same seed makes the same calls. To be run in
a directory of its own, which it fills.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from ctypes import (
    addressof,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    create_string_buffer,
    sizeof,
)
from typing import Any, Callable

from udsock import _library
from udsock._library import Handle, library

from garbage_arguments import ACCOUNTS, ROOM, Arguments

MOST_HANDLES = 64
# What is expensive (it looks through /proc, as long as the machine has descriptors, or locks a
# directory) is rarer, and so is what
# would leave few sockets to call anything on.
WEIGHTS = {
    "udsock_inspect": 0.01,
    "udsock_cleanup": 0.02,
    "udsock_poller_create": 0.1,
    "udsock_close": 0.5,
    "udsock_release": 0.1,
    "udsock_shutdown": 0.1,
    "udsock_disown": 0.1,
    "udsock_create": 0.3,
}

# Nothing is adopted, no service manager is there, nor a security module, perhaps.
NEVER = {"udsock_adopt", "udsock_activated_name", "udsock_peer_label"}


def hear(_: Any, told: Any) -> None:
    """What it is told makes sense."""
    if not told.contents.text or not 1 <= told.contents.level <= 4:
        os._exit(1)


HEAR = _library.LogCallback(hear)


class Garbage(Arguments):
    """The calls."""

    def take(self, handle: int) -> int:
        if handle > 0:
            self.handles.append(handle)
        return handle

    def close_fd(self, fd: int) -> int:
        if fd >= 0:
            os.close(fd)
        return fd

    def close(self) -> int:
        handle = self.handle()
        code: int = library.udsock_close(handle)
        if handle.value in self.handles:
            self.handles.remove(handle.value)
            self.closed = self.closed[-20:] + [handle.value]
        return code

    def release(self) -> int:
        handle = self.handle()
        fd = self.close_fd(library.udsock_release(handle))
        if handle.value in self.handles and fd >= 0:
            self.handles.remove(handle.value)
        return fd

    def pair(self) -> int:
        two = (c_int64 * 2)()
        code: int = library.udsock_open_pair(self.choice([1, 2, 5, 0, 9]), two)
        for handle in two:
            self.take(handle)
        return code

    def recv_messages(self, call: Any, count: int, *size: Any) -> int:
        message = self.messages[0]
        stride = message.size
        came: int = call(self.handle(), self.messages, *size, self.timeout())
        if came >= 0 and stride in (sizeof(message), 96):
            for index in range(came if count > 1 else 1):
                message = self.messages[index]
                for number in range(message.descriptors_count if message.descriptors else 0):
                    os.close(message.descriptors[number])
                if stride == sizeof(message) and message.pidfd >= 0:
                    os.close(message.pidfd)
        return came

    def some_messages(self) -> None:
        self.numbers = (c_int32 * 300)(*[self.choice([-1, 0, 9999]) for _ in range(300)])
        self.name = create_string_buffer(self.text() or b"", 4096)
        for message in self.messages:
            self.message(message)
        # They share one room for descriptors: only the first gets some.
        for message in self.messages[1:]:
            message.size = self.messages[0].size
            message.descriptors_capacity = 0

    def recv_message(self) -> int:
        self.some_messages()
        return self.recv_messages(library.udsock_recv_message, 1)

    def recv_batch(self) -> int:
        self.some_messages()
        if self.messages[0].size != sizeof(_library.Message):
            return 0
        return self.recv_messages(library.udsock_recv_batch, 4, c_size_t(self.choice([0, 1, 4])))

    def send_message(self) -> int:
        self.some_messages()
        code: int = library.udsock_send_message(self.handle(), self.messages, self.timeout())
        return code

    def send_batch(self) -> int:
        self.some_messages()
        if self.messages[0].size != sizeof(_library.Message):
            return 0
        count = c_size_t(self.choice([0, 1, 4]))
        code: int = library.udsock_send_batch(self.handle(), self.messages, count, self.timeout())
        return code

    def vector(self, call: Any) -> int:
        # 16 bytes each: data, size.
        parts = (c_uint64 * 8)()
        for index in range(4):
            parts[2 * index] = self.choice([0, addressof(self.room)])
            parts[2 * index + 1] = self.size().value
        count = self.choice([0, 1, 4, 2**63])
        code: int = call(self.handle(), parts, c_size_t(count), self.timeout())
        return code

    def poller_create(self) -> int:
        options = _library.PollerOptions(flags=self.choice([0, 0, 1]))
        handle = self.take(library.udsock_poller_create(self.sized(options)))
        self.pollers = self.pollers[-5:] + [handle] * (handle > 0)
        return handle

    def poller_send(self) -> int:
        items = (_library.Outgoing * 3)()
        for item in items:
            item.socket = self.handle().value
            item.offset, item.length = self.choice([0, 5, ROOM, 2**32 - 1]), self.choice(
                [0, 9, ROOM]
            )
            item.address_length = self.choice([0, 0, 3, 2**32 - 1])
            item.flags, item.reserved = self.choice([0, 0, 1, 2, 3, 4]), self.choice([0, 0, 1])
        count = c_size_t(self.choice([0, 1, 3]))
        size = c_size_t(self.choice([0, ROOM]))
        code: int = library.udsock_poller_send(self.poller(), items, count, self.memory(), size)
        return code

    def poller_wait(self) -> int:
        events = (_library.Event * 8)()
        size = c_size_t(self.choice([0, 1, 64, ROOM]))
        limit = c_int32(self.choice([0, 0, 1, -2]))
        count = c_size_t(self.choice([0, 1, 8]))
        came: int = library.udsock_poller_wait(self.poller(), events, count, self.room, size, limit)
        for event in events[: max(0, came)]:
            if event.kind == _library.EVENT_ACCEPTED:
                self.take(event.socket)
        return came

    def set_log(self) -> int:
        function = self.choice([_library.LogCallback(), HEAR, HEAR])
        code: int = library.udsock_set_log(function, None, self.choice([0, 1, 2, 3, 4, 5, 2**31]))
        return code

    def calls(self) -> dict[str, Callable[[], int]]:
        lib: Any = library
        g: Any = self

        def kind() -> int:
            return self.choice([1, 2, 5, 1, 2, 5, 0, 3, 2**31])

        return {
            "udsock_create": lambda: g.take(lib.udsock_create(kind())),
            "udsock_bind": lambda: lib.udsock_bind(
                g.handle(), g.text(), g.bind_options(), g.error()
            ),
            "udsock_listen": lambda: lib.udsock_listen(g.handle(), g.number(c_int32)),
            "udsock_accept": lambda: g.take(
                lib.udsock_accept(g.handle(), g.timeout(), g.choice([None, g.room]))
            ),
            "udsock_connect": lambda: lib.udsock_connect(
                g.handle(), g.text(), g.connect_options(), g.error()
            ),
            "udsock_shutdown": lambda: lib.udsock_shutdown(
                g.handle(), g.choice([0, 1, 2, 3, 4, 2**31])
            ),
            "udsock_close": g.close,
            "udsock_open_server": lambda: g.take(
                lib.udsock_open_server(kind(), g.text(), g.bind_options(), g.error())
            ),
            "udsock_open_client": lambda: g.take(
                lib.udsock_open_client(kind(), g.text(), g.connect_options(), g.error())
            ),
            "udsock_open_datagram": lambda: g.take(
                lib.udsock_open_datagram(g.text(), g.bind_options(), g.error())
            ),
            "udsock_open_pair": g.pair,
            # Nothing of this process's own: those are the interpreter's.
            "udsock_adopt": lambda: g.take(
                lib.udsock_adopt(g.choice([-1, 9999, 0, 2**31 - 1]), g.error())
            ),
            "udsock_fd": lambda: lib.udsock_fd(g.handle()),
            "udsock_release": g.release,
            "udsock_disown": lambda: lib.udsock_disown(g.handle()),
            "udsock_activated": lambda: lib.udsock_activated(None, c_size_t(0), g.error()),
            "udsock_activated_name": lambda: lib.udsock_activated_name(
                g.handle(), g.memory(), c_size_t(g.choice([0, 1, ROOM]))
            ),
            "udsock_send": lambda: lib.udsock_send(g.handle(), g.memory(), g.size(), g.timeout()),
            "udsock_recv": lambda: lib.udsock_recv(g.handle(), g.memory(), g.size(), g.timeout()),
            "udsock_send_all": lambda: lib.udsock_send_all(
                g.handle(), g.memory(), g.size(), g.timeout(), g.choice([None, g.struct])
            ),
            "udsock_recv_exact": lambda: lib.udsock_recv_exact(
                g.handle(), g.memory(), g.size(), g.timeout(), g.choice([None, g.struct])
            ),
            "udsock_sendv": lambda: g.vector(lib.udsock_sendv),
            "udsock_recvv": lambda: g.vector(lib.udsock_recvv),
            "udsock_send_to": lambda: lib.udsock_send_to(
                g.handle(), g.memory(), g.size(), g.text(), g.timeout()
            ),
            "udsock_recv_from": lambda: lib.udsock_recv_from(
                g.handle(),
                g.memory(),
                g.size(),
                g.struct,
                c_size_t(g.choice([0, 1, 9, ROOM])),
                g.timeout(),
            ),
            "udsock_send_message": g.send_message,
            "udsock_recv_message": g.recv_message,
            "udsock_send_batch": g.send_batch,
            "udsock_recv_batch": g.recv_batch,
            "udsock_peer_credentials": lambda: lib.udsock_peer_credentials(
                g.handle(), g.choice([None, _library.Credentials()])
            ),
            "udsock_peer_groups": lambda: lib.udsock_peer_groups(
                g.handle(), (c_uint32 * 4)(), c_size_t(g.choice([0, 1, 4]))
            ),
            "udsock_peer_pidfd": lambda: g.close_fd(lib.udsock_peer_pidfd(g.handle())),
            "udsock_peer_label": lambda: lib.udsock_peer_label(
                g.handle(), g.memory(), c_size_t(g.choice([0, 1, ROOM]))
            ),
            "udsock_allow_uid": lambda: lib.udsock_allow_uid(g.handle(), g.number(c_uint32)),
            "udsock_allow_gid": lambda: lib.udsock_allow_gid(g.handle(), g.number(c_uint32)),
            "udsock_allow_user": lambda: lib.udsock_allow_user(g.handle(), g.choice(ACCOUNTS)),
            "udsock_allow_group": lambda: lib.udsock_allow_group(g.handle(), g.choice(ACCOUNTS)),
            "udsock_get_option": lambda: lib.udsock_get_option(g.handle(), g.small()),
            "udsock_set_option": lambda: lib.udsock_set_option(
                g.handle(), g.small(), g.number(c_int64)
            ),
            "udsock_local_address": lambda: lib.udsock_local_address(
                g.handle(), g.memory(), c_size_t(g.choice([0, 1, ROOM]))
            ),
            "udsock_remote_address": lambda: lib.udsock_remote_address(
                g.handle(), g.memory(), c_size_t(g.choice([0, 1, ROOM]))
            ),
            "udsock_inspect": lambda: lib.udsock_inspect(
                g.text(), g.sized(_library.Inspection()), g.error()
            ),
            "udsock_cleanup": lambda: lib.udsock_cleanup(),
            "udsock_cleanup_on_signal": lambda: lib.udsock_cleanup_on_signal(
                g.choice([-1, 0, 9, 999, signal.SIGTERM, signal.SIGCHLD])
            ),
            "udsock_poller_create": g.poller_create,
            "udsock_poller_add": lambda: lib.udsock_poller_add(
                g.poller(), g.handle(), g.number(c_uint64), g.choice([0, 1, 2])
            ),
            "udsock_poller_remove": lambda: lib.udsock_poller_remove(g.poller(), g.handle()),
            "udsock_poller_wait": g.poller_wait,
            "udsock_poller_send": g.poller_send,
            "udsock_poller_wake": lambda: lib.udsock_poller_wake(g.poller()),
            "udsock_poller_fd": lambda: lib.udsock_poller_fd(g.poller()),
            "udsock_get_counters": lambda: lib.udsock_get_counters(
                g.choice([g.handle(), g.poller()]), g.sized(_library.Counters())
            ),
            "udsock_set_log": g.set_log,
            "udsock_error_name": lambda: -len(lib.udsock_error_name(g.number(c_int64))) and 0,
            "udsock_error_text": lambda: -len(lib.udsock_error_text(g.number(c_int64))) and 0,
            "udsock_version": lambda: int(lib.udsock_version()),
            "udsock_version_string": lambda: len(lib.udsock_version_string()),
        }

    def run(self, count: int) -> None:
        calls = self.calls()
        missing = set(_library._FUNCTIONS) - set(calls)
        assert not missing, f"never called: {missing}"
        weights = [WEIGHTS.get(name, 1.0) for name in calls]
        names = list(calls)
        for begin in range(0, count, 1000):
            for name in self.random.choices(names, weights, k=min(1000, count - begin)):
                result = calls[name]()
                if result >= 0:
                    self.succeeded.add(name)
                elif not documented(result):
                    raise SystemExit(f"{name}: {result} is not documented")
                while len(self.handles) > MOST_HANDLES:
                    library.udsock_close(Handle(self.handles.pop(0)))
        for handle in self.handles:
            library.udsock_close(Handle(handle))


def documented(code: int, known: dict[int, bool] = {}) -> bool:  # noqa: B006
    """Whether the header has the code; UDSOCK_PANIC would be a bug."""
    if code not in known:
        name = library.udsock_error_name(code).decode()
        known[code] = code != _library.PANIC and name in header_codes()
    return known[code]


def header_codes() -> set[str]:
    with open(sys.argv[3]) as header:
        return set(re.findall(r"UDSOCK_EOF|UDSOCK_CLOSED|(?<=-)E[A-Z0-9]+", header.read()))


def main() -> None:
    calls, seed = int(sys.argv[1]), int(sys.argv[2])
    os.mkdir("dir")
    with open("file", "w"):
        pass
    before = len(os.listdir("/proc/self/fd"))
    garbage = Garbage(seed)
    garbage.run(calls)
    failed = set(garbage.calls()) - garbage.succeeded - NEVER
    if calls >= 100_000 and failed:
        raise SystemExit(f"never succeeded, so little was tried: {failed}")
    left = len(os.listdir("/proc/self/fd")) - before
    # A thread that waited keeps an eventfd.
    if left > 1:
        raise SystemExit(f"{left} descriptors are left")
    print(f"{calls} calls, seed {seed}: no crash, every result documented")


if __name__ == "__main__":
    main()
