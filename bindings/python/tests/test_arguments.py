"""Arguments that Python programs give: other numbers than int, names, truth, and what is wrong."""

from __future__ import annotations

import math
import socket
from typing import Any, Callable

import pytest
import udsock

Call = Callable[[udsock.Socket, udsock.Poller, Any], Any]


class Number:
    """As an integer of numpy's: not an int, and it stands for one."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


def close(*sockets: udsock.Socket) -> None:
    for one in sockets:
        one.close()


NUMBERS: dict[str, Call] = {
    "recv": lambda end, _, number: end.recv(number),
    "recv flags": lambda end, _, number: end.recv(9, number),
    "recv_into": lambda end, _, number: end.recv_into(bytearray(9), number),
    "recv_into flags": lambda end, _, number: end.recv_into(bytearray(9), 0, number),
    "recvfrom": lambda end, _, number: end.recvfrom(number),
    "recvfrom flags": lambda end, _, number: end.recvfrom(9, number),
    "recvfrom_into": lambda end, _, number: end.recvfrom_into(bytearray(9), number),
    "recvmsg": lambda end, _, number: end.recvmsg(number, number, number),
    "recv_exact": lambda end, _, number: end.recv_exact(number),
    "recv_message": lambda end, _, number: end.recv_message(number),
    "recv_batch": lambda end, _, number: end.recv_batch(number, number),
    "send flags": lambda end, _, number: end.send(b"x", number),
    "sendall flags": lambda end, _, number: end.sendall(b"x", number),
    "sendto flags": lambda end, _, number: end.sendto(b"x", number, "/tmp/never"),
    "send_message flags": lambda end, _, number: end.send_message(b"x", flags=number),
    "listen": lambda end, _, number: end.listen(number),
    "shutdown": lambda end, _, number: end.shutdown(number),
    "setblocking": lambda end, _, number: end.setblocking(number),
    "getsockopt": lambda end, _, number: end.getsockopt(socket.SOL_SOCKET, number, number),
    "send_buffer": lambda end, _, number: setattr(end, "send_buffer", number),
    "allow_user": lambda end, _, number: end.allow_user(number),
    "allow_group": lambda end, _, number: end.allow_group(number),
    "user": lambda end, _, number: end.bind("@", user=number),
    "mode": lambda end, _, number: end.bind("@", mode=number),
    "adopt": lambda end, _, number: udsock.adopt(number),
    "kind": lambda end, _, number: close(*udsock.pair(number)),
    "error_name": lambda end, _, number: udsock.error_name(number),
    "error_text": lambda end, _, number: udsock.error_text(number),
    "poller": lambda end, _, number: udsock.Poller(send_limit=number).close(),
    "poller's size": lambda end, _, number: udsock.Poller(receive_size=number).close(),
    "member": lambda end, poller, number: poller.add(number),
    "former member": lambda end, poller, number: poller.remove(number),
    "token": lambda end, poller, number: poller.add(end, number),
    "then": lambda end, poller, number: poller.send(end, b"x", then=number),
    "receiver": lambda end, poller, number: poller.send(number, b"x"),
    "drop": lambda end, poller, number: poller.drop(number),
    "take": lambda end, poller, number: poller.take(number),
}


def outcome(name: str, number: Any) -> Any:
    one, other = udsock.pair()
    with one, other, udsock.Poller() as poller:
        one.setblocking(False)
        other.send(b"something")
        try:
            return NUMBERS[name](one, poller, number)
        except OSError as error:
            return error.errno


@pytest.mark.parametrize("name", NUMBERS)
def test_what_stands_for_a_number_is_one(name: str) -> None:
    assert outcome(name, Number(2)) == outcome(name, 2)


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number(name: str) -> None:
    for number in ("1", 1.0, 1.5, None, b"1", object()):
        may_be_none = ["listen", "user"]
        may_be_text = ["user", "allow_user", "allow_group"]
        if number is None and name in may_be_none:
            continue
        if isinstance(number, (str, bytes)) and name in may_be_text:
            continue
        # (One of ctypes's errors is no TypeError.)
        with pytest.raises(TypeError):
            outcome(name, number)


WIDE = ["error_name", "member", "former member", "token", "receiver", "drop", "take", "poller"]


@pytest.mark.parametrize("name", [*WIDE, "poller's size", "then", "send_buffer", "user"])
def test_no_number_is_cut_to_its_low_bits(name: str) -> None:
    with pytest.raises(OverflowError):
        outcome(name, 2**64 + 1)


def test_a_number_that_is_cut_would_be_another_socket() -> None:
    one, other = udsock.pair()
    with one, other, udsock.Poller() as poller:
        with pytest.raises(OverflowError):
            poller.drop(2**64 + one.handle)
        assert one.fileno() >= 0
        with pytest.raises(OverflowError):
            poller.add(one, token=-1)


@pytest.mark.parametrize("name", ["root\0", "root\0of all", b"root\0"])
def test_a_name_with_a_nul_is_nobody_s(name: Any, path: str) -> None:
    with udsock.open_server(path) as server:
        for allow in (server.allow_user, server.allow_group):
            with pytest.raises(ValueError, match="embedded null byte"):
                allow(name)
        # Nothing was allowed: everybody may connect.
        udsock.open_client(path).close()
    for owner in ("user", "group"):
        options: dict[str, Any] = {owner: name}
        with pytest.raises(ValueError, match="embedded null byte"):
            udsock.open_server(path, **options)


def test_what_is_true_is_true(path: str) -> None:
    two: Any = 2
    with udsock.open_server(path), udsock.open_server(path, replace=two) as server:
        with udsock.open_client(path, retry=two, timeout=5), udsock.Poller() as poller:
            poller.add(server, readiness=two)
            [event] = poller.wait(5)
            assert event.kind == udsock.Poller.READY


@pytest.mark.parametrize("timeout", [-1, -math.inf, math.nan, "1", b"1", 10**400, object()])
def test_no_client_connects_with_a_timeout_that_is_none(timeout: Any, path: str) -> None:
    with udsock.open_server(path) as server:
        server.settimeout(0)
        with pytest.raises((ValueError, TypeError, OverflowError)):
            udsock.open_client(path, timeout=timeout)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_nothing_at_all() -> None:
    one, other = udsock.pair()
    with one, other:
        # (A frame without content.)
        assert one.recv_exact(0) == b""
        assert one.send_batch([]) == []
        with pytest.raises(ValueError, match="negative"):
            one.recv_exact(-1)
