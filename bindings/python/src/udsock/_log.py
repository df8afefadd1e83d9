"""What the library does by itself goes to `logging`, to the logger "udsock".

    logging.basicConfig(level=logging.INFO)

shows it. Each of logging's records has an attribute `udsock`, a `LogRecord`.
"""

from __future__ import annotations

import _thread
import atexit
import ctypes
import os
import signal
import sys
import threading
import time
from enum import IntEnum
from types import FrameType
from typing import Any, NamedTuple, Optional, Union

from . import _interpreter, _library
from ._accelerator import fast
from ._library import library


class Logged(IntEnum):
    """What has happened. There may be others in later versions."""

    RECLAIMED = _library.LOGGED_RECLAIMED
    """The file of a server that has gone was removed."""
    SWEPT = _library.LOGGED_SWEPT
    """Private names were removed that a killed takeover had left."""
    TOOK_OVER = _library.LOGGED_TOOK_OVER
    """The path was taken over from a live server: pid and uid are that one's."""
    TAKEN_OVER = _library.LOGGED_TAKEN_OVER
    """The socket's file was to be removed, and another file has the path now. It stays."""
    FILE_GONE = _library.LOGGED_FILE_GONE
    """The socket's file was to be removed, and somebody else had done so."""
    NOT_REMOVED = _library.LOGGED_NOT_REMOVED
    """A file that the library should have removed is still there."""
    REFUSED = _library.LOGGED_REFUSED
    """A server has refused a client: pid and uid are the client's."""
    NO_ALARM = _library.LOGGED_NO_ALARM
    """No descriptor or no memory was left for what wakes a thread that sleeps."""
    TAKEN_AWAY = _library.LOGGED_TAKEN_AWAY
    """A socket was closed, and taken away from a thread that was held up in a call on it."""
    DATAGRAM_DROPPED = _library.LOGGED_DATAGRAM_DROPPED
    """Datagrams that a poller had kept could not be delivered."""
    UNSENT_DROPPED = _library.LOGGED_UNSENT_DROPPED
    """What a poller had kept for a socket was dropped with it."""
    MISSING = _library.LOGGED_MISSING
    """This system lacks something, and something else takes its place."""
    CALL_FAILED = _library.LOGGED_CALL_FAILED
    """A call has failed that opens, binds, connects, adopts or inspects."""
    PANIC = _library.LOGGED_PANIC
    """A bug in the library was caught in a call."""
    NOT_NOTED = _library.LOGGED_NOT_NOTED
    """More has happened at once than a poller can note."""
    RESTORED = _library.LOGGED_RESTORED
    """A server with `restore_file` had lost its path, and has it back."""
    LONG_PATH = _library.LOGGED_LONG_PATH
    """A socket was bound to a path that some other programs can't connect to."""


class LogRecord(NamedTuple):
    """Something that has happened. None: the event has no such value, or it is unknown."""

    event: Union[Logged, int]
    """An int: one of a later version's."""
    errno: Optional[int]
    """Why: an errno, or a number below -4096, one of the library's own codes."""
    handle: Optional[int]
    pid: Optional[int]
    uid: Optional[int]
    path: Optional[str]


# logging's own numbers, which are promised.
_LEVELS = {
    _library.LOG_ERROR: 40,
    _library.LOG_WARNING: 30,
    _library.LOG_INFO: 20,
    _library.LOG_DEBUG: 10,
}


def _logger() -> Any:
    """The logger. If the program has not imported `logging`, nobody listens, and there is none."""
    logging = sys.modules.get("logging")
    if logging is None or not hasattr(logging, "getLogger"):
        return None
    logger = logging.getLogger("udsock")
    if not logger.handlers:
        # Else what matters is written to standard error where no handler was added.
        logger.addHandler(logging.NullHandler())
    return logger


