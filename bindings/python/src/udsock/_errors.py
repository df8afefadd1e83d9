"""Error codes as exceptions: the OSError subclass that Python has for each errno."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Optional, Union

from . import _library
from ._library import int64, library

FileName = Union[str, bytes, None]

PYTHON_NAMES = {
    "UDSOCK_REPLACE": "replace=True",
    "UDSOCK_NO_RECLAIM": "reclaim=False",
    "UDSOCK_MAKE_PARENTS": "make_parents=True",
    "UDSOCK_RESTORE_FILE": "restore_file=True",
    "UDSOCK_RETRY": "retry=True",
    "UDSOCK_DONT_WAIT": "timeout=0",
    "UDSOCK_STREAM": "udsock.STREAM",
    "UDSOCK_DGRAM": "udsock.DGRAM",
    "UDSOCK_SEQPACKET": "udsock.SEQPACKET",
    "UDSOCK_FOREVER": "None",
}
"""What the library's words name as C has it: abi/option_names.txt, for us."""

if sys.version_info >= (3, 10):
    TimedOut = TimeoutError
else:

    class TimedOut(socket.timeout, TimeoutError):
        """What a socket raises on timeout. It is a TimeoutError, too, as since Python 3.10."""


class EndOfStream(ConnectionError, EOFError):
    """The peer sends no more. `partial` has what came before the end."""

    partial: bytes = b""


class SocketClosed(OSError):
    """Another thread closed the socket while this thread waited on it; errno is EBADF."""


class PanicError(RuntimeError):
    """A bug in the library, caught at its border. Please report it."""


def error_name(code: int) -> str:
    """The name of a code of the library: "EADDRINUSE", "UDSOCK_EOF"."""
    name: bytes = library.udsock_error_name(int64(code))
    return name.decode()


def error_text(code: int) -> str:
    """A code of the library in words: "Address already in use"."""
    text: bytes = library.udsock_error_text(int64(code))
    return text.decode()


def failure(
    code: int, message: Optional[bytes] = None, filename: FileName = None
) -> Exception:
    """The exception for a code below 0, to be raised. `message`: its text, if there is one."""
    text = _in_python(os.fsdecode(message), filename) if message else ""
    if code == -errno.ETIMEDOUT and not text:
        timed_out = TimedOut("timed out")
        timed_out.errno = errno.ETIMEDOUT
        return timed_out
    text = text or error_text(code)
    if code == _library.EOF:
        return EndOfStream(text)
    if code == _library.CLOSED:
        return SocketClosed(errno.EBADF, text)
    if code == _library.PANIC:
        return PanicError(text)
    kind = TimedOut if code == -errno.ETIMEDOUT else OSError
    if filename is None:
        return kind(-code, text)
    return kind(-code, text, filename)


def _in_python(text: str, filename: FileName) -> str:
    """The text behind the address, with options named as in Python."""
    before, after = "", text
    if filename:
        before, behind, after = text.partition(f" {os.fsdecode(filename)}: ")
        if not behind:
            before, after = "", text
        before += behind
    for c_name, python_name in PYTHON_NAMES.items():
        after = after.replace(c_name, python_name)
    return before + after
