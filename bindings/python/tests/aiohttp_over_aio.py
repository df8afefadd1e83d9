"""A plugin of pytest's: aiohttp's own tests, with udsock.aio in the place of TCP.

What aiohttp does not install is in its source. There:

    python -m pytest -p aiohttp_over_aio -c /dev/null --rootdir . tests

A server gets its port from the system, and listens at an abstract name that is made of it; who
connects to the port is connected to the name. What has no server of ours there goes to TCP. At the
end the plugin says how many tests made a connection of ours, and what became of them.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any, Dict, List, Optional

import borrowed
import pytest
from aiohttp import connector

import udsock
from udsock import aio
from udsock.aio import _connect, _transport

LOOP: Any = asyncio.SelectorEventLoop
_create_server, _create_connection = LOOP.create_server, LOOP.create_connection

_servers: Dict[int, "PortServer"] = {}
"""By port."""

_count = {"connections": 0}


def name_of(port: int) -> str:
    return f"@aiohttp-{os.getpid()}-{port}"


def port_of(name: Any) -> Any:
    """An address as TCP has it, of what was made of one."""
    prefix = name_of(0)[:-1].replace("@", "\0").encode()
    if isinstance(name, bytes) and name.startswith(prefix):
        return "127.0.0.1", int(name[len(prefix) :])
    return name


class PortServer(aio.Server):
    """It says that it is at a port, which is its own as long as it is there."""

    places: List[socket.socket]

    @property
    def sockets(self) -> Any:
        return tuple(self.places) if super().sockets else ()

    def close(self) -> None:
        for place in self.places:
            if _servers.get(place.getsockname()[1]) is self:
                del _servers[place.getsockname()[1]]
            place.close()
        self.places = []
        super().close()


def bound(host: Any, port: Optional[int], options: Any) -> socket.socket:
    if isinstance(host, (list, tuple)):
        [host] = host
    family = socket.AF_INET6 if host and ":" in host else socket.AF_INET
    place = socket.socket(family)
    try:
        if options.get("reuse_address") is not False:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind((host or "", port or 0))
    except BaseException:
        place.close()
        raise
    return place


async def create_server(
    loop: Any, factory: Any, host: Any = None, port: Any = None, *, sock: Any = None, **options: Any
) -> Any:
    if sock is not None and sock.family == socket.AF_UNIX:
        return await borrowed.create_unix_server(loop, factory, sock=sock, **options)
    place = sock if sock is not None else bound(host, port, options)
    taken = ("ssl", "backlog", "start_serving", "ssl_handshake_timeout", "ssl_shutdown_timeout")
    options = {name: options[name] for name in taken if options.get(name) is not None}
    number = place.getsockname()[1]
    server: Any = await aio.create_server(factory, name_of(number), **options)
    server.__class__, server.places = PortServer, [place]
    _servers[number] = server
    return server


async def start_connection(addr_infos: Any, **options: Any) -> Any:
    for *_, address in addr_infos:
        if address[1] in _servers:
            return await _connect.connected(name_of(address[1]), socket.SOCK_STREAM)
    return await _start_connection(addr_infos, **options)


_start_connection = connector.aiohappyeyeballs.start_connection


async def create_connection(loop: Any, factory: Any, *place: Any, sock: Any = None, **options: Any) -> Any:
    if place and place[1] in _servers:
        sock = await _connect.connected(name_of(place[1]), socket.SOCK_STREAM)
    if not isinstance(sock, udsock.Socket):
        return await _create_connection(loop, factory, *place, sock=sock, **options)
    taken = ("ssl", "server_hostname", "ssl_handshake_timeout", "ssl_shutdown_timeout")
    options = {name: options[name] for name in taken if options.get(name) is not None}
    return await aio.create_connection(factory, sock=sock, **options)


def as_tcp(name: str) -> Any:
    read = _transport._EXTRA[name]

    def address(sock: udsock.Socket) -> Any:
        known = port_of(read(sock))
        # A client has no name; of TCP's it would have one.
        return known if known not in ("", b"", None) else ("127.0.0.1", 1)

    return address


def counted(begin: Any) -> Any:
    def call(self: Any) -> None:
        _count["connections"] += 1
        begin(self)

    return call


def pytest_configure() -> None:
    LOOP.create_server, LOOP.create_connection = create_server, create_connection
    borrowed.put_into(LOOP)
    connector.aiohappyeyeballs.start_connection = start_connection
    for name in ("sockname", "peername"):
        _transport._EXTRA[name] = as_tcp(name)
    _transport.SocketTransport.begin = counted(_transport.SocketTransport.begin)  # type: ignore


_over_us: Dict[str, str] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: Any) -> Any:
    before = _count["connections"]
    result = yield
    if _count["connections"] > before:
        _over_us.setdefault(item.nodeid, "")
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    report = yield
    if call.when == "call" or report.outcome != "passed":
        _over_us_outcomes[item.nodeid] = report.outcome
    return report


_over_us_outcomes: Dict[str, str] = {}


def pytest_terminal_summary(terminalreporter: Any) -> None:
    outcomes = [_over_us_outcomes.get(name, "passed") for name in _over_us]
    counts = ", ".join(f"{outcomes.count(kind)} {kind}" for kind in sorted(set(outcomes)))
    terminalreporter.write_line(f"aiohttp's tests over udsock.aio: {len(outcomes)}: {counts}")
    files: Dict[str, int] = {}
    for name in _over_us:
        files[name.partition("::")[0]] = files.get(name.partition("::")[0], 0) + 1
    for name in sorted(files):
        terminalreporter.write_line(f"    {name}: {files[name]}")
