"""udsock.aio with random orders of writes, pauses and ends.

UDSOCK_AIO_ORDERS: how many (60); of those that are compared, ten times as many.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from hashlib import md5
from pathlib import Path
from typing import Any, Callable, List, Set, Tuple

import pytest
from aio_support import Recorder, every_loop, run_clean, until

from udsock import _accelerator, aio

ORDERS = int(os.environ.get("UDSOCK_AIO_ORDERS", "60"))


class Checking(Recorder):
    """Pauses reading now and then, and looks after the order of what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.keeps_open = True
        self.digest = md5()
        self.size = 0

    def data_received(self, data: bytes) -> None:
        assert self.transport.is_reading()
        assert not {"eof", "lost"} & set(self.calls)
        self.size += len(data)
        self.digest.update(data)
        if self.size % 17 == 0:
            self.pause()

    def pause(self) -> None:
        self.transport.pause_reading()
        asyncio.get_running_loop().call_soon(self.transport.resume_reading)

    def pause_writing(self) -> None:
        assert self.calls.count("pause") == self.calls.count("resume")
        super().pause_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        assert self.calls.count("pause") == self.calls.count("resume")


async def connected_pair(path: str, accepted: List[Checking]) -> Tuple[Checking, Checking]:
    accepted.clear()
    _, client = await aio.create_connection(Checking, path)
    await until(lambda: bool(accepted))
    return client, accepted[0]


def server_of(accepted: List[Checking]) -> Callable[[], Checking]:
    def factory() -> Checking:
        accepted.append(Checking())
        return accepted[-1]

    return factory


def test_every_byte_arrives(path: str) -> None:
    async def write(protocol: Checking, order: random.Random) -> Tuple[int, str]:
        digest, size = md5(), 0
        for _ in range(order.randrange(1, 30)):
            data = os.urandom(order.choice([1, 10, 1000, 70_000, 300_000]))
            protocol.transport.write(data)
            digest.update(data)
            size += len(data)
            if order.random() < 0.3:
                await asyncio.sleep(0)
        protocol.transport.write_eof()
        return size, digest.hexdigest()

    async def main() -> None:
        accepted: List[Checking] = []
        async with await aio.create_server(server_of(accepted), path):
            for seed in range(ORDERS):
                order = random.Random(seed)
                both = await connected_pair(path, accepted)
                sent = await asyncio.gather(*(write(protocol, order) for protocol in both))
                await until(lambda: all("eof" in protocol.calls for protocol in both))
                received = [(protocol.size, protocol.digest.hexdigest()) for protocol in both]
                assert received == sent[::-1]
                for protocol in both:
                    protocol.transport.close()
                    assert await protocol.lost is None

    run_clean(main)


def test_whatever_is_called_a_connection_is_lost_once(path: str) -> None:
    def some_call(order: random.Random, protocol: Checking) -> Callable[[], Any]:
        transport = protocol.transport
        size = order.choice([1, 1000, 500_000])

        def write() -> None:
            if protocol not in shut:
                transport.write(b"x" * size)

        def write_eof() -> None:
            shut.add(protocol)
            transport.write_eof()

        calls = [
            write,
            write_eof,
            lambda: transport.set_write_buffer_limits(order.choice([0, 10, 100_000])),
            protocol.pause,
            transport.close,
            transport.abort,
        ]
        return order.choice(calls)

    shut: Set[Checking] = set()

    async def main() -> None:
        accepted: List[Checking] = []
        async with await aio.create_server(server_of(accepted), path):
            for seed in range(10 * ORDERS):
                order = random.Random(seed)
                both = await connected_pair(path, accepted)
                for _ in range(order.randrange(1, 15)):
                    some_call(order, order.choice(both))()
                    if order.random() < 0.5:
                        await asyncio.sleep(0)
                for protocol in both:
                    protocol.transport.abort()
                    await protocol.lost
                    assert protocol.calls.count("lost") == 1
                shut.clear()

    run_clean(main)


@pytest.mark.skipif(_accelerator.fast is None, reason="no accelerator: there is one way")
@every_loop
def test_with_the_accelerator_all_happens_as_without(loop_kind: str) -> None:
    def seen(accelerator: str) -> List[str]:
        environment = {**os.environ, "UDSOCK_ACCELERATOR": accelerator, "PYTHONHASHSEED": "0"}
        program = Path(__file__).with_name("run_aio_orders.py")
        done = subprocess.run(
            [sys.executable, program, loop_kind, "0", str(10 * ORDERS)],
            capture_output=True,
            text=True,
            timeout=50,
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    with_it, without = seen(_accelerator._find() or ""), seen("")
    assert len(with_it) > 100 * ORDERS
    for number, (one, other) in enumerate(zip(with_it, without)):
        assert one == other, with_it[max(0, number - 30) : number + 2]
    assert len(with_it) == len(without)
