"""udsock.Poller."""

from __future__ import annotations

import errno
import gc
import os
import resource
import select
import signal
import threading
import time
import warnings
from types import FrameType
from typing import Callable, List, Optional

import pytest

import udsock
from udsock import Event, Poller

TIME = 20


def one(poller: Poller) -> Event:
    """The next event, alone."""
    [event] = poller.wait(TIME)
    return event


def test_a_client_is_accepted_received_from_answered_and_seen_to_go(path: str) -> None:
    with udsock.open_server(path) as server, Poller() as poller:
        poller.add(server, 7)
        with udsock.open_client(path) as client:
            accepted = one(poller)
            assert (accepted.kind, accepted.token) == (Poller.ACCEPTED, 7)
            client.send(b"question")
            received = one(poller)
            assert received.kind == Poller.RECEIVED
            assert (received.socket, received.data) == (accepted.socket, b"question")
            assert (received.address, received.error) == ("", None)
            poller.send(received.socket, b"answer")
            assert client.recv(100) == b"answer"
        ended = one(poller)
        assert (ended.kind, ended.socket) == (Poller.ENDED, accepted.socket)
        poller.drop(ended.socket)


def test_events_are_read_and_items_written_as_numbers(path: str) -> None:
    clients = []
    with udsock.open_server(path) as server, Poller() as poller:
        poller.add(server)
        for number in range(20):
            client = udsock.open_client(path)
            client.send(b"question %d" % number)
            clients.append(client)
        answered = 0
        numbers = []
        while answered < 20:
            count = 0
            for number, _, kind, code, offset, length, _, _ in poller.wait_raw(TIME):
                assert code == 0
                if kind == Poller.ACCEPTED:
                    numbers.append(number)
                else:
                    assert bytes(poller.arena[offset : offset + length]).startswith(b"question ")
                    place = count * Poller.ITEM.size
                    item = (number, offset, length, 0, 0, 0, 0, 0)
                    Poller.ITEM.pack_into(poller.items, place, *item)
                    count += 1
            assert poller.send_raw(count) == count
            answered += count
        for number, client in enumerate(clients):
            assert client.recv(100) == b"question %d" % number
            client.close()
        for number in numbers:
            poller.drop(number)


def test_items_can_lie_behind_any_buffer_and_have_their_own_results() -> None:
    left, right = udsock.pair()
    with left, right, Poller() as poller:
        poller.add(left)
        for base in (b"-hello", bytearray(b"-hello"), memoryview(b"-hello")):
            Poller.ITEM.pack_into(poller.items, 0, left.handle, 1, 5, 0, 0, 0, 0, 0)
            Poller.ITEM.pack_into(poller.items, 40, right.handle, 1, 5, 0, 0, 0, 0, 0)
            assert poller.send_raw(2, base) == 1
            results = [item[-1] for item in Poller.ITEM.iter_unpack(poller.items[:80])]
            assert results == [5, -errno.ENOENT]
            assert right.recv(100) == b"hello"
        with pytest.raises(ValueError, match="no room"):
            poller.send_raw(len(poller.items))


def test_what_finds_no_room_need_not_be_kept() -> None:
    left, right = udsock.pair()
    with left, right, Poller() as poller:
        poller.add(left)
        size = 1 << 20
        Poller.ITEM.pack_into(
            poller.items, 0, left.handle, 0, size, 0, 0, Poller.DONT_KEEP, 0, 0
        )
        assert poller.send_raw(1, bytes(size)) == 1
        sent = Poller.ITEM.unpack_from(poller.items, 0)[-1]
        assert 0 < sent < size
        came = 0
        while came < sent:
            came += len(right.recv(size))
        assert [event.kind for event in poller.wait(TIME)] == [Poller.DRAINED]


def test_many_are_sent_to_in_one_call() -> None:
    pairs = [udsock.pair() for _ in range(10)]
    with Poller() as poller:
        for left, _ in pairs:
            poller.add(left)
        items = [(left, b"%d" % number) for number, (left, _) in enumerate(pairs)]
        assert poller.send_many(items) == [1] * 10
        assert poller.send_many([]) == []
        assert [right.recv(100) for _, right in pairs] == [b"%d" % n for n in range(10)]
        outsider = pairs[0][1]
        assert poller.send_many([(outsider, b"no member"), items[1]]) == [-errno.ENOENT, 1]
    for left, right in pairs:
        left.close()
        right.close()


