"""Each step is done by socket.socket and by our Socket: the outcome has to be the same."""

from __future__ import annotations

import array
import errno
import os
import socket
import struct
from typing import Any, Callable

import pytest
import udsock

Pair = Callable[..., Any]
Step = Callable[[Any, Any, str], Any]

VIEW: Any = memoryview(b"abcdef")[2:4]
RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)


def outcome(step: Step, make_pair: Pair, kind: int, path: str) -> Any:
    """What came of it, with what a socket or a number is called left out."""
    one, other = make_pair(socket.AF_UNIX, kind)
    for end in (one, other):
        end.settimeout(0.2)
    try:
        result = step(one, other, path)
    except Exception as error:  # noqa: BLE001
        result = failed(error)
    finally:
        one.close()
        other.close()
    return result


def failed(error: BaseException) -> tuple[str, Any]:
    """Our own exceptions count as what they are made from; ours tell ETIMEDOUT, too."""
    kind = next(kind for kind in type(error).__mro__ if not kind.__module__.startswith("udsock"))
    number = None if isinstance(error, TimeoutError) else getattr(error, "errno", None)
    return f"raises {kind.__name__}", number


def sent(data: Any, receive: Callable[[Any], Any]) -> Step:
    def step(one: Any, other: Any, path: str) -> Any:
        one.send(data)
        return receive(other)

    return step


def both(*receives: Callable[[Any], Any]) -> Step:
    """Something was sent, and one receives it in steps."""

    def step(one: Any, other: Any, path: str) -> Any:
        one.send(b"abcdefgh")
        other.settimeout(0.01)
        results = []
        for receive in receives:
            try:
                results.append(receive(other))
            except OSError as error:
                results.append(failed(error))
        return results

    return step


def into(call: Callable[[Any, bytearray], Any]) -> Callable[[Any], Any]:
    def receive(end: Any) -> Any:
        buffer = bytearray(6)
        return call(end, buffer), bytes(buffer)

    return receive


def ended(receive: Callable[[Any], Any]) -> Step:
    def step(one: Any, other: Any, path: str) -> Any:
        one.close()
        return receive(other)

    return step


def descriptors(count: int, room: int) -> Step:
    """So many descriptors, into so large a buffer."""

    def step(one: Any, other: Any, path: str) -> Any:
        with open(os.devnull) as null:
            one.sendmsg([b"data"], [(*RIGHTS, array.array("i", [null.fileno()] * count))])
        data, items, flags, address = other.recvmsg(16, room)
        lengths = []
        for level, kind, packed in items:
            lengths.append((level, kind, len(packed)))
            for (number,) in struct.iter_unpack("i", packed):
                os.close(number)
        return data, lengths, flags & ~socket.MSG_CMSG_CLOEXEC, address

    return step


def credentials(room: int) -> Step:
    def step(one: Any, other: Any, path: str) -> Any:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        one.send(b"x")
        data, items, flags, _ = other.recvmsg(16, room)
        return data, items, flags & ~socket.MSG_CMSG_CLOEXEC

    return step


def settings(one: Any, other: Any, path: str) -> Any:
    seen = [one.gettimeout(), one.getblocking()]
    for timeout in (None, 0, 0.0, 3, 1.5):
        one.settimeout(timeout)
        seen += [one.gettimeout(), one.getblocking(), one.timeout]
    one.setblocking(True)
    seen += [one.gettimeout(), one.family, one.type, one.proto]
    return seen


def after_close(call: Callable[[Any], Any]) -> Step:
    def step(one: Any, other: Any, path: str) -> Any:
        one.close()
        one.close()
        return call(one)

    return step


def on_one(call: Callable[[Any], Any]) -> Step:
    return lambda one, other, path: call(one)


def grown(call: Callable[[Any, bytearray], Any], fills: bool = False) -> Step:
    """Can't be done now. While the exception is still there, its buffer can grow all the same."""

    def step(one: Any, other: Any, path: str) -> Any:
        one.setblocking(False)
        try:
            while fills:
                one.send(bytes(32768))
        except BlockingIOError:
            pass
        buffer = bytearray(4)
        try:
            return call(one, buffer)
        except OSError as error:
            buffer += b"more"
            return failed(error), len(buffer)

    return step


