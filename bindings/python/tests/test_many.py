"""Many connections, threads and processes."""

from __future__ import annotations

import faulthandler
import gc
import hashlib
import os
import resource
import socket
import threading
import tracemalloc
from typing import Iterator

import pytest
import udsock

CLIENTS = 1000
CONNECTIONS = int(os.environ.get("UDSOCK_CONNECTION_COUNT", "4000"))
"""The proof is 100000."""


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 4 * CLIENTS
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.fail(f"{needed} descriptors are needed, and {hard} is the limit")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def small_stacks() -> Iterator[None]:
    before = threading.stack_size(256 * 1024)
    yield
    threading.stack_size(before)


def test_a_thousand_connections_served_by_threads(
    path: str, many_descriptors: None, small_stacks: None
) -> None:
    threads: list[threading.Thread] = []
    failures: list[BaseException] = []

    def serve(peer: udsock.Socket) -> None:
        try:
            with peer:
                while data := peer.recv(4096):
                    peer.sendall(data)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    def accept() -> None:
        try:
            while True:
                peer, _ = server.accept()
                threads.append(threading.Thread(target=serve, args=(peer,)))
                threads[-1].start()
        except udsock.SocketClosed:
            pass

    server = udsock.open_server(path)
    accepting = threading.Thread(target=accept)
    accepting.start()
    clients = [udsock.open_client(path, timeout=50) for _ in range(CLIENTS)]
    for turn in range(3):
        for number, client in enumerate(clients):
            client.sendall(b"%d of %d" % (number, turn))
        for number, client in enumerate(clients):
            expected = b"%d of %d" % (number, turn)
            assert client.recv_exact(len(expected)) == expected
    for client in clients:
        client.close()
    server.close()
    accepting.join()
    for thread in threads:
        thread.join()
    assert (len(threads), failures) == (CLIENTS, [])
    assert not os.path.exists(path)


def test_threads_share_one_socket() -> None:
    one, other = udsock.pair(udsock.SEQPACKET)
    sent = [hashlib.sha256(b"%d" % number).digest() for number in range(4000)]
    got: list[bytes] = []

    def send(part: list[bytes]) -> None:
        for data in part:
            one.send(data)

    def receive() -> None:
        while data := other.recv(99):
            got.append(data)

    senders = [threading.Thread(target=send, args=(sent[i::4],)) for i in range(4)]
    receivers = [threading.Thread(target=receive) for _ in range(4)]
    for thread in senders + receivers:
        thread.start()
    for thread in senders:
        thread.join()
    one.close()
    for thread in receivers:
        thread.join()
    other.close()
    assert sorted(got) == sorted(sent)


def test_a_socket_is_closed_once_only() -> None:
    one, other = udsock.pair()
    with other:
        threads = [threading.Thread(target=one.close) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with pytest.raises(OSError, match="Bad file descriptor"):
            one.send(b"x")


def test_memory_stays_level(path: str) -> None:
    # It takes as long as it was asked to.
    faulthandler.cancel_dump_traceback_later()
    with udsock.open_server(path) as server:

        def cycle(count: int) -> None:
            for _ in range(count):
                with udsock.open_client(path) as client, server.accept()[0] as peer:
                    client.sendall(b"question")
                    peer.sendall(peer.recv(99))
                    assert client.recvmsg(99, 99, socket.MSG_PEEK)[0] == b"question"
                    assert client.recvfrom(99)[0] == b"question"

        cycle(200)
        gc.collect()
        tracemalloc.start()
        cycle(200)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        cycle(CONNECTIONS)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert after - before < 20_000
