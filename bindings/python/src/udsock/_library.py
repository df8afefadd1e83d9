"""The shared library: where it is, its functions, structs and numbers.

`include/udsock.h` is the manual; the names here are the header's.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from operator import index
from typing import TYPE_CHECKING, Any, Optional, Sequence, Union

if TYPE_CHECKING:
    from typing_extensions import Buffer as Buffer
else:
    # (typing.get_type_hints needs something.)
    Buffer = Any

FILE_NAME = "libudsock.so"
SONAME = "libudsock.so.0"
NEEDED_VERSION = 200
"""As udsock_version() has it: 0.2.0."""

EOF = -4097
CLOSED = -4098
PANIC = -4099

MESSAGE_SIZE = 256

STREAM = 1
DGRAM = 2
SEQPACKET = 5

FOREVER = -1
LONGEST_TIMEOUT = 2**31 - 1
"""In milliseconds, for one call."""

READ = 1
WRITE = 2

# Bind flags.
REPLACE = 1
NO_RECLAIM = 2
KEEP_FILE = 4
MAKE_PARENTS = 8
RESTORE_FILE = 16

# Connect flags.
RETRY = 1
DONT_WAIT = 2

# Message flags.
TRUNCATED = 1
FDS_LOST = 2
MAX_DESCRIPTORS = 253

OPTION_KIND = 1
OPTION_SEND_BUFFER = 2
OPTION_RECEIVE_BUFFER = 3
OPTION_SPIN_US = 4
OPTION_RECEIVE_FDS = 5
OPTION_RECEIVE_CREDENTIALS = 6
OPTION_REFUSED = 7
OPTION_MAX_PER_UID = 8
OPTION_LISTENING = 9
OPTION_READABLE_BYTES = 10
OPTION_OWNS_FILE = 11
OPTION_RECEIVE_PIDFD = 12
OPTION_RESTORED = 13

ADDRESS_SIZE = 4096
UNKNOWN = 2**32 - 1
"""A user or group that is not known."""

# What is at an address.
ABSENT = 0
LIVE = 1
STALE = 2
NOT_A_SOCKET = 3
REACH_ALL = 0
REACH_MOST = 1
REACH_FEW = 2

POLLER_READINESS = 1
POLLER_DUPLEX = 2
POLLER_PAUSED = 4
EVENT_ACCEPTED = 1
EVENT_RECEIVED = 2
EVENT_DRAINED = 3
EVENT_ENDED = 4
EVENT_FAILED = 5
EVENT_READY = 6
THEN_SHUTDOWN = 1
THEN_CLOSE = 2
DONT_KEEP = 16

LOG_ERROR = 1
LOG_WARNING = 2
LOG_INFO = 3
LOG_DEBUG = 4
LOGGED_RECLAIMED = 1
LOGGED_SWEPT = 2
LOGGED_TOOK_OVER = 3
LOGGED_TAKEN_OVER = 4
LOGGED_FILE_GONE = 5
LOGGED_NOT_REMOVED = 6
LOGGED_REFUSED = 7
LOGGED_NO_ALARM = 8
LOGGED_TAKEN_AWAY = 9
LOGGED_DATAGRAM_DROPPED = 10
LOGGED_UNSENT_DROPPED = 11
LOGGED_MISSING = 12
LOGGED_CALL_FAILED = 13
LOGGED_PANIC = 14
LOGGED_NOT_NOTED = 15
LOGGED_RESTORED = 16
LOGGED_LONG_PATH = 17

Handle = c_int64
"""A `udsock_t`. Made once a socket: it is passed as it is, also without argtypes."""

NO_HANDLE = Handle(-1)
"""What a closed socket has: every call answers EBADF."""


class Sized(Structure):
    """A struct whose first field is its size."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(size=ctypes.sizeof(self), **fields)


class Error(Sized):
    _fields_ = [("size", c_uint32), ("code", c_int32), ("message", c_char * MESSAGE_SIZE)]


class Credentials(Structure):
    _fields_ = [("pid", c_int32), ("uid", c_uint32), ("gid", c_uint32)]


class BindOptions(Sized):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("mode", c_uint32),
        ("backlog", c_int32),
        ("user", c_char_p),
        ("group", c_char_p),
    ]


class ConnectOptions(Sized):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("timeout_ms", c_int32),
        ("reserved", c_uint32),
        ("local_address", c_char_p),
    ]


class Message(Sized):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("data", c_void_p),
        ("data_capacity", c_size_t),
        ("data_size", c_size_t),
        ("descriptors", POINTER(c_int32)),
        ("descriptors_capacity", c_size_t),
        ("descriptors_count", c_size_t),
        ("address", c_void_p),
        ("address_capacity", c_size_t),
        ("address_size", c_size_t),
        ("credentials", Credentials),
        ("result", c_int32),
        ("pidfd", c_int32),
        ("reserved", c_uint32),
    ]