STEPS: dict[str, Step] = {
    "recv": sent(b"abc", lambda end: end.recv(10)),
    "recv of less": both(lambda end: end.recv(3), lambda end: end.recv(10)),
    "recv 0": both(lambda end: end.recv(0), lambda end: end.recv(10)),
    "recv -1": sent(b"abc", lambda end: end.recv(-1)),
    "recv huge": sent(b"abc", lambda end: end.recv(2**20)),
    "recv float": sent(b"abc", lambda end: end.recv(1.5)),
    "recv text": sent(b"abc", lambda end: end.recv("1")),
    "recv nothing": sent(b"abc", lambda end: end.recv()),
    "recvfrom": sent(b"abc", lambda end: end.recvfrom(10)),
    "recvfrom of less": both(lambda end: end.recvfrom(3), lambda end: end.recvfrom(10)),
    "recvfrom 0": both(lambda end: end.recvfrom(0), lambda end: end.recvfrom(10)),
    "recvfrom -1": sent(b"abc", lambda end: end.recvfrom(-1)),
    "recv_into": sent(b"abc", into(lambda end, buffer: end.recv_into(buffer))),
    "recv_into few": both(
        into(lambda end, buffer: end.recv_into(buffer, 2)), lambda end: end.recv(9)
    ),
    "recv_into view": sent(
        b"abc", into(lambda end, buffer: end.recv_into(memoryview(buffer)[1:3]))
    ),
    "recv_into too many": sent(b"abc", into(lambda end, buffer: end.recv_into(buffer, 7))),
    "recv_into -1": sent(b"abc", into(lambda end, buffer: end.recv_into(buffer, -1))),
    "recv_into nothing": both(lambda end: end.recv_into(bytearray()), lambda end: end.recv(9)),
    "recv_into bytes": sent(b"abc", lambda end: end.recv_into(b"123")),
    "recv_into array": sent(b"abcd", lambda end: end.recv_into(array.array("i", [0]))),
    "recvfrom_into": sent(b"abc", into(lambda end, buffer: end.recvfrom_into(buffer))),
    "recvfrom_into few": both(
        into(lambda end, buffer: end.recvfrom_into(buffer, 2)), lambda end: end.recv(9)
    ),
    "recvmsg": sent(b"abc", lambda end: end.recvmsg(10)),
    "recvmsg of less": both(lambda end: end.recvmsg(3), lambda end: end.recvmsg(10)),
    "recvmsg 0": both(lambda end: end.recvmsg(0), lambda end: end.recvmsg(10)),
    "recvmsg -1": sent(b"abc", lambda end: end.recvmsg(-1)),
    "recvmsg ancillary -1": sent(b"abc", lambda end: end.recvmsg(3, -1)),
    "recvmsg_into": sent(b"abcdef", into(lambda end, buffer: end.recvmsg_into([buffer]))),
    "recvmsg_into parts": sent(
        b"abcdef",
        into(
            lambda end, buffer: end.recvmsg_into([memoryview(buffer)[:1], memoryview(buffer)[2:4]])
        ),
    ),
    "recvmsg_into none": both(lambda end: end.recvmsg_into([]), lambda end: end.recv(10)),
    "recvmsg_into bytes": sent(b"abc", lambda end: end.recvmsg_into([b"abc"])),
    "peek": both(lambda end: end.recv(3, socket.MSG_PEEK), lambda end: end.recv(10)),
    "peek into": both(
        into(lambda end, buffer: end.recv_into(buffer, 0, socket.MSG_PEEK)),
        lambda end: end.recv(10),
    ),
    "peek from": both(lambda end: end.recvfrom(3, socket.MSG_PEEK), lambda end: end.recv(10)),
    "peek message": both(
        lambda end: end.recvmsg(3, 0, socket.MSG_PEEK)[:2], lambda end: end.recvmsg(10)
    ),
    "peek in vain": both(lambda end: end.recv(10), lambda end: end.recv(10, socket.MSG_PEEK)),
    "peek at the end": ended(lambda end: end.recv(10, socket.MSG_PEEK)),
    "true length": both(into(lambda end, buffer: end.recv_into(buffer, 3, socket.MSG_TRUNC))),
    "true length from": both(
        into(lambda end, buffer: end.recvfrom_into(buffer, 3, socket.MSG_TRUNC)),
        lambda end: end.recvfrom(9),
    ),
    "do not wait": both(
        lambda end: end.recv(10, socket.MSG_DONTWAIT), lambda end: end.recv(10, socket.MSG_DONTWAIT)
    ),
    "wait for all": both(lambda end: end.recv(8, socket.MSG_WAITALL)),
    "wait for all in vain": both(lambda end: end.recv(9, socket.MSG_WAITALL)),
    "wait for all at the end": lambda one, other, path: (
        one.send(b"abc"),
        one.close(),
        other.recv(9, socket.MSG_WAITALL),
    ),
    "no flags that matter": both(
        lambda end: end.recv(9, socket.MSG_NOSIGNAL | socket.MSG_CMSG_CLOEXEC)
    ),
    "time runs out": both(lambda end: end.recv(10), lambda end: end.recv(10)),
    "end": ended(lambda end: end.recv(10)),
    "end from": ended(lambda end: end.recvfrom(10)),
    "end into": ended(into(lambda end, buffer: end.recv_into(buffer))),
    "end message": ended(lambda end: end.recvmsg(10, 100)),
    "send to nobody": ended(lambda end: end.send(b"abc")),
    "sendall to nobody": ended(lambda end: end.sendall(b"abc")),
    "reset": lambda one, other, path: (other.send(b"unread"), one.close(), other.recv(9)),
    "send": on_one(lambda end: end.send(b"abc")),
    "send nothing": on_one(lambda end: end.send(b"")),
    "sendall": on_one(lambda end: end.sendall(b"abc")),
    "sendall nothing": on_one(lambda end: end.sendall(b"")),
    "send bytearray": sent(bytearray(b"abc"), lambda end: end.recv(9)),
    "send array": sent(array.array("i", [1]), lambda end: end.recv(9)),
    "send view": sent(VIEW, lambda end: end.recv(9)),
    "send strided": on_one(lambda end: end.send(memoryview(b"abcdef")[::2])),
    "send text": on_one(lambda end: end.send("abc")),
    "send number": on_one(lambda end: end.send(3)),
    "send nothing at all": on_one(lambda end: end.send()),
    "send flags": on_one(lambda end: end.send(b"abc", socket.MSG_DONTWAIT | socket.MSG_EOR)),
    "send flags text": on_one(lambda end: end.send(b"abc", "1")),
    "send keyword": on_one(lambda end: end.send(b"abc", flags=0)),
    "sendmsg": on_one(lambda end: end.sendmsg([b"abc", bytearray(b"d"), memoryview(b"ef")])),
    "grow after recv_into": grown(lambda end, buffer: end.recv_into(buffer)),
    "grow after recv_into few": grown(lambda end, buffer: end.recv_into(buffer, 2)),
    "grow after peek": grown(lambda end, buffer: end.recv_into(buffer, 2, socket.MSG_PEEK)),
    "grow after recvfrom_into": grown(lambda end, buffer: end.recvfrom_into(buffer)),
    "grow after recvmsg_into": grown(lambda end, buffer: end.recvmsg_into([buffer])),
    "grow after send": grown(lambda end, buffer: end.send(buffer), True),
    "grow after send flags": grown(lambda end, buffer: end.send(buffer, socket.MSG_DONTWAIT), True),
    "grow after send more flags": grown(lambda end, buffer: end.send(buffer, 1 << 30), True),
    "grow after sendall": grown(lambda end, buffer: end.sendall(buffer), True),
    "grow after sendall more flags": grown(lambda end, buffer: end.sendall(buffer, 1 << 30), True),
    "grow after sendto": grown(lambda end, buffer: end.sendto(buffer, "/tmp/never")),
    "grow after sendmsg": grown(lambda end, buffer: end.sendmsg([buffer]), True),
    "sendmsg none": on_one(lambda end: end.sendmsg([])),
    "sendmsg bytes": on_one(lambda end: end.sendmsg(b"abc")),
    "sendmsg ancillary": on_one(lambda end: end.sendmsg([b"abc"], [(1, 1)])),
    "sendmsg ancillary text": on_one(lambda end: end.sendmsg([b"abc"], [(1, 1, "x")])),
    "sendmsg unknown ancillary": on_one(lambda end: end.sendmsg([b"abc"], [(1, 99, b"x")])),
    "sendmsg bad descriptor": on_one(
        lambda end: end.sendmsg([b"abc"], [(*RIGHTS, struct.pack("i", 9999))])
    ),
    "sendmsg address none": on_one(lambda end: end.sendmsg([b"abc"], [], 0, None)),
    "sendto none": on_one(lambda end: end.sendto(b"abc")),
    "sendto many": on_one(lambda end: end.sendto(b"abc", 0, "x", 3)),
    "sendto number": on_one(lambda end: end.sendto(b"abc", 3)),
    "descriptors": descriptors(2, socket.CMSG_SPACE(8)),
    "descriptors and no room": descriptors(1, 0),
    "descriptors and some room": descriptors(4, socket.CMSG_LEN(8)),
    "descriptors and much room": descriptors(253, 4096),
    "credentials": credentials(socket.CMSG_SPACE(12)),
    "credentials and no room": credentials(socket.CMSG_LEN(8)),
    "shutdown write": lambda one, other, path: (
        one.shutdown(socket.SHUT_WR),
        other.recv(9) if one.type != socket.SOCK_DGRAM else None,
    ),
    "shutdown and send": lambda one, other, path: (one.shutdown(socket.SHUT_WR), one.send(b"x")),
    "shutdown read": lambda one, other, path: (one.shutdown(socket.SHUT_RD), one.recv(9)),
    "shutdown 3": on_one(lambda end: end.shutdown(3)),
    "shutdown -1": on_one(lambda end: end.shutdown(-1)),
    "shutdown text": on_one(lambda end: end.shutdown("1")),
    "settings": settings,
    "settimeout -1": on_one(lambda end: end.settimeout(-1)),
    "settimeout text": on_one(lambda end: end.settimeout("x")),
    "settimeout nan": on_one(lambda end: end.settimeout(float("nan"))),
    "names": lambda one, other, path: (one.getsockname(), one.getpeername()),
    "second connect": lambda one, other, path: one.connect(path),
    "second connect_ex": lambda one, other, path: one.connect_ex(path),
    "listen": on_one(lambda end: end.listen()),
    "accept": on_one(lambda end: end.accept()),
    "closed fileno": after_close(lambda end: end.fileno()),
    "closed detach": after_close(lambda end: end.detach()),
    "closed send": after_close(lambda end: end.send(b"x")),
    "closed recv": after_close(lambda end: end.recv(1)),
    "closed recv_into": after_close(lambda end: end.recv_into(bytearray(1))),
    "closed peek": after_close(lambda end: end.recv(1, socket.MSG_PEEK)),
    "closed accept": after_close(lambda end: end.accept()),
    "closed bind": after_close(lambda end: end.bind("/tmp/never")),
    "closed connect": after_close(lambda end: end.connect("/tmp/never")),
    "closed connect_ex": after_close(lambda end: end.connect_ex("/tmp/never")),
    "closed listen": after_close(lambda end: end.listen()),
    "closed shutdown": after_close(lambda end: end.shutdown(2)),
    "closed getsockname": after_close(lambda end: end.getsockname()),
    "closed getsockopt": after_close(lambda end: end.getsockopt(1, socket.SO_TYPE)),
    "closed dup": after_close(lambda end: end.dup()),
    "getsockopt": on_one(lambda end: end.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)),
    "getsockopt bytes": on_one(lambda end: end.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE, 8)),
    "getsockopt unknown": on_one(lambda end: end.getsockopt(socket.SOL_SOCKET, 9999)),
    "inheritable": lambda one, other, path: (
        one.get_inheritable(),
        one.set_inheritable(True),
        one.get_inheritable(),
    ),
}

