"""The two parties over asyncio's protocols, streams only.

    pair_asyncio.py asyncio|uvloop|ours|"ours on uvloop" ...

The rest of the command line is in pair.h. "ours" is udsock.aio, on asyncio's own loop or on
uvloop.
"""

import asyncio
import sys
import time

LOOP, role, work, _, size, count, address = sys.argv[1:]
is_server = role == "server"
size, count = int(size), int(count)
data = bytes(size)

if "uvloop" in LOOP:
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

if "ours" in LOOP:
    from udsock.aio import create_connection, create_server
else:

    def create_connection(factory, path):
        return asyncio.get_running_loop().create_unix_connection(factory, path)

    def create_server(factory, path):
        return asyncio.get_running_loop().create_unix_server(factory, path, backlog=4096)


class Party(asyncio.Protocol):
    """Calls `done` for every `wanted` bytes that have come."""

    wanted = size
    done = None
    lost = None

    def __init__(self, made=None):
        self.missing = self.wanted
        self.made = made

    def connection_made(self, transport):
        self.transport = transport
        if self.made:
            self.made(self)

    def data_received(self, received):
        self.missing -= len(received)
        while self.missing <= 0:
            self.missing += self.wanted
            self.done()

    def connection_lost(self, error):
        if self.lost:
            self.lost()


class Rounds(Party):
    """Round trips, so many of them."""

    left = 0
    early = False

    async def run(self, rounds):
        self.left = rounds
        self.finished = asyncio.get_running_loop().create_future()
        if not is_server:
            self.transport.write(data)
        if self.early:
            self.early = False
            self.done()
        await self.finished

    def done(self):
        if not self.left:
            # The first of these rounds has come before they have begun.
            self.early = True
            return
        self.left -= 1
        if is_server or self.left:
            self.transport.write(data)
        if not self.left:
            self.finished.set_result(None)


class Acceptances:
    """Connections, so many of them, each answered once."""

    left = 0
    finished = None

    def accept(self):
        party = Party()
        party.done = lambda: (party.transport.write(data), party.transport.close())
        party.lost = self.one_less
        return party

    def one_less(self):
        self.left -= 1
        if self.left == 0 and self.finished:
            self.finished.set_result(None)

    async def run(self, rounds):
        # The first of these may be gone already when the last of the warm-up is.
        self.finished = None
        self.left += rounds
        if self.left:
            self.finished = asyncio.get_running_loop().create_future()
            await self.finished


async def connections(rounds):
    for _ in range(rounds):
        answered = asyncio.get_running_loop().create_future()
        party = Party()
        party.done = lambda: answered.set_result(None)
        transport, _ = await create_connection(lambda: party, address)
        transport.write(data)
        await answered
        transport.close()


async def open_end():
    """What this end does, as a coroutine of how many rounds."""
    if work == "connect" and not is_server:
        return connections
    if work == "connect":
        acceptances = Acceptances()
        await create_server(acceptances.accept, address)
        print("ready", flush=True)
        return acceptances.run
    if not is_server:
        return (await create_connection(Rounds, address))[1].run
    accepted = asyncio.get_running_loop().create_future()
    await create_server(lambda: Rounds(accepted.set_result), address)
    print("ready", flush=True)
    return (await accepted).run


async def main():
    run = await open_end()
    await run(count // 5 + 1)
    wall, cpu = time.monotonic_ns(), time.process_time_ns()
    await run(count)
    wall, cpu = time.monotonic_ns() - wall, time.process_time_ns() - cpu
    if not is_server:
        print(f"ns_per_operation {wall / count:.1f}")
    print(f"cpu_ns_per_operation {cpu / count:.1f}")


asyncio.run(main())
