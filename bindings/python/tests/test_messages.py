"""Messages: descriptors, credentials, batches, and who may send them."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from typing import Any, Callable

import pytest
import udsock
from udsock import _library

from conftest import CONNECTED, KINDS, descriptors


@pytest.mark.parametrize("kind", KINDS)
def test_descriptors_travel(kind: int) -> None:
    one, other = udsock.pair(kind)
    with one, other:
        other.receive_descriptors = True
        reading, writing = os.pipe()
        assert one.send_message(b"two", [reading, writing]) == 3
        os.close(reading)
        os.close(writing)
        got = other.recv_message(10, descriptors=2)
        assert (got.data, len(got.descriptors), got.descriptors_lost) == (b"two", 2, False)
        assert not any(os.get_inheritable(fd) for fd in got.descriptors)
        os.write(got.descriptors[1], b"through")
        assert os.read(got.descriptors[0], 9) == b"through"
        for fd in got.descriptors:
            os.close(fd)


@pytest.mark.parametrize("kind", KINDS)
def test_one_switch_is_enough_for_descriptors(kind: int) -> None:
    one, other = udsock.pair(kind)
    with one, other, open(os.devnull) as null:
        other.receive_descriptors = True
        most = _library.MAX_DESCRIPTORS
        ways: list[tuple[int, Callable[[], Any]]] = [
            (1, lambda: other.recv_message()),
            (most, lambda: other.recv_message()),
            (3, lambda: other.recv_batch(1, 10)[0]),
        ]
        for count, receive in ways:
            one.send_message(b"x", [null.fileno()] * count)
            got = receive()
            assert (len(got.descriptors), got.descriptors_lost) == (count, False)
            for fd in got.descriptors:
                os.close(fd)
        # Other calls that receive have no place for them.
        one.send_message(b"x", [null.fileno()])
        assert other.recv(10) == b"x"


@pytest.mark.parametrize("kind", KINDS)
def test_descriptors_without_room_are_closed(kind: int) -> None:
    one, other = udsock.pair(kind)
    with one, other, open(os.devnull) as null:
        other.receive_descriptors = True
        one.send_message(b"x", [null.fileno()] * 3)
        got = other.recv_message(10, descriptors=1)
        assert (len(got.descriptors), got.descriptors_lost) == (1, True)
        os.close(got.descriptors[0])


def test_descriptors_that_nobody_asked_for() -> None:
    one, other = udsock.pair()
    with one, other, open(os.devnull) as null:
        assert not other.receive_descriptors
        try:
            one.send_message(b"x", [null.fileno()])
        except PermissionError:  # Linux 6.16 and later tell the sender.
            return
        got = other.recv_message(10, descriptors=1)
        assert (got.descriptors, got.descriptors_lost) == ([], True)


@pytest.mark.parametrize(
    ("descriptors", "error"),
    [([9999], OSError), ([-1], OSError), ([2**32], OverflowError), (["0"], TypeError)],
)
def test_bad_descriptors(descriptors: Any, error: type[Exception]) -> None:
    one, other = udsock.pair()
    with one, other, pytest.raises(error):
        one.send_message(b"x", descriptors)


def test_the_end_is_told_from_an_empty_message() -> None:
    one, other = udsock.pair(udsock.SEQPACKET)
    with other:
        one.send(b"")
        one.close()
        assert other.recv_message().data == b""
        with pytest.raises(udsock.EndOfStream) as ended:
            other.recv_message()
        assert isinstance(ended.value, (EOFError, ConnectionError))
        assert other.recv(9) == b""


@pytest.mark.parametrize("kind", [udsock.DGRAM, udsock.SEQPACKET])
def test_a_message_that_is_cut_says_so(kind: int) -> None:
    one, other = udsock.pair(kind)
    with one, other:
        one.send(b"0123456789")
        got = other.recv_message(4)
        assert (got.data, got.size) == (b"0123", 10)
        one.send(b"0123456789")
        assert other.recv(4) == b"0123"


@pytest.mark.parametrize("kind", KINDS)
def test_who_sent_it(kind: int) -> None:
    one, other = udsock.pair(kind)
    with one, other:
        assert other.receive_credentials is False
        other.receive_credentials = True
        assert other.receive_credentials is True
        one.send(b"x")
        assert other.recv_message().credentials == (os.getpid(), os.getuid(), os.getgid())
        other.receive_credentials = False
        one.send(b"x")
        assert other.recv_message().credentials == (None, None, None)
        other.receive_pidfd = True
        one.send(b"x")
        pidfd = other.recv_message().pidfd
        assert pidfd is not None
        with open(f"/proc/self/fdinfo/{pidfd}") as info:
            assert f"Pid:\t{os.getpid()}\n" in info.read()
        os.close(pidfd)


@pytest.mark.parametrize("kind", KINDS)
def test_batches(kind: int) -> None:
    one, other = udsock.pair(kind)
    with one, other:
        messages: list[Any] = [b"first", bytearray(b"second"), memoryview(b"third")]
        assert one.send_batch(messages) == [5, 6, 5]
        came = [got.data for got in other.recv_batch(8, 100)]
        assert b"".join(came) == b"firstsecondthird"
        assert len(came) == (1 if kind == udsock.STREAM else 3)


def test_a_batch_in_which_one_fails() -> None:
    with udsock.open_datagram("@") as one, udsock.open_datagram() as other:
        other.settimeout(5)
        results = other.send_batch([b"a", b"b" * 2**24, b"c"], one.getsockname())
        assert (results[0], results[2]) == (1, 1)
        assert isinstance(results[1], OSError) and results[1].errno == errno.EMSGSIZE
        assert [got.data for got in one.recv_batch(5, 10)] == [b"a", b"c"]
        with pytest.raises(ConnectionRefusedError):
            other.send_batch([b"a"], "@nobody-at-all")


def test_recv_exact() -> None:
    one, other = udsock.pair()
    with other:
        one.send(b"0123456789")
        assert other.recv_exact(4) == b"0123"
        other.settimeout(0.01)
        with pytest.raises(TimeoutError) as late:
            other.recv_exact(10)
        assert late.value.partial == b"456789"  # type: ignore[attr-defined]
        one.send(b"ab")
        one.close()
        with pytest.raises(udsock.EndOfStream) as ended:
            other.recv_exact(10)
        assert ended.value.partial == b"ab"



@pytest.mark.parametrize("kind", KINDS)
def test_calls_that_do_not_return_descriptors_keep_none(kind: int) -> None:
    calls: list[Callable[[udsock.Socket], Any]] = [
        lambda end: end.recv(9),
        lambda end: end.recv_into(bytearray(9)),
        lambda end: end.recvfrom(9),
        lambda end: end.recvfrom(1),
        lambda end: end.recvfrom_into(bytearray(9)),
        lambda end: end.recvmsg(9),
        lambda end: end.recv(9, socket.MSG_PEEK),
    ]
    one, other = udsock.pair(kind)
    with one, other:
        other.receive_descriptors = other.receive_credentials = True
        with suppress(OSError):  # Linux has it since 6.5.
            other.receive_pidfd = True
        before = descriptors()
        for call in calls:
            reading, writing = os.pipe()
            one.send_message(b"x", [reading])
            os.close(reading)
            os.close(writing)
            assert call(other)
        # (Its descriptors are closed, too.)
        other.recv(9)
        assert descriptors() == before
        if other.receive_pidfd:
            other.receive_pidfd = False
            one.send(b"x")
            # What is in the room from the last message is not closed once more.
            assert other.recvfrom(9)[0] == b"x"
            assert descriptors() == before

@pytest.mark.parametrize("kind", CONNECTED)
def test_who_is_there(kind: int, connect: Any) -> None:
    client, accepted = connect(kind)
    me = (os.getpid(), os.getuid(), os.getgid())
    assert client.peer_credentials == accepted.peer_credentials == me
    assert sorted(accepted.peer_groups) == sorted(os.getgroups())
    os.close(accepted.peer_pidfd())
    try:
        assert isinstance(accepted.peer_label, str)
    except OSError as error:
        assert error.errno == errno.ENOPROTOOPT
    with udsock.Socket() as alone, pytest.raises(OSError) as nobody:
        alone.peer_credentials
    assert nobody.value.errno == errno.ENOTCONN


def test_the_door(path: str) -> None:
    with udsock.open_server(path) as server:
        server.settimeout(0.05)
        server.allow_user(os.getuid() + 1)
        with udsock.open_client(path), pytest.raises(TimeoutError):
            server.accept()
        assert server.refused == 1
        server.allow_group(str(os.getgid()))
        with udsock.open_client(path):
            client, who = server.accept_with_credentials()
            client.close()
            assert who == (os.getpid(), os.getuid(), os.getgid())
        for name in ("nobody-of-this-name", ""):
            with pytest.raises(OSError):
                server.allow_user(name)
        with pytest.raises(OverflowError):
            server.allow_user(2**32 + os.getuid())
        with pytest.raises(OverflowError):
            server.allow_group(-1)


def test_options(path: str) -> None:
    with udsock.open_server(path) as server:
        server.max_per_uid = 1
        server.spin_us = 0
        assert (server.max_per_uid, server.spin_us) == (1, 0)
        for name, value in [("spin_us", -1), ("max_per_uid", 2**40), ("send_buffer", 0)]:
            with pytest.raises(OSError):
                setattr(server, name, value)
        with pytest.raises(OverflowError):
            server.spin_us = 2**64
        with udsock.open_client(path, timeout=5) as first, udsock.open_client(path):
            first.send_buffer = 50_000
            first.receive_buffer = 40_000
            assert (first.send_buffer, first.receive_buffer) == (100_000, 80_000)
            with server.accept()[0] as accepted:
                server.settimeout(0.01)
                with pytest.raises(TimeoutError):
                    server.accept()
                first.sendall(b"five!")
                assert accepted.readable_bytes == 5


def test_passcred_and_its_kin_by_setsockopt() -> None:
    with udsock.Socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        assert one.receive_credentials
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED) == 1
        one.setsockopt(socket.SOL_SOCKET, 83, 0)
        assert not one.receive_descriptors
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 60_000)
        assert one.send_buffer == 120_000


@pytest.mark.parametrize("kind", KINDS)
def test_large_messages(kind: int) -> None:
    one, other = udsock.pair(kind)
    with one, other:
        one.send_buffer = 2**20
        data = os.urandom(150_000)
        one.sendall(data)
        got = other.recv(2**31)
        while kind == udsock.STREAM and len(got) < len(data):
            got += other.recv(2**31)
        assert got == data


def test_errors_in_words() -> None:
    assert udsock.error_name(-98) == "EADDRINUSE"
    assert udsock.error_text(-98) == "Address already in use"
    assert udsock.error_name(-4097) == "UDSOCK_EOF"
    assert udsock.library_version() == udsock.__version__


def test_what_could_not_be_sent_can_grow_while_the_exception_is_there() -> None:
    one, other = udsock.pair(udsock.DGRAM)
    with one, other, udsock.Poller() as closed:
        closed.close()
        other.settimeout(0.01)
        one.settimeout(0.01)
        with pytest.raises(TimeoutError):
            while True:
                one.send(b"fills the queue")
        buffer = bytearray(4)
        attempts: list[Callable[[], Any]] = [
            lambda: one.send_message(buffer),
            lambda: one.send_batch([buffer]),
            lambda: closed.send(one, buffer),
            lambda: closed.send_raw(0, buffer),
        ]
        for attempt in attempts:
            try:
                attempt()
            except OSError:
                buffer += b"more"
        assert len(buffer) == 4 + 4 * len(attempts)


@pytest.mark.parametrize("kind", [udsock.DGRAM, udsock.SEQPACKET])
def test_nothing_comes_from_behind_a_cut_message(kind: int) -> None:
    one, other = udsock.pair(kind)
    with one, other:
        for receive in (other.recv, lambda *given: other.recvfrom(*given)[0]):
            one.send(bytes(range(50)))
            assert receive(2, socket.MSG_TRUNC) == b"\0\1"
