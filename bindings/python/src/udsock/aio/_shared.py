"""A transport's socket, on which a program may send, too."""

from __future__ import annotations

import errno
import weakref
from socket import SOCK_STREAM
from typing import Any, Callable

from .._errors import failure
from .._socket import Socket


def _in_order(name: str, waits: bool = False, ends: bool = False) -> Callable[..., Any]:
    """The method of Socket, to be called after what was written to the transport.

    `waits`: the method can't be called while some of that is still to be sent. `ends`: nobody
    watches the descriptor any more.
    """
    method = getattr(Socket, name)

    def call(self: TransportSocket, *arguments: Any, **options: Any) -> Any:
        transport = self._transport()
        if transport is not None:
            transport.send_before()
            if waits and transport.get_write_buffer_size():
                raise failure(-errno.EAGAIN)
            if ends:
                transport.give_up()
        return method(self, *arguments, **options)

    call.__name__, call.__doc__ = name, method.__doc__
    return call


class TransportSocket(Socket):
    """A transport's Socket: what is sent on it follows what was written to the transport before.

    BlockingIOError: some of that is still to be sent.
    """

    __slots__ = ()

    send = _in_order("send", waits=True)
    sendall = _in_order("sendall", waits=True)
    sendto = _in_order("sendto", waits=True)
    sendmsg = _in_order("sendmsg", waits=True)
    send_message = _in_order("send_message", waits=True)
    send_batch = _in_order("send_batch", waits=True)
    shutdown = _in_order("shutdown")
    detach = _in_order("detach", ends=True)
    close = _in_order("close", ends=True)
    # Whoever asks for the descriptor may send on it.
    fileno = _in_order("fileno")


def check_kind(sock: Any, kind: int) -> None:
    """Refuses a socket that a program gave for connections of this kind, and that is of another."""
    if isinstance(sock, Socket) and sock.type != kind:
        expected = "Stream" if kind == SOCK_STREAM else "Seqpacket"
        raise ValueError(f"A UNIX Domain {expected} Socket was expected, got {sock!r}")


def close_shared(sock: Socket) -> None:
    """By its transport, which has sent what it will, and has left its hub."""
    if type(sock) is TransportSocket:
        Socket.close(sock)
    else:
        sock.close()


def share(sock: Socket, transport: Any) -> None:
    """Has the transport and its socket keep their order from now on."""
    # (A class that a program has derived stays what it is.)
    if type(sock) in (Socket, TransportSocket):
        sock.__class__ = TransportSocket
        sock._transport = weakref.ref(transport)