def test_a_datagram_is_answered_to_its_sender(path: str) -> None:
    with udsock.open_datagram(path) as server, Poller() as poller:
        poller.add(server, 3)
        with udsock.open_datagram("@") as named, udsock.open_datagram() as nameless:
            named.sendto(b"question", path)
            event = one(poller)
            assert (event.kind, event.token, event.data) == (Poller.RECEIVED, 3, b"question")
            assert event.address == named.local_address
            poller.send(server, b"answer", event.address)
            assert named.recvfrom(100) == (b"answer", path)
            nameless.sendto(b"", path)
            event = one(poller)
            assert (event.data, event.address) == (b"", "")


def test_a_message_that_is_larger_than_the_arena_says_so() -> None:
    left, right = udsock.pair(udsock.SEQPACKET)
    with left, right, Poller(arena_size=10) as poller:
        poller.add(right)
        left.send(b"0123456789ab")
        event = one(poller)
        assert event.data == b"0123456789"
        assert isinstance(event.error, OSError)
        assert event.error.errno == errno.EMSGSIZE


def test_what_finds_no_room_is_kept_until_the_limit_and_its_end_is_told() -> None:
    left, right = udsock.pair()
    with left, right, Poller(send_limit=100_000) as poller:
        poller.add(left)
        sent = 0
        with pytest.raises(BlockingIOError):
            while True:
                poller.send(left, b"x" * 10_000)
                sent += 10_000
        right.settimeout(TIME)
        drained = False
        while sent:
            sent -= len(right.recv(65536))
            drained = drained or any(e.kind == Poller.DRAINED for e in poller.wait(0))
        assert drained
        poller.send(left, b"the last", then=Poller.THEN_CLOSE)
        assert right.recv(100) == b"the last"
        assert right.recv(100) == b""
        assert left.fileno() == -1


def test_a_side_can_be_shut_behind_what_is_sent() -> None:
    left, right = udsock.pair()
    with left, right, Poller() as poller:
        poller.add(left)
        poller.send(left, b"all", then=Poller.THEN_SHUTDOWN)
        assert right.recv_exact(3) == b"all"
        assert right.recv(1) == b""
        right.send(b"and back")
        assert one(poller).data == b"and back"


def test_a_relay_asks_what_is_kept_and_pauses(path: str) -> None:
    left, right = udsock.pair()
    with left, right, Poller() as poller:
        poller.add(left, duplex=True)
        poller.send(left, b"", then=Poller.DONT_KEEP)
        with pytest.raises(BlockingIOError):
            for _ in range(100):
                poller.send(left, b"x" * 10_000)
                poller.send(left, b"", then=Poller.DONT_KEEP)
        right.send(b"meanwhile")
        assert one(poller).data == b"meanwhile"
        poller.add(left, 7, duplex=True, paused=True)
        right.send(b"for later")
        assert poller.wait(0) == []
        right.settimeout(TIME)
        while not (events := poller.wait(0)):
            right.recv(65536)
        assert [(event.kind, event.token) for event in events] == [(Poller.DRAINED, 7)]
        poller.add(left)
        assert one(poller).data == b"for later"


def test_readiness_only(path: str) -> None:
    with udsock.open_server(path) as server, Poller() as poller:
        poller.add(server, readiness=True)
        with udsock.open_client(path):
            assert one(poller).kind == Poller.READY
            accepted, _ = server.accept()
            with accepted:
                assert poller.wait(0) == []


def test_another_token_and_out_again() -> None:
    left, right = udsock.pair()
    with left, right, Poller() as poller:
        poller.add(left, 1)
        poller.add(left.handle, 2**64 - 1)
        right.send(b"x")
        assert one(poller).token == 2**64 - 1
        poller.remove(left)
        right.send(b"y")
        assert poller.wait(0) == []
        with pytest.raises(FileNotFoundError):
            poller.remove(left)
        assert left.recv(10) == b"y"


