"""A stream's transport, and its frequent calls by Python: what the accelerator does in C."""

from __future__ import annotations

from asyncio.constants import _SendfileMode
from typing import TYPE_CHECKING, Any, Optional

from .._errors import failure
from ._accelerated import types
from ._connection import COLLECTED, WAITS, Connection

_BUSY = 16
"""After so many times that something came a connection is busy."""


class StreamSending(Connection):
    """What was written is sent in as few calls as possible. Here is what is done less often."""

    # What loop.start_tls and loop.sendfile ask for, and that it is a _FlowControlMixin.
    _start_tls_compatible = True
    _sendfile_compatible = _SendfileMode.FALLBACK

    _collected: list[bytes]
    """What was written in this turn."""

    _rest: Optional[bytearray] = None
    """What the kernel did not take."""

    def _write_with(self, data: Any) -> None:
        data = self._checked(data)
        if data and not self._is_lost:
            self._collected.append(data)
            self._has_collected(len(data))

    def _keep(self, data: bytes, sent: int) -> None:
        """Keeps what was not sent of this: `sent` is what the library said."""
        if self._rest is None:
            self._rest = bytearray()
        self._rest += memoryview(data)[max(sent, 0) :]
        self._size = len(self._rest)

    def _keep_unsent(self, data: bytes, sent: int) -> None:
        """Goes on after the only write of a turn was not sent as a whole."""
        self._keep(data, sent)
        if sent < 0 and sent not in WAITS:
            self._lose(failure(sent))
        else:
            self._flush_with()

    def _send_collected(self) -> int:
        collected = self._collected
        if self._rest:
            return self._send_rest(self._rest)
        if not collected:
            # (It is not 0 if Ctrl-C came in the middle of a send.)
            self._size = 0
            return 0
        data = collected[0] if len(collected) == 1 else b"".join(collected)
        collected.clear()
        sent = self._sock._send_now(data)
        if sent == len(data):
            self._size = 0
            return 0
        if sent < 0 and sent not in WAITS:
            return sent
        self._keep(data, sent)
        return 1

    def _send_rest(self, rest: bytearray) -> int:
        for data in self._collected:
            rest += data
        self._collected.clear()
        sent = self._sock._send_now(rest)
        if sent < 0:
            return 1 if sent in WAITS else sent
        del rest[:sent]
        self._size = len(rest)
        return 1 if rest else 0

    def _discard(self) -> None:
        self._collected.clear()
        self._rest = None


class PlainStream(StreamSending):
    """What is done in each turn, and in each connection's life."""

    _left = _BUSY

    def __init__(self, *arguments: Any) -> None:
        self._collected = []
        super().__init__(*arguments)

    def write(self, data: Any) -> None:
        if type(data) is not bytes or self._has_eof or self._is_lost:
            self._write_with(data)
            return
        if not data:
            return
        self._collected.append(data)
        size = len(data)
        if self._size or size > self._high or size > COLLECTED:
            self._has_collected(size)
            return
        # The first of this turn.
        self._size = size
        self._will_flush = True
        self._hub.will_flush(self)

    def flush(self) -> None:
        if self._is_lost:
            self._will_flush = False
            return
        collected = self._collected
        # Mostly there is one write, and it goes as a whole.
        has_more = self._rest or self._is_blocked or self._protocol_paused or self._has_eof
        if has_more or len(collected) > 1:
            self._flush_with()
            return
        self._will_flush = False
        if collected:
            data = collected.pop()
            sent = self._sock._send_now(data)
            if sent != len(data):
                self._keep_unsent(data, sent)
                return
        # (It is not 0 if Ctrl-C came in the middle of a send.)
        self._size = 0
        if self._is_closing:
            self._finish(None)

    def readable(self) -> None:
        """For a loop that watches the socket: receives, and sends what was written meanwhile."""
        readers, data = self._hub, self._sock._recv_now()
        readers._is_turning = True
        try:
            if type(data) is bytes:
                self.deliver(data)
            else:
                readers.tell(self._number, self, data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.broke(error)
        finally:
            readers._is_turning = False
            if readers._senders:
                readers._flush()


if TYPE_CHECKING or types is None:

    class StreamConnection(PlainStream):
        """A stream in the loop's poller, or in the loop itself."""

else:

    class StreamConnection(types.Stream, StreamSending):
        """The same, with its frequent calls in C."""
