"""How servers end, asyncio's own and udsock.aio's, with a client that does not read and with one
that does nothing: the table of docs/asyncio.md, in two columns.

    python ends.py

Each cell is a process of its own, which is given up after some seconds.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, List

AT_ONCE = 2.5
LIMIT = 3
GIVEN_UP = 8.0
"""Seconds. A busy machine takes longer than it should."""

ENDS = {
    "closed": "`close()`, `wait_closed()`",
    "clients closed": "`close()`, `close_clients()`, `wait_closed()`",
    "left": "`async with server` is left",
    "raised": "... by an exception",
    "interrupted": "... by Ctrl-C",
    "cancelled": "`serve_forever()` is cancelled",
}
CLIENTS = ["deaf", "idle"]


async def end(server: Any, how: str) -> None:
    if how in ("closed", "clients closed"):
        server.close()
        if how == "clients closed":
            server.close_clients()
        await server.wait_closed()
    elif how == "left":
        async with server:
            pass
    elif how == "raised":
        with suppress(ZeroDivisionError):
            async with server:
                raise ZeroDivisionError
    elif how == "interrupted":
        async with server:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(60)
    else:
        serving = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0.1)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def serve(library: str, how: str, client: str) -> None:
    """Says when the end begins, when it is over, and what has become of the client."""
    if library == "asyncio":
        start: Any = asyncio.start_unix_server
    else:
        from udsock import aio

        start = aio.start_server
    peers: List[asyncio.StreamWriter] = []

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer)
        with suppress(ConnectionError, asyncio.CancelledError):
            while client == "deaf":
                writer.write(b"x" * 65536)
                await writer.drain()
            await asyncio.Event().wait()

    async def main(path: str) -> None:
        server = await start(handle, path)
        with socket.socket(socket.AF_UNIX) as connected:
            connected.connect(path)
            await asyncio.sleep(0.3)
            assert len(peers) == 1
            begun[:] = [time.monotonic()]
            try:
                await end(server, how)
            finally:
                took = time.monotonic() - begun[0]
                state = "closed" if peers[0].is_closing() else "open"
                print(f"{took:.1f} {state}", flush=True)

    begun: List[float] = []
    # (Whoever starts this: with & it may be ignored.)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A second thread, lest the first one's loop is what hangs.
    threading.Timer(GIVEN_UP, hang).start()
    with tempfile.TemporaryDirectory() as directory, suppress(KeyboardInterrupt):
        asyncio.run(main(f"{directory}/s"))
    end_process()


def hang() -> None:
    print("never", flush=True)
    end_process()


def end_process() -> None:
    os._exit(0)


def tried(library: str, how: str, client: str) -> str:
    """When it ends, in words; and what lives on."""
    command = [sys.executable, __file__, library, how, client]
    result = subprocess.run(command, capture_output=True, text=True)
    if "has no attribute 'close_clients'" in result.stderr:
        return "no such call"
    said = result.stdout.split()
    assert said, result.stderr
    if said == ["never"]:
        return "waits"
    took = float(said[0])
    words = "at once" if took < AT_ONCE else f"in {LIMIT} seconds"
    return words + ("; the connection lives on" if said[1] == "open" else "")


def cell(deaf: str, idle: str) -> str:
    if deaf == idle:
        return deaf
    return f"{deaf} (idle: {idle})"


def table() -> List[List[str]]:
    """Rows: what ends, asyncio's own, udsock.aio."""
    libraries = ["asyncio", "udsock.aio"]
    cases = [(library, how, client) for how in ENDS for library in libraries for client in CLIENTS]
    with ThreadPoolExecutor(len(cases)) as pool:
        words = iter(list(pool.map(lambda case: tried(*case), cases)))
    return [
        [name, cell(next(words), next(words)), cell(next(words), next(words))]
        for name in ENDS.values()
    ]


if __name__ == "__main__":
    if sys.argv[1:]:
        serve(*sys.argv[1:])
    print(f"|  | asyncio of Python {sys.version.split()[0]} | udsock.aio |")
    for row in table():
        print("| " + " | ".join(row) + " |")