def test_an_accepted_connection_can_become_a_socket(path: str) -> None:
    with udsock.open_server(path, udsock.SEQPACKET) as server, Poller() as poller:
        poller.add(server)
        with udsock.open_client(path, udsock.SEQPACKET) as client:
            with poller.take(one(poller).socket) as accepted:
                assert accepted.type == udsock.SEQPACKET
                assert accepted.peer_credentials.pid
                client.send(b"x")
                assert one(poller).socket == accepted.handle


def test_time() -> None:
    with Poller() as poller:
        start = time.monotonic()
        assert poller.wait(0) == []
        assert poller.wait(0.02) == []
        assert time.monotonic() - start >= 0.02


def test_wake_ends_a_wait_from_another_thread() -> None:
    with Poller() as poller:
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(poller.wait(TIME)))
        thread.start()
        poller.wake()
        thread.join()
        assert found == [[]]


def test_its_descriptor_is_readable_when_there_is_something() -> None:
    left, right = udsock.pair()
    with left, right, Poller() as poller:
        poller.add(left)
        assert select.select([poller], [], [], 0)[0] == []
        right.send(b"x")
        assert select.select([poller], [], [], TIME)[0] == [poller]
        assert one(poller).data == b"x"
        assert select.select([poller], [], [], 0)[0] == []


def test_a_signal_s_handler_runs_during_a_wait_and_may_end_it() -> None:
    class Interrupted(Exception):
        pass

    runs = []

    def handler(_: int, __: Optional[FrameType]) -> None:
        runs.append(time.monotonic())
        if len(runs) == 2:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise Interrupted

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with Poller() as poller, pytest.raises(Interrupted):
            signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
            poller.wait()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(runs) == 2


def test_a_server_without_descriptors_is_not_over(path: str) -> None:
    with udsock.open_server(path) as server, Poller() as poller:
        poller.add(server)
        poller.wait(0)
        with udsock.open_client(path):
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            lowest = os.dup(0)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
            try:
                starved = one(poller)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert starved.kind == Poller.FAILED and starved.socket == server.handle
            assert isinstance(starved.error, OSError) and starved.error.errno == errno.EMFILE
            assert not starved.is_over
            # It is here still.
            accepted = one(poller)
            assert accepted.kind == Poller.ACCEPTED and not accepted.is_over
            # A connection with the same trouble is not.
            assert starved._replace(socket=accepted.socket).is_over
        ended = one(poller)
        assert ended.kind == Poller.ENDED and ended.is_over
        poller.drop(ended.socket)


def test_a_member_can_be_paused(path: str) -> None:
    left, right = udsock.pair()
    with left, right, Poller() as poller:
        poller.add(left, paused=True)
        right.send(b"hello")
        assert poller.wait(0.01) == []
        poller.add(left, 3)
        received = one(poller)
        assert (received.token, received.data) == (3, b"hello")


def test_two_that_both_send_much_do_not_wait_for_each_other() -> None:
    left, right = udsock.pair()
    much = b"x" * 1_000_000
    with left, right, Poller() as poller:
        poller.add(left, duplex=True)
        poller.add(right, duplex=True)
        poller.send(left, much)
        poller.send(right, much)
        received = {left.handle: 0, right.handle: 0}
        while set(received.values()) != {len(much)}:
            for event in poller.wait(TIME):
                received[event.socket] += len(event.data)


def test_a_closed_poller_leaves_its_members_open() -> None:
    left, right = udsock.pair()
    with left, right:
        poller = Poller()
        poller.add(left)
        poller.close()
        poller.close()
        assert poller.fileno() == -1
        calls: List[Callable[[], object]] = [poller.wait, poller.wake]
        calls += [lambda: poller.add(left), lambda: poller.send_raw(0)]
        for call in calls:
            with pytest.raises(OSError) as raised:
                call()
            assert raised.value.errno == errno.EBADF
        right.send(b"x")
        assert left.recv(10) == b"x"


def test_a_poller_that_is_left_open_warns() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Poller()
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="room"):
        Poller(capacity=0)
    with pytest.raises(ValueError, match="room"):
        Poller(arena_size=0)
    with Poller() as poller:
        with pytest.raises(OSError):
            poller.add(1)
        with pytest.raises(OSError):
            poller.drop(1)
        with pytest.raises(OSError):
            poller.take(1)
        with pytest.raises(TypeError):
            poller.send(1, "text")  # type: ignore[arg-type]