class Inspection(Sized):
    _fields_ = [
        ("size", c_uint32),
        ("state", c_uint32),
        ("kind", c_uint32),
        ("mode", c_uint32),
        ("uid", c_uint32),
        ("gid", c_uint32),
        ("pid", c_int32),
        ("process_uid", c_uint32),
        ("device", c_uint64),
        ("inode", c_uint64),
        ("queue", c_uint32),
        ("queue_limit", c_uint32),
        ("processes", c_uint32),
        ("reach", c_uint32),
    ]


class PollerOptions(Sized):
    _fields_ = [
        ("size", c_uint32),
        ("flags", c_uint32),
        ("send_limit", c_uint64),
        ("receive_size", c_uint64),
    ]


class Event(Structure):
    _fields_ = [
        ("socket", c_int64),
        ("token", c_uint64),
        ("kind", c_uint32),
        ("code", c_int32),
        ("offset", c_uint32),
        ("length", c_uint32),
        ("address_offset", c_uint32),
        ("address_length", c_uint32),
    ]


class Outgoing(Structure):
    _fields_ = [
        ("socket", c_int64),
        ("offset", c_uint32),
        ("length", c_uint32),
        ("address_offset", c_uint32),
        ("address_length", c_uint32),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("result", c_int64),
    ]


class Counters(Sized):
    _fields_ = [
        ("size", c_uint32),
        ("reserved", c_uint32),
        ("sent_bytes", c_uint64),
        ("sent_messages", c_uint64),
        ("received_bytes", c_uint64),
        ("received_messages", c_uint64),
        ("sleeps", c_uint64),
        ("spins_paid", c_uint64),
        ("spins_lost", c_uint64),
        ("accepted", c_uint64),
        ("refused", c_uint64),
        ("kept_bytes", c_uint64),
        ("kept_bytes_most", c_uint64),
        ("dropped", c_uint64),
    ]


class LogRecord(Sized):
    _fields_ = [
        ("size", c_uint32),
        ("level", c_uint32),
        ("event", c_uint32),
        ("code", c_int32),
        ("handle", c_int64),
        ("pid", c_int32),
        ("uid", c_uint32),
        ("path", c_char_p),
        ("text", c_char_p),
    ]


LogCallback = CFUNCTYPE(None, c_void_p, POINTER(LogRecord))


# What a call takes. None: nothing is declared, because ctypes then costs half as much a
# call. Such a function is given a Handle, bytes or a ctypes object, and numbers below
# 2^31, which a register takes as they are; `length` makes larger ones fit.
_ERROR = POINTER(Error)
_FUNCTIONS: dict[str, tuple[Any, Optional[Sequence[Any]]]] = {
    "udsock_error_name": (c_char_p, [c_int64]),
    "udsock_error_text": (c_char_p, [c_int64]),
    "udsock_create": (c_int64, [c_uint32]),
    "udsock_bind": (c_int32, [Handle, c_char_p, POINTER(BindOptions), _ERROR]),
    "udsock_listen": (c_int32, [Handle, c_int32]),
    "udsock_accept": (c_int64, None),
    "udsock_connect": (c_int32, [Handle, c_char_p, POINTER(ConnectOptions), _ERROR]),
    "udsock_shutdown": (c_int32, [Handle, c_uint32]),
    "udsock_close": (c_int32, [Handle]),
    "udsock_open_server": (c_int64, [c_uint32, c_char_p, POINTER(BindOptions), _ERROR]),
    "udsock_open_client": (c_int64, [c_uint32, c_char_p, POINTER(ConnectOptions), _ERROR]),
    "udsock_open_datagram": (c_int64, [c_char_p, POINTER(BindOptions), _ERROR]),
    "udsock_open_pair": (c_int32, [c_uint32, POINTER(c_int64)]),
    "udsock_adopt": (c_int64, [c_int32, _ERROR]),
    "udsock_fd": (c_int32, None),
    "udsock_release": (c_int32, [Handle]),
    "udsock_disown": (c_int32, [Handle]),
    "udsock_activated": (c_int64, [POINTER(c_int64), c_size_t, _ERROR]),
    "udsock_activated_name": (c_int64, [Handle, c_char_p, c_size_t]),
    "udsock_send": (c_int64, None),
    "udsock_recv": (c_int64, None),
    "udsock_send_all": (c_int64, None),
    "udsock_recv_exact": (c_int64, None),
    "udsock_sendv": (c_int64, None),
    "udsock_recvv": (c_int64, None),
    "udsock_send_to": (c_int64, None),
    "udsock_recv_from": (c_int64, None),
    "udsock_send_message": (c_int64, None),
    "udsock_recv_message": (c_int64, None),
    "udsock_send_batch": (c_int64, None),
    "udsock_recv_batch": (c_int64, None),
    "udsock_peer_credentials": (c_int32, [Handle, POINTER(Credentials)]),
    "udsock_peer_groups": (c_int64, [Handle, POINTER(c_uint32), c_size_t]),
    "udsock_peer_pidfd": (c_int32, [Handle]),
    "udsock_peer_label": (c_int64, [Handle, c_char_p, c_size_t]),
    "udsock_allow_uid": (c_int32, [Handle, c_uint32]),
    "udsock_allow_gid": (c_int32, [Handle, c_uint32]),
    "udsock_allow_user": (c_int32, [Handle, c_char_p]),
    "udsock_allow_group": (c_int32, [Handle, c_char_p]),
    "udsock_get_option": (c_int64, [Handle, c_uint32]),
    "udsock_set_option": (c_int32, [Handle, c_uint32, c_int64]),
    "udsock_local_address": (c_int64, [Handle, c_char_p, c_size_t]),
    "udsock_remote_address": (c_int64, [Handle, c_char_p, c_size_t]),
    "udsock_inspect": (c_int32, [c_char_p, POINTER(Inspection), _ERROR]),
    "udsock_cleanup": (c_int64, []),
    "udsock_cleanup_on_signal": (c_int32, [c_int32]),
    "udsock_poller_create": (c_int64, [POINTER(PollerOptions)]),
    "udsock_poller_add": (c_int32, [Handle, c_int64, c_uint64, c_uint32]),
    "udsock_poller_remove": (c_int32, [Handle, c_int64]),
    "udsock_poller_wait": (c_int64, None),
    "udsock_poller_send": (c_int64, None),
    "udsock_poller_wake": (c_int32, [Handle]),
    "udsock_poller_fd": (c_int32, [Handle]),
    "udsock_get_counters": (c_int32, [Handle, POINTER(Counters)]),
    "udsock_set_log": (c_int32, [LogCallback, c_void_p, c_uint32]),
    "udsock_version": (c_uint32, []),
    "udsock_version_string": (c_char_p, []),
}


