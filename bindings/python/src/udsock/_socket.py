"""The socket: its life, from bind to close."""

from __future__ import annotations

import errno
import os
import socket
import warnings
from ctypes import byref
from operator import index
from socket import getdefaulttimeout
from typing import TYPE_CHECKING, Any, Literal, Optional, Union, overload

from . import _library
from ._address import Address, ReturnedAddress, from_text, to_text
from ._endpoint import Standard
from ._errors import failure
from ._library import NO_HANDLE, Handle, int32, library, text, uint32
from ._messages import Credentials, credentials_of
from ._peer import Peer
from ._standard import StandardSocket

if TYPE_CHECKING:
    import io

    from typing_extensions import Self

# As plain numbers, which are compared in no time.
_FAMILIES = (int(socket.AF_UNIX), -1)
_PROTOCOLS = (0, -1, int(socket.AF_UNIX))
_STREAM = int(socket.SOCK_STREAM)
_KINDS = (_STREAM, int(socket.SOCK_DGRAM), int(socket.SOCK_SEQPACKET))
_NONBLOCK, _CLOEXEC = int(socket.SOCK_NONBLOCK), int(socket.SOCK_CLOEXEC)

_AT_ONCE = 65536
"""So many bytes of a file are sent at once."""


class Socket(Peer):
    """A Unix domain socket. It can be used wherever a socket.socket(AF_UNIX) can.

    A socket made by the constructor receives descriptors that come with messages, as socket.socket
    does. Those that the functions of this module open do so only if `receive_descriptors` is set.
    Closing a socket that was bound removes its file.
    """

    __slots__ = ()

    _default_timeout = staticmethod(getdefaulttimeout)

    def _open_with(
        self,
        family: int = socket.AF_UNIX,
        type: int = socket.SOCK_STREAM,
        proto: int = 0,
        fileno: Optional[int] = None,
    ) -> None:
        if family not in _FAMILIES:
            raise failure(-errno.EAFNOSUPPORT)
        if proto not in _PROTOCOLS:
            raise failure(-errno.EPROTONOSUPPORT)
        kind = _STREAM if type == -1 else index(type)
        timeout = getdefaulttimeout()
        if kind & _NONBLOCK:
            timeout = 0.0
        kind &= ~(_NONBLOCK | _CLOEXEC)
        if fileno is not None:
            handle, kind = adopted(fileno)
        else:
            handle = self._create(kind, True) if kind in _KINDS else -errno.ESOCKTNOSUPPORT
            if handle < 0:
                raise failure(handle)
        self._take(handle, kind, timeout)
        if fileno is not None:
            self.receive_descriptors = True

    # ---- What it is

    @property
    def family(self) -> socket.AddressFamily:
        """Always AF_UNIX."""
        return socket.AF_UNIX

    @property
    def type(self) -> socket.SocketKind:
        """SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET."""
        return socket.SocketKind(self._kind)

    @property
    def proto(self) -> int:
        """Always 0."""
        return 0

    def __repr__(self) -> str:
        closed = self.handle < 0
        text = f"<{__name__.partition('.')[0]}.{type(self).__name__}"
        text += " [closed]" if closed else ""
        text += f" fd={self.fileno()}, family={self.family}, type={self.type}, proto={self.proto}"
        for name, read in (("laddr", self.getsockname), ("raddr", self.getpeername)):
            try:
                address = read()
            except OSError:
                continue
            text += f", {name}={address!r}" if address else ""
        return text + ">"

    # ---- Names and connections

    def bind(
        self,
        address: Address,
        /,
        *,
        mode: int = 0,
        user: Union[int, str, None] = None,
        group: Union[int, str, None] = None,
        replace: bool = False,
        reclaim: bool = True,
        keep_file: bool = False,
        make_parents: bool = False,
        restore_file: bool = False,
    ) -> None:
        """Gives the socket a name. The file of a server that has gone is removed first."""
        options = bind_options(
            mode, user, group, 0, replace, reclaim, keep_file, make_parents, restore_file
        )
        text = to_text(address)
        error = _library.Error()
        code = library.udsock_bind(self._handle, text, byref(options), byref(error))
        if code < 0:
            raise failure(code, error.message, from_text(text))

    def listen(self, backlog: Optional[int] = None, /) -> None:
        """Lets clients connect. `backlog`: how many may wait; None: as the system allows."""
        waiting = 0 if backlog is None else max(1, int32(backlog))
        code = library.udsock_listen(self._handle, waiting)
        if code < 0:
            raise failure(code)

    def accept(self) -> tuple[Socket, ReturnedAddress]:
        """Waits for the next client, and returns it with its address."""
        client = self._accepted(self._accept())
        try:
            name = client._address(True)
        except OSError:
            return client, ""
        return client, from_text(name) if name else ""

    def accept_with_credentials(self) -> tuple[Socket, Credentials]:
        """Waits for the next client, and returns it with its credentials."""
        who = _library.Credentials()

        def accept(server: Handle, limit: int) -> int:
            handle: int = library.udsock_accept(server, limit, byref(who))
            return handle

        client = self._accepted(self._wait(self._milliseconds, accept))
        return client, credentials_of(who)

    def _accepted(self, handle: int) -> Socket:
        if handle < 0:
            raise failure(handle)
        return Socket._from_handle(handle, self._kind, getdefaulttimeout())

    def _connect_with(self, address: Address, /, *, retry: bool = False) -> None:
        text = to_text(address)
        code, words = self._connect(text, retry)
        if code < 0:
            raise self._connect_failure(code, words, text)

    @staticmethod
    def _connect_failure(code: int, words: Optional[bytes], text: bytes) -> Exception:
        return failure(code, words, from_text(text))

    def connect_ex(self, address: Address, /) -> int:
        """As connect, but returns 0 or an errno."""
        code, _ = self._connect(to_text(address), False)
        return errno.EAGAIN if code == -errno.ETIMEDOUT else -code

    def shutdown(self, how: int, /) -> None:
        """Shuts one side or both: SHUT_RD, SHUT_WR or SHUT_RDWR."""
        code = library.udsock_shutdown(self._handle, int32(int32(how) + 1))
        if code < 0:
            raise failure(code)

    # ---- The end

    def detach(self) -> int:
        """Gives the descriptor away, in blocking mode, as socket(2) makes it. The file stays."""
        handle, self._handle = self._handle, NO_HANDLE
        self._closed = True
        if handle.value < 0:
            return -1
        fd: int = library.udsock_release(handle)
        if fd < 0:
            raise failure(fd)
        return fd

    def as_socket(self) -> socket.socket:
        """Turns this socket into a socket.socket, for code that needs one; this one is closed.

        Closing the result removes the file. It does only what the system's calls do: rules
        (`allow_user` and its like, `max_per_uid`) have no effect any more.
        """
        if self.fileno() < 0:
            raise failure(-errno.EBADF)
        timeout = self._timeout
        if self.owns_file:
            owner = Socket._from_handle(self.handle, self._kind)
            try:
                made: socket.socket = StandardSocket._of(owner)
            except BaseException:
                owner._handle = NO_HANDLE
                raise
            self._handle = NO_HANDLE
            self._closed = True
        else:
            made = socket.socket(socket.AF_UNIX, self._kind, 0, fileno=self.detach())
        made.settimeout(timeout)
        return made

    def disown(self) -> None:
        """Leaves the socket's file to another process: it is not removed any more."""
        code = library.udsock_disown(self._handle)
        if code < 0:
            raise failure(code)

    def _abandoned(self) -> None:
        warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
        self._close()

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    # ---- Descriptors and files

    def dup(self) -> Socket:
        """A second descriptor of the same socket. It does not own the socket's file."""
        fd = self.fileno()
        if fd < 0:
            raise failure(-errno.EBADF)
        copy = Socket(fileno=socket.dup(fd))
        copy.settimeout(self.gettimeout())
        return copy

    def get_inheritable(self) -> bool:
        """Whether programs that this one starts get the descriptor; at first they don't."""
        return os.get_inheritable(self.fileno())

    def set_inheritable(self, inheritable: bool) -> None:
        """Sets whether they do. What they get does not block (see `detach`)."""
        os.set_inheritable(self.fileno(), inheritable)

    @overload
    def makefile(
        self,
        mode: Literal["r", "w", "rw", "wr", ""] = "r",
        buffering: Optional[int] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> io.TextIOWrapper: ...

    @overload
    def makefile(
        self,
        mode: Literal["b", "rb", "br"],
        buffering: None = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> io.BufferedReader: ...

    @overload
    def makefile(
        self,
        mode: Literal["wb", "bw"],
        buffering: None = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> io.BufferedWriter: ...

    @overload
    def makefile(
        self,
        mode: str,
        buffering: Optional[int] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> Any: ...

    def makefile(
        self,
        mode: str = "r",
        buffering: Optional[int] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> Any:
        """A file over the socket. The socket is closed only after the file."""
        # It is written in Python, and made for whatever has socket.socket's methods.
        return Standard.makefile(
            self,  # type: ignore[call-overload]
            mode,
            buffering,
            encoding=encoding,
            errors=errors,
            newline=newline,
        )

    def _decref_socketios(self) -> None:
        if self._io_refs > 0:
            self._io_refs -= 1
        if self._closed:
            self.close()

    def sendfile(self, file: Any, offset: int = 0, count: Optional[int] = None) -> int:
        """Sends a file's bytes from `offset` on, and returns how many.

        Afterwards the file's position is behind them.
        """
        if self._kind != socket.SOCK_STREAM:
            raise ValueError("only SOCK_STREAM type sockets are supported")
        if "b" not in getattr(file, "mode", "b"):
            raise ValueError("file should be opened in binary mode")
        if self.gettimeout() == 0:
            raise ValueError("non-blocking sockets are not supported")
        if count is not None:
            if not isinstance(count, int):
                raise TypeError(f"count must be a positive integer (got {count!r})")
            if count <= 0:
                raise ValueError(f"count must be a positive integer (got {count!r})")
        if offset:
            file.seek(offset)
        total = 0
        try:
            while count is None or total < count:
                size = _AT_ONCE if count is None else min(_AT_ONCE, count - total)
                data = memoryview(file.read(size))
                if not data:
                    break
                while data:
                    sent = self.send(data)
                    total += sent
                    data = data[sent:]
        finally:
            if total and hasattr(file, "seek"):
                file.seek(offset + total)
        return total


def bind_options(
    mode: int,
    user: Union[int, str, None],
    group: Union[int, str, None],
    backlog: int,
    replace: bool,
    reclaim: bool,
    keep_file: bool,
    make_parents: bool,
    restore_file: bool,
) -> _library.BindOptions:
    flags = _library.REPLACE * bool(replace) | _library.NO_RECLAIM * (not reclaim)
    flags |= _library.KEEP_FILE * bool(keep_file) | _library.MAKE_PARENTS * bool(make_parents)
    flags |= _library.RESTORE_FILE * bool(restore_file)
    return _library.BindOptions(
        flags=flags,
        mode=uint32(mode),
        backlog=int32(backlog),
        user=_name_of(user),
        group=_name_of(group),
    )


def _name_of(owner: Union[int, str, None]) -> Optional[bytes]:
    """A user or a group, by name or by number, as the library reads it."""
    if owner is None:
        return None
    return text(owner) if isinstance(owner, (str, bytes)) else b"%d" % uint32(owner)


def connect_options(
    limit: int, retry: bool, local_address: Optional[bytes]
) -> _library.ConnectOptions:
    flags = _library.RETRY * bool(retry) | _library.DONT_WAIT * (limit == 0)
    return _library.ConnectOptions(flags=flags, timeout_ms=limit, local_address=local_address)


def adopted(fileno: int) -> tuple[int, int]:
    """A handle for a descriptor, and the socket's kind."""
    fd = int32(fileno)
    if fd < 0:
        raise ValueError("negative file descriptor")
    error = _library.Error()
    handle: int = library.udsock_adopt(fd, byref(error))
    if handle < 0:
        raise failure(handle, error.message)
    return handle, library.udsock_get_option(Handle(handle), _library.OPTION_KIND)
