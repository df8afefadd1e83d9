"""Random orders of calls on two ends of a stream, also from within the callbacks of a protocol.

    python3 run_aio_orders.py LOOP FIRST LAST

Prints, for each seed, what was called and what it led to. What is printed depends on nothing but the
seeds: over the accelerator it is the same as over ctypes.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import warnings
from typing import Any, Callable, List

import udsock
from udsock import aio

SIZES = [0, 1, 1000, 40_000, 65_536, 65_537, 300_000]
MANY = 60
"""So many calls are made from within callbacks, or a seed would have no end."""


class Order:
    """What is done in one seed, and what was seen."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seen: List[str] = []
        self.ends: List[Any] = []
        self.calls = 0
        self.can_interrupt = False
        self.is_in_task = False

    def see(self, *words: Any) -> None:
        self.seen.append(" ".join(map(str, words)))

    def call(self, name: str, method: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        said = [len(one) if hasattr(one, "__len__") else one for one in arguments]
        try:
            result = method(*arguments, **named)
        except Exception as error:
            self.see(name, *said, type(error).__name__, error)
        else:
            self.see(name, *said, result)

    def step(self, is_within: bool = False) -> None:
        """One call that a program may make."""
        choose = self.random
        number = choose.randrange(len(self.ends))
        end, name = self.ends[number], f"{number}:"
        data = bytes([choose.randrange(256)]) * choose.choice(SIZES)
        kind = choose.choice([bytes, bytes, bytes, bytearray, memoryview])
        what = choose.randrange(25)
        if what < 7:
            self.call(name + "write", end.write, kind(data) if kind is not memoryview else data)
        elif what == 7:
            self.call(name + "writelines", end.writelines, [data, b"", data[:5]])
        elif what == 8 and not is_within:
            self.call(name + "close", end.close)
        elif what == 9 and choose.random() < 0.5:
            self.call(name + "abort", end.abort)
        elif what == 10:
            self.call(name + "write_eof", end.write_eof)
        elif what == 11:
            self.call(name + "pause", end.pause_reading)
        elif what in (12, 13):
            self.call(name + "resume", end.resume_reading)
        elif what == 14:
            high = choose.choice([0, 1, 10, 100_000, 2**70])
            self.call(name + "limits", end.set_write_buffer_limits, high)
        elif what == 15:
            taker = choose.choice([Taker, Taker, BufferedTaker, Deaf])(self, number)
            self.call(name + "set_protocol", end.set_protocol, taker)
        elif what == 16:
            sock = end.get_extra_info("socket")
            self.call(name + "send", sock.send, data[:1000])
        elif what == 17 and choose.random() < 0.2:
            sock = end.get_extra_info("socket")
            self.call(name + "shut", sock.close)
        elif what == 18 and choose.random() < 0.3:
            gc.collect()
        elif what == 19 and is_within:
            raise ValueError(number)
        elif what == 20 and is_within and self.can_interrupt and not self.is_in_task:
            raise KeyboardInterrupt
        elif what == 21:
            self.call(name + "flush", end.flush)
        elif what == 22 and choose.random() < 0.3:
            sock = end.get_extra_info("socket")
            self.call(name + "detach", lambda: os.close(sock.detach()))
        sizes = end.get_write_buffer_size(), end.is_closing(), end.is_reading()
        self.see(name, *sizes, end._protocol_paused)

    def within(self) -> None:
        """In a callback."""
        while self.calls < MANY and self.random.random() < 0.5:
            self.calls += 1
            self.step(is_within=True)


class Taker(asyncio.Protocol):
    def __init__(self, order: Order, number: int) -> None:
        self.order, self.number = order, number

    def __repr__(self) -> str:
        return self.__class__.__name__

    def told(self, *words: Any) -> None:
        self.order.see(f"{self.number}>", self, *words)
        self.order.within()

    def connection_made(self, transport: Any) -> None:
        self.order.see(f"{self.number}> made")

    def data_received(self, data: bytes) -> None:
        self.told("data", len(data), hash(data))

    def eof_received(self) -> bool:
        self.told("eof")
        return self.order.random.random() < 0.7

    def pause_writing(self) -> None:
        self.told("pause")

    def resume_writing(self) -> None:
        self.told("resume")

    def connection_lost(self, exc: Any) -> None:
        self.order.see(f"{self.number}> lost", type(exc).__name__, exc)


class BufferedTaker(Taker, asyncio.BufferedProtocol):
    def get_buffer(self, sizehint: int) -> Any:
        self.told("get_buffer", sizehint)
        self.room = bytearray(self.order.random.choice([1000, 100_000, sizehint]))
        return self.room

    def buffer_updated(self, nbytes: int) -> None:
        self.told("updated", nbytes, hash(bytes(self.room[:nbytes])))
        # (Nobody may have kept a view.)
        self.room.clear()


class Deaf(Taker):
    data_received = None  # type: ignore[assignment]


async def one_seed(order: Order) -> None:
    loop = asyncio.get_running_loop()

    def unhandled(_: Any, context: Any) -> None:
        error = context.get("exception")
        order.see("unhandled", context["message"], type(error).__name__, error)

    loop.set_exception_handler(unhandled)
    for number, sock in enumerate(udsock.pair()):
        sock.send_buffer = 100_000

        def taker(number: int = number) -> Taker:
            return Taker(order, number)

        transport, _ = await aio.create_connection(taker, sock=sock)
        order.ends.append(transport)
    order.can_interrupt = order.random.random() < 0.2 and sys.argv[1] == "asyncio"
    if order.random.random() < 0.3:
        # (Busy ends move from the poller to the loop, if the loop is not asyncio's.)
        for _ in range(20):
            order.is_in_task = True
            for end in order.ends:
                order.call("write", end.write, b"hello")
            order.is_in_task = False
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    for _ in range(order.random.randrange(1, 40)):
        order.is_in_task = True
        order.step()
        order.is_in_task = False
        for _ in range(order.random.choice([0, 0, 1, 2, 5])):
            await asyncio.sleep(0)
    order.calls = MANY
    for _ in range(20):
        await asyncio.sleep(0)
    for end in order.ends:
        end.abort()
    for _ in range(3):
        await asyncio.sleep(0)


def other_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def main() -> None:
    kind, first, last = sys.argv[1], *map(int, sys.argv[2:])
    warnings.simplefilter("ignore")
    loop = asyncio.new_event_loop() if kind == "asyncio" else other_loop()
    for seed in range(first, last):
        order = Order(seed)
        task = loop.create_task(one_seed(order))
        while True:
            try:
                loop.run_until_complete(task)
                break
            except KeyboardInterrupt:
                order.see("interrupted")
        print(f"== {seed}", *order.seen, sep="\n", flush=True)
    loop.close()


main()
