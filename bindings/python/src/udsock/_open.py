"""Sockets ready for use, in one call."""

from __future__ import annotations

import errno
import os
import socket
from ctypes import byref, c_int64, create_string_buffer
from time import monotonic
from typing import Any, Optional, Union

from . import _library
from ._address import Address, from_text, to_text
from ._plain import milliseconds, seconds
from ._errors import failure
from ._library import Handle, library, uint32
from ._socket import Socket, adopted, bind_options, connect_options

_EINTR = -errno.EINTR

STREAM = socket.SOCK_STREAM
DGRAM = socket.SOCK_DGRAM
SEQPACKET = socket.SOCK_SEQPACKET


def open_server(
    address: Address,
    kind: int = STREAM,
    *,
    mode: int = 0,
    user: Union[int, str, None] = None,
    group: Union[int, str, None] = None,
    backlog: int = 0,
    replace: bool = False,
    reclaim: bool = True,
    keep_file: bool = False,
    make_parents: bool = False,
    restore_file: bool = False,
) -> Socket:
    """Opens a server, bound to the address and listening. Closing it removes its file.

    `mode`, `user` and `group` of the file hold before anyone can connect. `backlog`: how many
    clients may wait; 0: as many as the system allows. `replace`: takes the path over from a live
    server; no client sees an error. `reclaim`: a dead server's file is removed first. `keep_file`:
    closing leaves the file. `make_parents`: makes missing directories. `restore_file`: the server
    gets its path back if the file was removed, or if another program took the path.
    """
    options = bind_options(
        mode, user, group, backlog, replace, reclaim, keep_file, make_parents, restore_file
    )
    text = to_text(address)
    error = _library.Error()
    handle = library.udsock_open_server(uint32(kind), text, byref(options), byref(error))
    if handle < 0:
        raise failure(handle, error.message, from_text(text))
    return Socket._from_handle(handle, kind)


def open_client(
    address: Address,
    kind: int = STREAM,
    *,
    timeout: Optional[float] = None,
    retry: bool = False,
    local_address: Optional[Address] = None,
) -> Socket:
    """Opens a client: a socket that is connected to the address.

    `timeout`: for connecting, and afterwards the socket's own. `retry`: waits until there is a
    server. `local_address`: the client is bound to this address first, so that the server sees who
    connects.
    """
    timeout = seconds(timeout)
    text = to_text(address)
    local = None if local_address is None else to_text(local_address)
    end = monotonic() + (timeout or 0.0)
    error = _library.Error()
    limit = milliseconds(timeout)
    while True:
        options = connect_options(limit, retry, local)
        handle = library.udsock_open_client(uint32(kind), text, byref(options), byref(error))
        if handle != _EINTR:
            break
        if limit > 0:
            limit = max(1, milliseconds(max(0.0, end - monotonic())))
    if handle < 0:
        raise failure(handle, error.message, from_text(text))
    client = Socket._from_handle(handle, kind)
    client.settimeout(timeout)
    return client


def open_datagram(
    address: Optional[Address] = None,
    *,
    mode: int = 0,
    user: Union[int, str, None] = None,
    group: Union[int, str, None] = None,
    reclaim: bool = True,
    keep_file: bool = False,
    make_parents: bool = False,
) -> Socket:
    """Opens a datagram socket. "@": it gets a name that the kernel picks; None: it gets no name."""
    options = bind_options(mode, user, group, 0, False, reclaim, keep_file, make_parents, False)
    text = None if address is None else to_text(address)
    error = _library.Error()
    handle = library.udsock_open_datagram(text, byref(options), byref(error))
    if handle < 0:
        raise failure(handle, error.message, from_text(text) if text else None)
    return Socket._from_handle(handle, DGRAM)


def pair(kind: int = STREAM) -> tuple[Socket, Socket]:
    """Two sockets that are connected with each other."""
    handles = (c_int64 * 2)()
    code = library.udsock_open_pair(uint32(kind), handles)
    if code < 0:
        raise failure(code)
    return Socket._from_handle(handles[0], kind), Socket._from_handle(handles[1], kind)


def socketpair(
    family: Optional[int] = None, type: int = socket.SOCK_STREAM, proto: int = 0
) -> tuple[Socket, Socket]:
    """As socket.socketpair: a pair as Socket's constructor makes its sockets."""
    if family not in (None, socket.AF_UNIX):
        raise failure(-errno.EAFNOSUPPORT)
    if proto != 0:
        raise failure(-errno.EPROTONOSUPPORT)
    both = pair(type & ~(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC))
    for one in both:
        one.receive_descriptors = True
        one.settimeout(0.0 if type & socket.SOCK_NONBLOCK else socket.getdefaulttimeout())
    return both


def adopt(fileno: int) -> Socket:
    """Takes over a Unix socket's descriptor: do not close it yourself. Its file, if any, stays."""
    return Socket._from_handle(*adopted(fileno))


def activated() -> list[tuple[str, Socket]]:
    """The Unix sockets that a service manager passed (systemd's LISTEN_FDS), and their names."""
    capacity = 16
    while True:
        handles = (c_int64 * capacity)()
        error = _library.Error()
        count = library.udsock_activated(handles, capacity, byref(error))
        if count != -errno.ERANGE:
            break
        capacity *= 2
    if count < 0:
        raise failure(count, error.message)
    return [_activated(handle) for handle in handles[:count]]


def _activated(handle: int) -> tuple[str, Socket]:
    kind = library.udsock_get_option(Handle(handle), _library.OPTION_KIND)
    name: Any = create_string_buffer(_library.ADDRESS_SIZE)
    size = library.udsock_activated_name(Handle(handle), name, len(name))
    return os.fsdecode(name[: max(size, 0)]), Socket._from_handle(handle, kind)
