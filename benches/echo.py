"""Echo servers under load: the CPU time that a request costs the server.

One load generator for all (echo/load.c), on the other core. Many connections are open, and
BUSY requests are on the way at any time, each on another connection.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Callable

from harness import (BENCHES, ROOT, Failure, Process, Row, available, compile_c, compile_go,
                     compile_libuv, compile_ours, cores_of, library, node_with, placements,
                     python_with_uvloop, tool)

SOURCES = BENCHES / "echo"
CONNECTIONS = [1000, 8000]
BUSY = 64
SPARE_DESCRIPTORS = 100  # What a server needs beside its connections.
NOTE = f"The server's CPU time a request of 64 bytes; {BUSY} are on the way at a time."


def python_binding(program: str) -> list:
    """A program over bindings/python, in this checkout and with this build of the library."""
    variables = [f"PYTHONPATH={ROOT / 'bindings/python/src'}", f"UDSOCK_LIBRARY={library()}"]
    return [tool("env"), *variables, sys.executable, SOURCES / program]


# How each server is started; its last argument is the address.
SERVERS: dict[str, Callable[[], list]] = {
    "raw": lambda: [compile_c(SOURCES / "raw.c", "echo_raw")],
    "ours": lambda: [compile_ours(SOURCES / "ours.c", "echo_ours")],
    "ours from Python": lambda: [sys.executable, SOURCES / "server.py", library()],
    "Poller in Python": lambda: python_binding("udsock_poller.py"),
    "asyncio over ours": lambda: python_binding("udsock_asyncio.py"),
    "ours from Node": lambda: [node_with("koffi"), SOURCES / "server.mjs", library()],
    "libuv": lambda: [compile_libuv(SOURCES / "uv.c", "echo_uv")],
    "Go": lambda: [compile_go(SOURCES / "server.go", "echo_go")],
    "Node": lambda: [tool("node"), SOURCES / "node_net.mjs"],
    "uvloop": lambda: [python_with_uvloop(), SOURCES / "asyncio_server.py", "uvloop"],
    "asyncio": lambda: [sys.executable, SOURCES / "asyncio_server.py", "asyncio"],
}


def sample(load: Path, server: list, connections: int, milliseconds: int) -> float:
    """Starts the server, puts it under load, and ends it."""
    server_core, load_core = cores_of(placements()[-1])
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/echo.sock"
        with Process([*server, address], [server_core]) as process:
            arguments = [address, process.child.pid, connections, BUSY, milliseconds]
            try:
                with Process([load, *arguments], [load_core]) as generator:
                    return generator.figures()["cpu_us"]
            except Failure:
                if process.child.poll() is not None:
                    raise process.failure("ended early") from None
                raise


def allow_descriptors(count: int) -> bool:
    """Raises the limit, which the programs inherit, as far as it goes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard == resource.RLIM_INFINITY or hard >= count


def rows(quick: bool) -> list[Row]:
    load = compile_c(SOURCES / "load.c", "echo_load")
    commands, missing = available(SERVERS)
    result = []
    for connections in CONNECTIONS:
        if allow_descriptors(connections + SPARE_DESCRIPTORS):
            contenders = {name: partial(sample, load, command, connections, 100 if quick else 300)
                          for name, command in commands.items()}
        else:
            contenders = {}
            missing = dict.fromkeys(SERVERS, "too few descriptors (ulimit -Hn)")
        result.append(Row(
            "echo server", f"{connections:,} connections", "us", contenders, missing=missing,
            goal=0.97, goals={"ours from Python": 1.2, "Poller in Python": 1.2,
                               "asyncio over ours": 2.0, "ours from Node": 1.2},
            chart=True, note=NOTE))
    return result
