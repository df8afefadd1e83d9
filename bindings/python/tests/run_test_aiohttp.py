"""aiohttp's own tests, with udsock.aio in the place of TCP: all that make a connection, but for
benchmarks.

aiohttp does not install its tests: they are in its source, whose directory is the argument.

    python run_test_aiohttp.py DIRECTORY [PYTEST-ARGUMENT...]

A server gets its port from the system, and listens at an abstract name that is made of it; who
connects to the port is connected to the name. What has no server of ours there goes to TCP.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import Any, Dict, Iterator, List, Optional, Set

import aiohttp.connector
import borrowed
import pytest

import udsock
from udsock import aio
from udsock.aio import _connect, _transport

connector: Any = aiohttp.connector
LOOP: Any = asyncio.SelectorEventLoop
_create_server, _create_connection = LOOP.create_server, LOOP.create_connection

_servers: Dict[int, "PortServer"] = {}
"""By port."""

_count = {"connections": 0}
_over_us: Set[str] = set()
_outcomes: Dict[str, str] = {}
"""By test."""

FILES = """
    client_functional client_middleware client_middleware_digest_auth client_session
    client_ws_functional connector formdata proxy_functional run_app test_utils web_app
    web_exceptions web_functional web_log web_middleware web_sendfile_functional web_server
    web_urldispatcher web_websocket_functional
""".split()

MANY = 1000
"""Fewer do not count: then they do not go over us."""

# What differs, by test, and why; ../README.md has the same.
EXPECTED: Dict[str, str] = {
    "test_secure_https_proxy_absolute_path": "its proxy is another program, which asks for TCP",
    "test_tcp_connector_fingerprint_fail": (
        "it looks for the peer's address among those of TCP that it was given"
    ),
    "test_tcp_connector_uses_provided_local_addr": "it binds its end to an address of TCP",
}
if os.getuid() == 0:
    _ROOT = "(not ours) root may read what the test forbids"
    EXPECTED["test_static_directory_without_read_permission"] = _ROOT
    EXPECTED["test_static_file_without_read_permission"] = _ROOT


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


async def connected(number: int) -> udsock.Socket:
    sock = udsock.Socket()
    sock.setblocking(False)
    try:
        await _connect.connect(sock, name_of(number))
    except BaseException:
        sock.close()
        raise
    return sock


async def start_connection(addr_infos: Any, **options: Any) -> Any:
    for *_, address in addr_infos:
        if address[1] in _servers:
            return await connected(address[1])
    return await _start_connection(addr_infos, **options)


_start_connection = connector.aiohappyeyeballs.start_connection


async def create_connection(
    loop: Any, factory: Any, *place: Any, sock: Any = None, **options: Any
) -> Any:
    if place and place[1] in _servers:
        sock = await connected(place[1])
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
    transport: Any = _transport.SocketTransport
    transport.begin = counted(transport.begin)


def pytest_collection_modifyitems(items: List[Any]) -> None:
    for item in items:
        reason = EXPECTED.get(item.originalname)
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: Any) -> Iterator[None]:
    before = _count["connections"]
    yield
    if _count["connections"] > before:
        _over_us.add(item.nodeid)


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" or report.outcome != "passed":
        _outcomes[report.nodeid] = report.outcome


def pytest_terminal_summary(terminalreporter: Any) -> None:
    outcomes = [_outcomes[name] for name in _over_us]
    # (Those that are expected to fail are among the skipped ones.)
    counts = ", ".join(f"{outcomes.count(kind)} {kind}" for kind in sorted(set(outcomes)))
    terminalreporter.write_line(f"aiohttp's tests over udsock.aio: {len(outcomes)}: {counts}")


def main() -> int:
    assert borrowed.unlisted(EXPECTED) == []
    os.chdir(sys.argv[1])
    options = ["-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider", "-q", "-rfEx"]
    # Their markers, as their own pytest.ini has them: what takes other programs, or much time.
    options += ["-m", "not dev_mode and not autobahn and not internal", "--timeout=300"]
    files = [f"tests/test_{name}.py" for name in FILES]
    plugin = sys.modules[__name__]
    code = pytest.main(options + (sys.argv[2:] or files), plugins=[plugin])
    if not sys.argv[2:] and len(_over_us) < MANY:
        print(f"UNEXPECTED: so few make a connection of ours: {len(_over_us)}")
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
