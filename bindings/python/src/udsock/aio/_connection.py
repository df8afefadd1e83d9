"""Transports of connections: asyncio.Transport over a socket that the loop's poller watches."""

from __future__ import annotations

import asyncio
import errno
from asyncio.transports import _FlowControlMixin
from collections import deque
from typing import Any, Callable, Optional

from .. import _library
from .._errors import failure
from .._library import library
from .._socket import Socket
from ._shared import share
from ._transport import SocketTransport

COLLECTED = 65536
"""So many bytes are sent at once, and do not wait for the end of the turn."""

_OVERHEAD = 32
"""What the kernel adds to a message in the send buffer."""

WAITS = (-errno.EAGAIN, -errno.EINTR)
"""Codes of a send that will go on."""


class Connection(SocketTransport, _FlowControlMixin):
    """What stream and seqpacket connections have in common."""

    _held: Optional[deque[bytes]] = None
    """What came after reading was paused."""

    _is_end_held = False
    _is_paused = False
    _has_ended = False
    _left = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._choose_delivery()

    def _lent_socket(self) -> Socket:
        share(self._sock, self)
        return self._sock

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        super().set_protocol(protocol)
        self._choose_delivery()

    def _choose_delivery(self) -> None:
        if self._is_closing:
            self.deliver = _ignore
        elif self._is_paused or self._held:
            if self._held is None:
                self._held = deque()
            self.deliver = self._held.append
        elif isinstance(self._protocol, asyncio.BufferedProtocol):
            self.deliver = self._deliver_buffered
        elif self._left > 0 and not self._hub.is_final:
            self.deliver = self._deliver_counted
        else:
            # There is no shorter way from the poller to the protocol.
            self.deliver = getattr(self._protocol, "data_received", self._deliver_late)

    def _deliver_counted(self, data: bytes) -> None:
        self._left -= 1
        if not self._left:
            self._choose_delivery()
            self._hub.will_move(self)
        self._protocol.data_received(data)

    def give_up(self) -> None:
        """Lets the socket go: it is about to belong to somebody else, or to be closed."""
        if not self._is_lost:
            self._hub.forget(self._number)

    def can_move(self) -> bool:
        return not (self._is_paused or self._is_closing or self._has_ended or self._is_end_held)

    # ---- Receiving

    def is_reading(self) -> bool:
        return not self._is_paused and not self._is_closing

    def pause_reading(self) -> None:
        if self.is_reading():
            self._is_paused = True
            self._choose_delivery()
            self._watch(self._hub.pause)

    def resume_reading(self) -> None:
        if self._is_closing or not self._is_paused:
            return
        self._is_paused = False
        if self._held or self._is_end_held:
            self._loop.call_soon(self._release)
        else:
            self._choose_delivery()
            self._watch(self._hub.resume)

    def _release(self) -> None:
        """Delivers what had come before reading was paused."""
        while self._held and self.is_reading():
            data = self._held.popleft()
            try:
                if isinstance(self._protocol, asyncio.BufferedProtocol):
                    self._deliver_buffered(data)
                else:
                    self._protocol.data_received(data)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self.broke(error)
        if self.is_reading():
            self._choose_delivery()
            if self._is_end_held:
                self._is_end_held = False
                self._tell_end()
            else:
                self._watch(self._hub.resume)

    def _tell_end(self) -> None:
        try:
            self.ended()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.broke(error)

    def _watch(self, change: Callable[[int], None]) -> None:
        if self._has_ended:
            return
        try:
            change(self._number)
        except OSError as error:
            self._lose(error)

    def _deliver_late(self, data: bytes) -> None:
        """Calls data_received even if the protocol lacks it: an error only if something comes."""
        self._protocol.data_received(data)

    def _deliver_buffered(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            protocol = self._protocol
            if self._is_closing:
                return
            if self._is_paused or not isinstance(protocol, asyncio.BufferedProtocol):
                # A callback has changed its mind.
                if self._is_paused and self._held is not None:
                    self._held.appendleft(bytes(rest))
                else:
                    self.deliver(bytes(rest))
                return
            room = memoryview(protocol.get_buffer(len(rest))).cast("B")
            size = min(len(room), len(rest))
            if not size:
                raise RuntimeError("get_buffer() returned an empty buffer")
            room[:size] = rest[:size]
            protocol.buffer_updated(size)
            rest = rest[size:]

    def received(self, data: bytes, address: bytes, code: int) -> None:
        """Called with an error: a message was cut."""
        self._lose(failure(code))

    def ended(self) -> None:
        if self._is_paused or self._held:
            self._is_end_held = True
        elif not self._is_closing:
            self._has_ended = True
            if not self._protocol.eof_received():
                self.close()

    def _stop_receiving(self) -> None:
        self._held = None
        self.deliver = _ignore

    # ---- Sending

    def _checked(self, data: Any) -> bytes:
        """What can be sent of the data given to write; b"": nothing."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data is bytes-like, not {type(data).__name__}")
        if self._has_eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._is_lost:
            self._warn_of_loss()
        # It is sent only later, and may be changed before.
        return bytes(data)

    def _has_collected(self, size: int) -> None:
        self._size = size = self._size + size
        if self._is_blocked:
            self._regard_limits()
        elif size > COLLECTED or size > self._high:
            # What drain waits for is known at once.
            self.flush()
        elif not self._will_flush:
            self._will_flush = True
            self._hub.will_flush(self)

    def flush(self) -> None:
        """Sends what the kernel takes."""
        self._flush_with()

    def _flush_with(self) -> None:
        self._will_flush = False
        if self._is_lost:
            return
        code = self._send_collected()
        if code < 0:
            self._lose(failure(code))
        elif code or self._is_blocked or self._is_closing or self._has_eof:
            self._set_blocked(code > 0)
            self._regard_limits()
            if self._size or self._is_lost:
                return
            if self._is_closing:
                self._finish(None)
            elif self._has_eof:
                library.udsock_shutdown(self._sock._handle, _library.WRITE)

    def _send_collected(self) -> int:
        """0: everything was sent. 1: some waits. Below 0: an error."""
        raise NotImplementedError

    def send_before(self) -> None:
        """Sends what was written, before something else is sent on the socket."""
        if self._will_flush:
            self.flush()

    def _force_close(self, error: Optional[BaseException]) -> None:
        # asyncio's TLS calls it so.
        self._lose(error)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Ends the sending side: the peer sees the end after all that was written."""
        if not self._is_closing and not self._has_eof:
            self._has_eof = True
            self.flush()

    def _lose(self, error: Optional[BaseException]) -> None:
        if self._will_flush and not self._is_blocked and not self._is_lost:
            # asyncio has sent it by now.
            self._send_collected()
        super()._lose(error)

    def _close_with(self) -> None:
        super()._close_with()
        self._watch(self._hub.pause)


class MessageConnection(Connection):
    """A seqpacket connection: each write is a message, and so is each data_received."""

    def __init__(self, *arguments: Any) -> None:
        self._messages: deque[bytes] = deque()
        self._largest = 0
        super().__init__(*arguments)

    def write(self, data: Any) -> None:
        if type(data) is not bytes or self._has_eof or self._is_lost:
            data = self._checked(data)
        if self._is_lost:
            return
        if len(data) > self._largest:
            self._largest = self._sock.send_buffer - _OVERHEAD
            if len(data) > self._largest:
                # Who wrote it is told, and the connection goes on.
                raise failure(-errno.EMSGSIZE)
        self._messages.append(data)
        # An empty message takes memory, too.
        self._has_collected(len(data) + 1)

    def _send_collected(self) -> int:
        messages = self._messages
        while messages:
            data = messages[0]
            sent = self._sock._send_now(data)
            if sent < 0:
                return 1 if sent in WAITS else sent
            messages.popleft()
            self._size -= len(data) + 1
        return 0

    def _discard(self) -> None:
        self._messages.clear()


def _ignore(_: bytes) -> None:
    """For what comes after the transport was closed."""
