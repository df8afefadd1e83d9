"""Datagram endpoints: asyncio.DatagramTransport."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from socket import SOCK_DGRAM
from typing import TYPE_CHECKING, Any, Callable, Optional, TypedDict, TypeVar, Union

from .. import _library
from .._address import Address, from_text, to_text
from .._errors import failure
from .._library import library
from .._open import open_datagram
from .._socket import Socket
from ._hub import hub_of
from ._transport import CLOSE_TIMEOUT, SocketTransport, check_socket

if TYPE_CHECKING:
    from typing_extensions import Unpack

AnyProtocol = TypeVar("AnyProtocol", bound=asyncio.DatagramProtocol)

_FIRST_PAUSE = 100e-6
_LONGEST_PAUSE = 0.1

_MOST_FOR_ONE = 1 << 20
_MOST_FOR_ALL = 16 << 20
"""So many bytes are kept for receivers that are full; what is more is refused."""

_WAITS = (-errno.EAGAIN, -errno.EINTR)

_send = library.udsock_send
_send_to = library.udsock_send_to
_length = _library.length


class DatagramOptions(TypedDict, total=False):
    """The options of open_datagram."""

    mode: int
    user: Union[int, str, None]
    group: Union[int, str, None]
    reclaim: bool
    keep_file: bool
    make_parents: bool


class _Queue:
    """What waits for one receiver, in order."""

    __slots__ = ("messages", "size", "pause", "timer")

    def __init__(self) -> None:
        self.messages: deque[bytes] = deque()
        self.size = 0
        self.pause = _FIRST_PAUSE
        self.timer: Optional[asyncio.TimerHandle] = None


class DatagramEndpoint(SocketTransport, asyncio.DatagramTransport):
    """Sends at once what the kernel takes. What waits for one receiver does not hold up others."""

    def __init__(self, *arguments: Any) -> None:
        # None: for whom the endpoint is connected to.
        self._queues: dict[Optional[bytes], _Queue] = {}
        super().__init__(*arguments)

    # ---- Receiving

    def deliver(self, data: bytes) -> None:
        if not self._is_closing:
            self._protocol.datagram_received(data, None)

    def received(self, data: bytes, address: bytes, code: int) -> None:
        if self._is_closing:
            return
        if code:
            self._protocol.error_received(failure(code))
        else:
            self._protocol.datagram_received(data, from_text(address))

    def broke(self, error: BaseException) -> None:
        """The next message may be from somebody else, who can do nothing about it."""
        self._report("A callback of the datagram protocol failed.", error)

    def ended(self) -> None:
        """The reading side was shut down; the endpoint may still send."""

    def _stop_receiving(self) -> None:
        """Does nothing: what comes after the end is not delivered."""

    # ---- Sending

    def sendto(self, data: Any, addr: Optional[Any] = None) -> None:
        """Sends a message to an address, or to the one that the endpoint is connected to.

        If too much waits for a receiver already, error_received gets ENOBUFS.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data is bytes-like, not {type(data).__name__}")
        if self._is_lost:
            self._warn_of_loss()
            return
        message, address = bytes(data), None if addr is None else to_text(addr)
        queue = self._queues.get(address)
        if queue is None:
            sent = self._send_one(message, address)
            if sent not in _WAITS:
                if sent < 0:
                    self._tell_error(sent, address)
                return
            queue = self._queues[address] = _Queue()
        # An empty message takes memory, too.
        size = len(message) + 1
        if queue.size + size > _MOST_FOR_ONE or self._size + size > _MOST_FOR_ALL:
            self._tell_error(-errno.ENOBUFS, address)
            return
        queue.messages.append(message)
        queue.size += size
        self._size += size
        self._wait_for(address, queue)
        self._regard_limits()

    def _send_one(self, message: bytes, address: Optional[bytes]) -> int:
        size = _length(len(message))
        if address is None:
            sent: int = _send(self._sock._handle, message, size, 0)
        else:
            sent = _send_to(self._sock._handle, message, size, address, 0)
        return sent

    def _wait_for(self, address: Optional[bytes], queue: _Queue) -> None:
        """Waits for room. The kernel reports a receiver's room only to a connected sender."""
        if address is None:
            self._set_blocked(True)
        elif queue.timer is None:
            queue.timer = self._loop.call_later(queue.pause, self._try_again, address)
            # Never longer than the receiver has let us wait.
            queue.pause = min(queue.pause * 2, _LONGEST_PAUSE)

    def _try_again(self, address: Optional[bytes]) -> None:
        queue = self._queues[address]
        queue.timer = None
        self._send_queue(address, queue)
        self._regard_limits()
        self._finish_if_done()

    def flush(self) -> None:
        """The connected receiver has room, or the endpoint was closed."""
        queue = self._queues.get(None)
        if queue is not None and not self._is_lost:
            self._send_queue(None, queue)
            self._regard_limits()
        self._finish_if_done()

    def _send_queue(self, address: Optional[bytes], queue: _Queue) -> None:
        messages = queue.messages
        while messages:
            sent = self._send_one(messages[0], address)
            if sent in _WAITS:
                self._wait_for(address, queue)
                return
            queue.pause = _FIRST_PAUSE
            size = len(messages.popleft()) + 1
            queue.size -= size
            self._size -= size
            if sent < 0:
                self._tell_error(sent, address)
                if self._is_lost:
                    return
        del self._queues[address]
        if queue.timer is not None:
            queue.timer.cancel()
        if address is None:
            self._set_blocked(False)

    def _finish_if_done(self) -> None:
        if self._is_closing and not self._is_lost and not self._queues:
            self._finish(None)

    def _tell_error(self, code: int, address: Optional[bytes]) -> None:
        error = failure(code, filename=None if address is None else from_text(address))
        try:
            self._protocol.error_received(error)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as broken:
            self._report("protocol.error_received() failed", broken)

    def _discard(self) -> None:
        for queue in self._queues.values():
            if queue.timer is not None:
                queue.timer.cancel()
        self._queues.clear()

    def close(self) -> None:
        """Closes. What waits for receivers is sent first, as far as they take it soon."""
        super().close()
        self.end_within(CLOSE_TIMEOUT)


async def create_datagram_endpoint(
    protocol_factory: Callable[[], AnyProtocol],
    local_addr: Optional[Address] = None,
    remote_addr: Optional[Address] = None,
    *,
    sock: Optional[Socket] = None,
    **options: Unpack[DatagramOptions],
) -> tuple[DatagramEndpoint, AnyProtocol]:
    """As loop.create_datagram_endpoint, over this library.

    `local_addr`: "@" for a name that the kernel picks, so that answers arrive; None: no name.
    """
    if sock is None:
        sock = open_datagram(local_addr, **options)
    elif local_addr is not None or remote_addr is not None:
        raise ValueError("either addresses or sock, not both")
    else:
        check_socket(sock)
        if sock.type != SOCK_DGRAM:
            raise ValueError(f"A datagram socket was expected, got {sock!r}")
    try:
        if remote_addr is not None:
            sock.connect(remote_addr)
        loop = asyncio.get_running_loop()
        protocol = protocol_factory()
        endpoint = DatagramEndpoint(loop, hub_of(loop), sock, protocol)
    except BaseException:
        sock.close()
        raise
    endpoint.begin()
    return endpoint, protocol
