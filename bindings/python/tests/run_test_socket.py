"""CPython's own test_socket, with its socket constructor replaced by ours.

Two runs. First the tests for AF_UNIX, as they are. Then those for TCP and UDP that ask for
nothing but what every socket has: a socket in disguise gives each port an abstract name.

    python run_test_socket.py [-v] [test ...]
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import sys
import types
import unittest
from typing import Any

import test.test_socket as test_socket  # type: ignore[import-not-found]

import borrowed
import udsock

UNIX_CLASSES = [
    "BasicSocketPairTest",
    "RecvmsgIntoSCMRightsStreamTest",
    "RecvmsgIntoUnixStreamTest",
    "RecvmsgSCMRightsStreamTest",
    "RecvmsgUnixStreamTest",
    "SendRecvFdsTests",
    "SendmsgUnixStreamTest",
    "TestLinuxAbstractNamespace",
    "TestUnixDomain",
]
UNIX_METHODS = [
    "GeneralModuleTests.test_sendall_interrupted",
    "GeneralModuleTests.test_sendall_interrupted_with_timeout",
    "InheritanceTest.test_socketpair",
]
DISGUISED_CLASSES = [
    "BasicTCPTest",
    "BasicUDPTest",
    "BufferIOTest",
    "ContextManagersTest",
    "FileObjectClassTestCase",
    "InheritanceTest",
    "InterruptedRecvTimeoutTest",
    "InterruptedSendTimeoutTest",
    "LineBufferedFileObjectClassTestCase",
    "NonBlockingTCPTests",
    "NonblockConstantTest",
    "RecvmsgIntoTCPTest",
    "RecvmsgIntoUDPTest",
    "RecvmsgTCPTest",
    "RecvmsgUDPTest",
    "SendfileUsingSendTest",
    "SendmsgTCPTest",
    "SendmsgUDPTest",
    "SmallBufferedFileObjectClassTestCase",
    "TCPCloserTest",
    "TCPTimeoutTest",
    "UDPTimeoutTest",
    "UnbufferedFileObjectClassTestCase",
    "UnicodeReadFileObjectClassTestCase",
    "UnicodeReadWriteFileObjectClassTestCase",
    "UnicodeWriteFileObjectClassTestCase",
]

# What differs, by test, and why. A test that is named here and passes is an error too.
_NON_BLOCKING = "the descriptor is always non-blocking; only the calls wait"
EXPECTED: dict[str, str] = {
    "InterruptedSendTimeoutTest.testInterruptedSendtoTimeout": (
        "it sends from a connected stream to an address, which TCP takes and Unix sockets refuse"
    ),
    "NonBlockingTCPTests.testSetBlocking": _NON_BLOCKING,
    "NonblockConstantTest.test_SOCK_NONBLOCK": _NON_BLOCKING,
    "SendfileUsingSendTest.testNonRegularFile": "it calls a private method, _sendfile_use_sendfile",
}
# What differs only if the other thread is quicker, or in some versions of Python.
RACES: dict[str, str] = {
    "NonBlockingTCPTests.testSetBlocking_overflow": _NON_BLOCKING,
    "BasicUDPTest.testRecvFromNegative": (
        "the server may be closed before the client sends: UDP does not notice"
    ),
}


class Disguised(udsock.Socket):
    """A Unix socket that says it is an Internet socket: a port is an abstract name."""

    __slots__ = ()
    _ports = itertools.count(20000)

    def __init__(
        self, family: int = -1, type: int = -1, proto: int = -1, fileno: Any = None
    ) -> None:
        if family not in (-1, socket.AF_INET):
            raise unittest.SkipTest("not a socket of the Internet")
        super().__init__(socket.AF_UNIX, type, 0, fileno)

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET

    def _name(self, address: Any) -> str:
        host, port = address
        if port == 0:
            port = next(self._ports)
        return f"@test-socket-{os.getpid()}-{port}"

    def _port(self, name: Any) -> Any:
        return ("127.0.0.1", int(name.rpartition(b"-")[2])) if name else name

    def _named(self) -> None:
        """As the Internet does: who connects or sends has a port."""
        if not super().getsockname():
            self.bind(("", 0))

    def bind(self, address: Any, /, **options: Any) -> None:
        super().bind(self._name(address), **options)

    def connect(self, address: Any, /, **options: Any) -> None:
        self._named()
        super().connect(self._name(address), **options)

    def connect_ex(self, address: Any, /) -> int:
        self._named()
        return super().connect_ex(self._name(address))

    def accept(self) -> Any:
        client, address = super().accept()
        with client:
            return Disguised(fileno=client.detach()), self._port(address)

    def getsockname(self) -> Any:
        return self._port(super().getsockname())

    def getpeername(self) -> Any:
        return self._port(super().getpeername())

    def dup(self) -> Any:
        with super().dup() as copy:
            timeout = copy.gettimeout()
            disguised = Disguised(fileno=copy.detach())
        disguised.settimeout(timeout)
        return disguised

    def sendto(self, data: Any, *arguments: Any) -> Any:
        if len(arguments) not in (1, 2):
            raise TypeError("sendto() takes 2 or 3 arguments")
        self._named()
        send: Any = super().sendto
        return send(data, *arguments[:-1], self._name(arguments[-1]))

    def sendmsg(self, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None) -> int:
        self._named()
        if address is not None:
            address = self._name(address)
        return super().sendmsg(buffers, ancdata, flags, address)

    def _sendfile_use_send(self, *arguments: Any, **options: Any) -> int:
        return self.sendfile(*arguments, **options)

    def recvfrom(self, *arguments: Any) -> Any:
        data, address = super().recvfrom(*arguments)
        return data, self._port(address)

    def recvfrom_into(self, *arguments: Any, **options: Any) -> Any:
        count, address = super().recvfrom_into(*arguments, **options)
        return count, self._port(address)

    def recvmsg(self, *arguments: Any) -> Any:
        *parts, address = super().recvmsg(*arguments)
        return (*parts, self._port(address))

    def recvmsg_into(self, *arguments: Any) -> Any:
        *parts, address = super().recvmsg_into(*arguments)
        return (*parts, self._port(address))


def create_connection(address: Any, timeout: Any = None) -> Disguised:
    made = Disguised()
    made.settimeout(timeout)
    made.connect(address)
    return made


def replace_socket(constructor: type) -> None:
    """The module that test_socket knows as socket has our constructor."""
    module = types.ModuleType("socket")
    module.__dict__.update(socket.__dict__)
    module.__dict__["socket"] = constructor
    module.__dict__["socketpair"] = udsock.socketpair
    module.__dict__["fromfd"] = lambda fd, *_: constructor(fileno=socket.dup(fd))
    module.__dict__["create_connection"] = create_connection
    test_socket.socket = module


def run(title: str, constructor: type, names: list[str], expected: dict[str, str]) -> int:
    replace_socket(constructor)
    suite = unittest.defaultTestLoader.loadTestsFromNames(names, test_socket)
    return borrowed.run(f"test_socket, {title}", borrowed.tests_of(suite), expected, RACES)


def main() -> int:
    names = [name for name in sys.argv[1:] if not name.startswith("-")]
    for signo in (signal.SIGALRM, signal.SIGPIPE):
        signal.signal(signo, signal.SIG_IGN)
    wrong = run("AF_UNIX", udsock.Socket, names or UNIX_CLASSES + UNIX_METHODS, {})
    if not names:
        wrong += run("TCP and UDP in disguise", Disguised, DISGUISED_CLASSES, EXPECTED)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