# What is not the same, on purpose: what ours does, and why.
_NOT_TO = "on a connection; socket.socket says EISCONN, or sends to the peer all the same"
_TOLD_AT_ONCE = "socket.socket waits for its timeout before it asks the kernel, which says no"
DIFFERENT: dict[tuple[str, int], tuple[Any, str]] = {
    ("grow after sendto", 1): ((("raises OSError", errno.EOPNOTSUPP), 8), _NOT_TO),
    ("grow after sendto", 5): ((("raises OSError", errno.EOPNOTSUPP), 8), _NOT_TO),
    ("shutdown read", 2): ((None, b""), "the kernel says EAGAIN for ever; it is the end"),
    ("accept", 1): (("raises OSError", errno.EINVAL), _TOLD_AT_ONCE),
    ("accept", 2): (("raises OSError", errno.EOPNOTSUPP), _TOLD_AT_ONCE),
    ("accept", 5): (("raises OSError", errno.EINVAL), _TOLD_AT_ONCE),
}

ENDS = {"end", "end from", "end into", "end message", "peek at the end"}
"""Not for datagram sockets, which have none: both would wait for ever."""

CASES = [(name, kind) for name in STEPS for kind in (1, 2, 5) if kind != 2 or name not in ENDS]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_same(name: str, kind: int, path: str) -> None:
    theirs = outcome(STEPS[name], socket.socketpair, kind, path)
    ours = outcome(STEPS[name], udsock.socketpair, kind, path)
    if (name, kind) in DIFFERENT:
        expected, _ = DIFFERENT[name, kind]
        assert ours == expected != theirs
    else:
        assert ours == theirs


def test_it_can_be_put_in_the_place_of_socket_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", udsock.Socket)
    one, other = udsock.pair()
    with one, other, one.makefile("rb") as file:
        other.sendall(b"a line\n")
        assert file.readline() == b"a line\n"
        other.sendall(b"peeked")
        assert one.recv(6, socket.MSG_PEEK) == b"peeked"