def _hear(_: None, told: Any) -> None:
    # (Called by a thread of a subinterpreter, it has nothing of its own interpreter's.)
    if not _interpreter.is_main():
        return
    try:
        record = told.contents
        level = _LEVELS.get(record.level, 10)
        logger = _logger()
        if logger is not None and logger.isEnabledFor(level):
            text = record.text.decode("utf-8", "replace")
            logger.log(level, "%s", text, extra={"udsock": _read(record)})
    except (KeyboardInterrupt, SystemExit) as error:
        # An exception that leaves this function is lost. Mostly a signal handler raised it. So it is
        # raised again, in the same thread.
        _thread.start_new_thread(_raise_in, (_thread.get_ident(), type(error), error.args))


def _raise_in(thread: int, kind: "type[BaseException]", arguments: "tuple[Any, ...]") -> None:
    is_main = thread == threading.main_thread().ident
    if is_main and kind is KeyboardInterrupt and callable(signal.getsignal(signal.SIGINT)):
        _interrupt(thread)
        return
    # Raised within the callback it would be lost again.
    while _hears(_where(thread)[0]):
        time.sleep(0.001)
    # In others it is ignored, if it is exactly a SystemExit.
    again = _again(kind, arguments) if is_main else kind
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    raise_in(ctypes.c_ulong(thread), ctypes.py_object(again))


def _again(kind: "type[BaseException]", arguments: "tuple[Any, ...]") -> "type[BaseException]":
    """A class, since a thread can be told no more, of exceptions with these arguments.

    (Before 3.12 an exit that nobody catches or passes on has the status 0 all the same.)
    """

    def begin(self: BaseException) -> None:
        kind.__init__(self, *arguments)

    return type(kind.__name__, (kind,), {"__init__": begin, "__module__": kind.__module__})


def _interrupt(main: int) -> None:
    """Sends the signal again, which also ends a wait that the thread may have begun meanwhile."""
    # A signal ends a call of the library only while the call sleeps. If it comes before the sleep,
    # Python sees it only after the call. So it is sent until the thread has moved on.
    for pause in (0.01, 0.02, 0.04, 0.08):
        before = _where(main)
        while _hears(before[0]):
            # A signal that comes before the callback has ended is lost in it again.
            time.sleep(0.001)
            before = _where(main)
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(pause)
        if _where(main) != before:
            return


def _where(thread: int) -> "tuple[Optional[FrameType], int, int]":
    """Where a thread is, and how many calls were interrupted: an interrupted thread may be back in
    the same place."""
    frame = sys._current_frames().get(thread)
    interrupted = 0 if fast is None else fast.interrupted()
    return frame, -1 if frame is None else frame.f_lasti, interrupted


def _hears(frame: Optional[FrameType]) -> bool:
    while frame is not None and frame.f_code is not _hear.__code__:
        frame = frame.f_back
    return frame is not None


def _read(record: Any) -> LogRecord:
    code = record.code
    try:
        event: Union[Logged, int] = Logged(record.event)
    except ValueError:
        event = record.event
    return LogRecord(
        event,
        None if code == 0 else code if code < -4096 else -code,
        record.handle or None,
        record.pid or None,
        None if record.uid == _library.UNKNOWN else record.uid,
        None if record.path is None else os.fsdecode(record.path),
    )


_callback = _library.LogCallback(_hear)


def set_log_level(level: int) -> None:
    """Sets the lowest level, one of logging's, of what goes to the logger `udsock`.

    At first it is WARNING. Events of lower levels happen with every client, and each is a call into
    Python. What a signal handler raises at the beginning of that call (KeyboardInterrupt) is lost,
    as in every callback of ctypes. So set a lower level only where it helps, and not for good.

    Only the main interpreter is told anything; in another this call is a RuntimeError.
    """
    if not _interpreter.is_main():
        raise RuntimeError("only the main interpreter can be told what the library does")
    at_least = [number for number, its in _LEVELS.items() if its >= level]
    library.udsock_set_log(_callback, None, max(at_least, default=_library.LOG_ERROR))


def _end() -> None:
    """Waits until no thread is in the callback, and removes it, so that the interpreter may end."""
    library.udsock_set_log(_library.LogCallback(), None, 0)


if _interpreter.is_main():
    set_log_level(_LEVELS[_library.LOG_WARNING])
    atexit.register(_end)
