"""udsock.aio under load: many connections at once, and many after each other.

UDSOCK_AIO_COUNT: how many connections are made after each other (500; 100,000 for the whole
proof).
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import resource
import tracemalloc
from pathlib import Path
from typing import Iterator

import pytest
from aio_support import every_loop, run_clean
from conftest import HANG

import udsock
from udsock import aio

AT_ONCE = 1000
IN_TURN = int(os.environ.get("UDSOCK_AIO_COUNT", "500"))


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * AT_ONCE + 100
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"{needed} descriptors are needed, and {hard} allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@every_loop
def test_a_thousand_connections_at_once(
    path: str, loop_kind: str, many_descriptors: None
) -> None:
    async def client(number: int) -> None:
        reader, writer = await aio.open_connection(path)
        for size in (1, 1000, 30_000):
            question = b"%06d" % number * size
            writer.write(question)
            await writer.drain()
            assert await reader.readexactly(len(question)) == question
        await arrived.wait()
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        global arrived
        arrived = Arrivals(AT_ONCE)
        async with await aio.create_server(Echo, path):
            await asyncio.gather(*map(client, range(AT_ONCE)))
        assert not os.path.exists(path)

    run_clean(main, loop_kind)


class Arrivals:
    """Lets nobody go before all have come."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._all = asyncio.Event()

    async def wait(self) -> None:
        self._left -= 1
        if not self._left:
            self._all.set()
        await self._all.wait()


arrived: Arrivals


@every_loop
def test_datagrams_of_many_senders(path: str, loop_kind: str) -> None:
    senders, each = 100, 50

    class Counting(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.next = [0] * senders
            self.left = senders * each
            self.done = asyncio.get_running_loop().create_future()

        def datagram_received(self, data: bytes, addr: object) -> None:
            sender, number = map(int, data.split())
            assert number == self.next[sender]
            self.next[sender] += 1
            self.left -= 1
            if not self.left:
                self.done.set_result(None)

    async def main() -> None:
        receiver, counting = await aio.create_datagram_endpoint(Counting, path)
        transports = []
        for sender in range(senders):
            transport, _ = await aio.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=path
            )
            for number in range(each):
                transport.sendto(b"%d %d" % (sender, number))
            transports.append(transport)
        await counting.done
        # (Closed before, they would have a limited time for the rest.)
        for transport in [*transports, receiver]:
            transport.close()
        await asyncio.sleep(0)

    run_clean(main, loop_kind)


def test_memory_and_descriptors_stay_level(path: str) -> None:
    async def connect(count: int) -> None:
        for _ in range(count):
            reader, writer = await aio.open_connection(path)
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
            writer.close()
            await writer.wait_closed()

    async def main() -> None:
        async with await aio.create_server(Echo, path):
            await connect(200)
            gc.collect()
            before = tracemalloc.get_traced_memory()[0], len(os.listdir("/proc/self/fd"))
            await connect(IN_TURN)
            await asyncio.sleep(0.01)
            gc.collect()
            after = tracemalloc.get_traced_memory()[0], len(os.listdir("/proc/self/fd"))
            assert after[1] <= before[1]
            assert after[0] - before[0] < 100_000

    faulthandler.dump_traceback_later(HANG + IN_TURN // 100, exit=True)
    tracemalloc.start()
    try:
        asyncio.run(main())
    finally:
        tracemalloc.stop()


def test_a_server_without_descriptors_says_so_and_goes_on(path: str, tmp_path: Path) -> None:
    contexts = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, c: contexts.append(c))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        server = await aio.create_server(Echo, path)
        client = udsock.open_client(path)
        client.settimeout(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            while not contexts:
                await asyncio.sleep(0.001)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        client.send(b"hello")
        while True:
            try:
                assert client.recv(100) == b"hello"
                break
            except BlockingIOError:
                await asyncio.sleep(0.001)
        client.close()
        server.close()
        await server.wait_closed()

    asyncio.run(asyncio.wait_for(main(), 30))
    [context] = contexts
    assert "socket.accept()" in context["message"]
