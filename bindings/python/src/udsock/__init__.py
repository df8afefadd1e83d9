"""Unix domain sockets on Linux: stream, datagram and seqpacket, without the traps.

    with udsock.open_server("/tmp/echo.sock") as server:
        client, _ = server.accept()

A `Socket` has the methods of socket.socket, with the same arguments, results, timeouts and
exceptions, and some more.
"""

from __future__ import annotations

import atexit

from ._address import Address, ReturnedAddress
from ._counters import Counters
from ._errors import EndOfStream, PanicError, SocketClosed, error_name, error_text
from ._inspection import Inspection, Reach, State, cleanup, cleanup_on_signal, inspect
from ._interpreter import is_main
from ._library import library
from ._log import Logged, LogRecord, set_log_level
from ._messages import Credentials, Received
from ._open import DGRAM, SEQPACKET, STREAM, activated, adopt, open_client, open_datagram
from ._open import open_server, pair, socketpair
from ._poller import Event, Poller
from ._socket import Socket

__all__ = [
    "Address",
    "Counters",
    "Credentials",
    "DGRAM",
    "EndOfStream",
    "Event",
    "Inspection",
    "LogRecord",
    "Logged",
    "PanicError",
    "Poller",
    "Reach",
    "Received",
    "ReturnedAddress",
    "SEQPACKET",
    "STREAM",
    "Socket",
    "SocketClosed",
    "State",
    "activated",
    "adopt",
    "cleanup",
    "cleanup_on_signal",
    "error_name",
    "error_text",
    "inspect",
    "library_version",
    "open_client",
    "open_datagram",
    "open_server",
    "pair",
    "set_log_level",
    "socketpair",
]

__version__ = "0.2.0"


def library_version() -> str:
    """The version of the loaded library."""
    version: bytes = library.udsock_version_string()
    return version.decode()


# Python ends itself by a signal after a KeyboardInterrupt that nobody caught; exit(3), at
# which the library cleans up, is not reached then. (The end of a subinterpreter is not that of the
# process: the other interpreters' servers go on.)
if is_main():
    atexit.register(library.udsock_cleanup)
