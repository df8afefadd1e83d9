"""Addresses: as socket.socket has them, and as the library's text.

| socket.socket      | the library         |                                |
|--------------------|---------------------|--------------------------------|
| "/run/app.sock"    | "/run/app.sock"     | a path                         |
| b"\\0app"           | "@app"              | an abstract name               |
| b"\\0app\\0...\\0"    | "@app\\z"            | one with NULs up to 108 bytes  |
| ""                 | "@"                 | a name that the kernel picks   |
| "", or None        | ""                  | no name                        |

Both forms are taken everywhere. What socket.socket's methods return has its form.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    import re

Address = Union[str, bytes, bytearray, os.PathLike[str], os.PathLike[bytes]]
ReturnedAddress = Union[str, bytes]
"""As socket.socket returns it: bytes for an abstract name, else str."""

_SUN_PATH = 108
_ESCAPE = rb"\\(?:(\\)|(0)|x([0-9A-Fa-f]{2}))"
# (Not a backslash that stands for itself, and a "z".)
_PADDED = rb"(?<!\\)(?:\\\\)*\\z\Z"


def to_text(address: Any) -> bytes:
    """The address as the library reads it."""
    if isinstance(address, (str, bytes)):
        return _to_text(address)
    if isinstance(address, bytearray):
        return _to_text(bytes(address))
    if isinstance(address, os.PathLike):
        return _to_text(os.fspath(address))
    raise TypeError(f"an address is str, bytes or a path, not {type(address).__name__}")


@lru_cache(maxsize=1024)
def _to_text(address: Union[str, bytes]) -> bytes:
    name = os.fsencode(address)
    if not name:
        return b"@"
    if name[0] != 0:
        if b"\0" in name:
            raise ValueError("embedded null byte")
        return name
    if len(name) == 1:
        raise ValueError("an abstract name can't be empty")
    return b"@" + name[1:].replace(b"\\", b"\\\\").replace(b"\0", b"\\0")


def from_text(text: bytes) -> ReturnedAddress:
    """The address as socket.socket returns it."""
    if not text:
        return ""
    if text.startswith(b"@"):
        name = text[1:]
        if b"\\" not in name:
            return b"\0" + name
        import re

        padded = re.search(_PADDED, name) is not None
        name = b"\0" + re.sub(_ESCAPE, _unescaped, name[:-2] if padded else name)
        return name.ljust(_SUN_PATH, b"\0") if padded else name
    return os.fsdecode(text)


def _unescaped(escape: "re.Match[bytes]") -> bytes:
    backslash, _, digits = escape.groups()
    if backslash:
        return b"\\"
    return bytes.fromhex(digits.decode()) if digits else b"\0"
