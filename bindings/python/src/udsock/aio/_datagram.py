"""Datagram endpoints: asyncio.DatagramTransport."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Optional, TypedDict, TypeVar, Union

from .. import _library
from .._address import Address, from_text, to_text
from .._errors import failure
from .._library import library
from .._open import open_datagram
from .._socket import Socket
from ._hub import hub_of
from ._transport import SocketTransport

if TYPE_CHECKING:
    from typing_extensions import Unpack

AnyProtocol = TypeVar("AnyProtocol", bound=asyncio.DatagramProtocol)

_FIRST_PAUSE = 100e-6
_LONGEST_PAUSE = 20e-3

_WAITS = (-errno.EAGAIN, -errno.EINTR)

_send = library.udsock_send
_send_to = library.udsock_send_to
_length = _library.length


class DatagramOptions(TypedDict, total=False):
    """As open_datagram has them."""

    mode: int
    user: Union[int, str, None]
    group: Union[int, str, None]
    reclaim: bool
    keep_file: bool
    make_parents: bool


class DatagramEndpoint(SocketTransport, asyncio.DatagramTransport):
    """Sends at once what the kernel takes; what waits keeps its order."""

    __slots__ = ("_messages", "_pause", "_timer")

    def __init__(self, *arguments: Any) -> None:
        self._messages: deque[tuple[bytes, Optional[bytes]]] = deque()
        self._pause = _FIRST_PAUSE
        self._timer: Optional[asyncio.TimerHandle] = None
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

    def ended(self) -> None:
        """Its reading side was shut down; it may still send."""

    def _stop_receiving(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # ---- Sending

    def sendto(self, data: Any, addr: Optional[Any] = None) -> None:
        """Sends a message to an address, or to where the endpoint is connected."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data is bytes-like, not {type(data).__name__}")
        if self._is_lost:
            self._warn_of_loss()
            return
        self._messages.append((bytes(data), None if addr is None else to_text(addr)))
        # An empty message takes memory, too.
        self._size += len(data) + 1
        if self._is_blocked or self._timer is not None:
            self._regard_limits()
        else:
            self.flush()

    def _send_collected(self) -> int:
        messages = self._messages
        while messages:
            data, address = messages[0]
            size = _length(len(data))
            if address is None:
                sent: int = _send(self._handle, data, size, 0)
            else:
                sent = _send_to(self._handle, data, size, address, 0)
            if sent in _WAITS:
                return 1
            messages.popleft()
            self._size -= len(data) + 1
            self._pause = _FIRST_PAUSE
            if sent < 0:
                self._tell_error(sent, address)
        return 0

    def _tell_error(self, code: int, address: Optional[bytes]) -> None:
        error = failure(code, filename=None if address is None else from_text(address))
        try:
            self._protocol.error_received(error)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as broken:
            self._report("protocol.error_received() failed", broken)

    def _set_blocked(self, blocked: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Of a receiver's full queue the kernel tells only who is connected to it.
        is_connected = bool(self._messages) and self._messages[0][1] is None
        super()._set_blocked(blocked and is_connected)
        if blocked and not is_connected:
            self._timer = self._loop.call_later(self._pause, self.flush)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _discard(self) -> None:
        self._messages.clear()


async def create_datagram_endpoint(
    protocol_factory: Callable[[], AnyProtocol],
    local_addr: Optional[Address] = None,
    remote_addr: Optional[Address] = None,
    *,
    sock: Optional[Socket] = None,
    **options: Unpack[DatagramOptions],
) -> tuple[DatagramEndpoint, AnyProtocol]:
    """loop.create_datagram_endpoint, over this library.

    `local_addr`: "@" for a name that the kernel picks, so that answers arrive; None: no name.
    """
    if sock is None:
        sock = open_datagram(local_addr, **options)
    elif local_addr is not None or remote_addr is not None:
        raise ValueError("either addresses or sock, not both")
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