def _fitting(value: Any, least: int, most: int, kind: str) -> int:
    """A number as in C. Without this check ctypes would cut a larger one to its low bits."""
    number = index(value)
    if not least <= number <= most:
        raise OverflowError(f"{number} does not fit into {kind}")
    return number


def int32(value: Any) -> int:
    return _fitting(value, -(2**31), 2**31 - 1, "an int32_t")


def uint32(value: Any) -> int:
    return _fitting(value, 0, 2**32 - 1, "a uint32_t")


def int64(value: Any) -> int:
    return _fitting(value, -(2**63), 2**63 - 1, "an int64_t")


def uint64(value: Any) -> int:
    return _fitting(value, 0, 2**64 - 1, "a uint64_t")


def text(value: Union[str, bytes]) -> bytes:
    """A text as in C, where it would end at the first NUL."""
    encoded = os.fsencode(value)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded


def length(size: int) -> Any:
    """A size_t for a function whose argtypes are not declared."""
    return size if size < 2**31 else c_size_t(size)


def _candidates() -> list[str]:
    """Where the library may be: first in a wheel, then in a checkout, the newest first."""
    # (pathlib takes longer to import than all of this package.)
    join, here = os.path.join, os.path.dirname(os.path.realpath(__file__))
    inside = join(here, FILE_NAME)
    if os.path.isfile(inside):
        return [inside]
    checkout = os.path.abspath(join(here, "..", "..", "..", ".."))
    if not os.path.isfile(join(checkout, "include", "udsock.h")):
        return []
    target = join(checkout, os.environ.get("CARGO_TARGET_DIR") or "target")
    built = [join(target, profile, FILE_NAME) for profile in ("release", "debug")]
    return sorted(filter(os.path.isfile, built), key=os.path.getmtime, reverse=True)


def find() -> str:
    """The library: UDSOCK_LIBRARY if set, otherwise the package's own, otherwise the system's."""
    chosen = os.environ.get("UDSOCK_LIBRARY")
    if chosen:
        return chosen
    for path in _candidates():
        return path
    return SONAME


class _Library(ctypes.CDLL):
    """The library. A function is declared when it is first used: a program uses few of them."""

    def __getitem__(self, name: Any) -> Any:
        function = super().__getitem__(name)
        function.restype, arguments = _FUNCTIONS[name]
        if arguments is not None:
            function.argtypes = arguments
        return function


def _load() -> ctypes.CDLL:
    path = find()
    try:
        loaded = _Library(path)
        version = loaded.udsock_version()
        if version < NEEDED_VERSION:
            raise OSError(f"it is version {version}, and {NEEDED_VERSION} is needed")
    except (OSError, AttributeError) as error:
        raise ImportError(
            f"{path} can't be used: {error}. The library is looked for beside {__file__}, in a "
            "checkout's target/ and where the system looks; UDSOCK_LIBRARY may name it"
        ) from error
    return loaded


library = _load()
