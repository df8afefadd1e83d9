"""What is at an address, and clean-up."""

from __future__ import annotations

from ctypes import byref
from enum import IntEnum
from typing import NamedTuple, Optional

from . import _library
from ._address import Address, from_text, to_text
from ._errors import failure
from ._library import int32, library


class State(IntEnum):
    """What is at an address."""

    ABSENT = _library.ABSENT
    LIVE = _library.LIVE
    """A socket that some process has open."""
    STALE = _library.STALE
    """The file of a socket that nobody has open any more. A bind removes it."""
    NOT_A_SOCKET = _library.NOT_A_SOCKET


class Reach(IntEnum):
    """Which programs can connect to an address, or serve at it, judged by its length."""

    ALL = _library.REACH_ALL
    MOST = _library.REACH_MOST
    """A path of 98 bytes or more."""
    FEW = _library.REACH_FEW
    """A path of 108 bytes or more."""


class Inspection(NamedTuple):
    """What is at an address, and which process. None: not known, or there is no file."""

    state: State
    kind: Optional[int]
    mode: int
    """The file's permission bits."""
    uid: Optional[int]
    """The file's owner."""
    gid: Optional[int]
    pid: Optional[int]
    """A process that has the socket open."""
    process_uid: Optional[int]
    """The user who made the socket."""
    device: Optional[int]
    inode: Optional[int]
    queue: int
    """How many connections wait to be accepted."""
    queue_limit: Optional[int]
    """How many may wait; None: not known, or no server that listens."""
    processes: int
    """How many have the socket open, of those that this process may look into."""
    reach: Reach
    """Which programs can connect to it, as far as its length is concerned."""


def inspect(address: Address) -> Inspection:
    """Says what is at an address, and which process. A server there does not notice it."""
    text = to_text(address)
    found = _library.Inspection()
    error = _library.Error()
    code = library.udsock_inspect(text, byref(found), byref(error))
    if code < 0:
        raise failure(code, error.message, from_text(text))
    return Inspection(
        State(found.state),
        found.kind or None,
        found.mode,
        _known(found.uid),
        _known(found.gid),
        found.pid or None,
        _known(found.process_uid),
        found.device or None,
        found.inode or None,
        found.queue,
        found.queue_limit or None,
        found.processes,
        Reach(found.reach),
    )


def cleanup() -> int:
    """Removes the files of this process's sockets, and returns how many. The sockets stay open.

    The package does this by itself when the interpreter exits.
    """
    count: int = library.udsock_cleanup()
    if count < 0:
        raise failure(count)
    return count


def cleanup_on_signal(signal: int) -> None:
    """Has the files removed also when this signal (SIGTERM, say) ends the process.

    If Python has a handler for the signal, as for SIGINT, the signal does not end the process, and
    this changes nothing.
    """
    code = library.udsock_cleanup_on_signal(int32(signal))
    if code < 0:
        raise failure(code)


def _known(number: int) -> Optional[int]:
    return None if number == _library.UNKNOWN else number
