"""A socket's address, who is at the other end, and who may connect."""

from __future__ import annotations

import os
from ctypes import byref, c_uint32, create_string_buffer
from typing import Any, Callable, Union

from . import _library
from ._address import ReturnedAddress, from_text
from ._library import library, text, uint32
from ._messages import Credentials, credentials_of
from ._options import Options, check


class Peer(Options):
    """A socket's address and peer, and who may be a peer."""

    __slots__ = ()

    # ---- Addresses

    def getsockname(self) -> ReturnedAddress:
        """The socket's own address; "": it has none."""
        return from_text(self._address(False))

    def getpeername(self) -> ReturnedAddress:
        """The peer's address; "": it has none."""
        return from_text(self._address(True))

    @property
    def local_address(self) -> str:
        """The socket's own address as the library writes it; "": it has none."""
        return os.fsdecode(self._address(False))

    @property
    def remote_address(self) -> str:
        """The peer's address as the library writes it; "": it has none."""
        return os.fsdecode(self._address(True))

    # ---- The peer

    @property
    def peer_credentials(self) -> Credentials:
        """Who the peer is, as the kernel vouches for it."""
        credentials = _library.Credentials()
        check(library.udsock_peer_credentials(self._handle, byref(credentials)))
        return credentials_of(credentials)

    @property
    def peer_groups(self) -> list[int]:
        """The peer's supplementary groups."""
        count = check(library.udsock_peer_groups(self._handle, None, 0))
        groups = (c_uint32 * count)()
        return groups[: check(library.udsock_peer_groups(self._handle, groups, count))]

    def peer_pidfd(self) -> int:
        """A descriptor for the peer's process. The caller has to close it."""
        return check(library.udsock_peer_pidfd(self._handle))

    @property
    def peer_label(self) -> str:
        """The peer's security label."""
        return os.fsdecode(self._text(library.udsock_peer_label))

    # ---- The allow list

    def allow_user(self, user: Union[int, str]) -> None:
        """Lets this user (a number or a name) connect. After the first rule nobody else may."""
        if isinstance(user, (str, bytes)):
            check(library.udsock_allow_user(self._handle, text(user)))
        else:
            check(library.udsock_allow_uid(self._handle, uint32(user)))

    def allow_group(self, group: Union[int, str]) -> None:
        """Lets the members of this group (a number or a name) connect."""
        if isinstance(group, (str, bytes)):
            check(library.udsock_allow_group(self._handle, text(group)))
        else:
            check(library.udsock_allow_gid(self._handle, uint32(group)))

    def _text(self, call: Callable[..., int]) -> bytes:
        room: Any = create_string_buffer(_library.ADDRESS_SIZE)
        size = check(call(self._handle, room, len(room)))
        found: bytes = room[:size]
        return found
