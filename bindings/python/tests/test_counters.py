"""What is counted, and how full a queue is."""

from __future__ import annotations

import os
from typing import Any

import pytest
import udsock

from conftest import CONNECTED, KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_socket_counts(kind: int) -> None:
    one, other = udsock.pair(kind)
    with one, other:
        assert one.counters == udsock.Counters(*[0] * 12)
        one.send(b"hello")
        assert other.recv(100) == b"hello"
        assert (one.counters.sent_bytes, one.counters.sent_messages) == (5, 1)
        assert (other.counters.received_bytes, other.counters.received_messages) == (5, 1)
        one.close()
        with pytest.raises(OSError):
            one.counters


@pytest.mark.parametrize("kind", CONNECTED)
def test_a_server_and_its_queue(kind: int, path: str) -> None:
    with udsock.open_server(path, kind, backlog=3) as server:
        with udsock.open_client(path, kind), udsock.open_client(path, kind):
            found = udsock.inspect(path)
            assert (found.queue, found.queue_limit, found.processes) == (2, 4, 1)
            server.accept()[0].close()
            assert udsock.inspect(path).queue == 1
            assert (server.counters.accepted, server.counters.refused) == (1, 0)
            server.allow_user(os.getuid() + 1)
            server.settimeout(0)
            with pytest.raises(BlockingIOError):
                server.accept()
            assert server.counters.refused == 1
    assert udsock.inspect(path).queue_limit is None


def test_a_poller_counts() -> None:
    one, other = udsock.pair(udsock.SEQPACKET)
    with one, other, udsock.Poller() as poller:
        poller.add(one, 1)
        other.send(b"hello")
        assert len(poller.wait()) == 1
        poller.send(one, b"answer")
        found = poller.counters
        assert (found.received_bytes, found.sent_bytes, found.kept_bytes) == (5, 6, 0)
    with pytest.raises(OSError):
        poller.counters
