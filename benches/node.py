"""The binding for Node.js beside Node's own net, and beside the packages that have the other kinds
of socket: streams, messages, echo servers, and what it takes to load them.
"""

from __future__ import annotations

import platform
import shutil
from functools import lru_cache, partial
from pathlib import Path

import echo
from harness import (BENCHES, CORES, ROOT, Process, Row, available, compile_c, library, node_with,
                     placements, program, tool)
from pairs import SOURCES as PAIRS
from pairs import Pair, name_of_size

SOURCES = BENCHES / "node"
PEERS = {"node-unix-socket": ("dgram", "seqpacket"), "unix-dgram": ("dgram",)}


def over_ours() -> list:
    variables = [f"PAIR_NET={ROOT / 'bindings/node/lib/index.mjs'}", f"UDSOCK_LIBRARY={library()}"]
    return [tool("env"), *variables, tool("node"), PAIRS / "pair.mjs"]


# How many operations a sample has: not what fits into a time, since on a machine that has other
# work to do these would be so few that what is measured is V8's compiler.
COUNTS = {("round_trip", 64): 30_000, ("round_trip", 4096): 30_000, ("connect", 5): 10_000,
          ("transfer", 65536): 5000, ("transfer", 1 << 20): 400}


def pair(command: list, work: str, kind: str, size: int, placement: str, quick: bool,
         **options) -> Pair:
    count = COUNTS[work, size] // (10 if quick else 1)
    return Pair(command, 0, work, kind, size, placement, 0, count=count, **options)


def streams(quick: bool) -> list[Row]:
    works = (("round trip", "round_trip", 64, 1e-3, "us"),
             ("writes", "transfer", 65536, 1e3 / 65536, "us/MB"),
             ("writes", "transfer", 1 << 20, 1e3 / (1 << 20), "us/MB"),
             ("connect cycle", "connect", 5, 1e-3, "us"))
    commands, missing = available({"net": lambda: [tool("node"), PAIRS / "pair.mjs"],
                                   "udsock": over_ours})
    rows = []
    for name, work, size, scale, unit in works:
        for placement in placements():
            contenders = {who: pair(command, work, "stream", size, placement, quick, scale=scale)
                          for who, command in commands.items()}
            rows.append(Row("streams in Node.js", f"{name}, {name_of_size(size)}, {placement}",
                            unit, contenders, yardstick="net", goals={"udsock": 1.05},
                            missing=missing, note="Of 64 KiB and more the receiver answers the "
                                                  "last with a byte."))
    return rows


class Cpu:
    """The same contender, whose figure is the CPU time of both parties."""

    def __init__(self, pair: Pair):
        self.pair = pair

    def __call__(self) -> float:
        return self.pair().cpu


def messages(quick: bool) -> list[Row]:
    def command(name: str) -> list:
        node = tool("node") if name == "udsock" else node_with(name)
        variables = [f"UDSOCK_LIBRARY={library()}", f"NODE_PATH={BENCHES / 'node_modules'}"]
        return [tool("env"), *variables, node, SOURCES / "messages.cjs", name]

    makers = {name: (lambda name=name: command(name)) for name in ("udsock", *PEERS)}
    commands, missing = available(makers)
    rows = []
    for kind in ("dgram", "seqpacket"):
        for size in (64, 4096):
            for placement in placements():
                contenders = {
                    name: Cpu(pair(words, "round_trip", kind, size, placement, quick))
                    for name, words in commands.items() if kind in PEERS.get(name, (kind,))}
                if "node-unix-socket" not in contenders:
                    contenders = {}
                rows.append(Row(
                    "messages in Node.js: CPU time",
                    f"round trip, {kind} {name_of_size(size)}, {placement}", "us", contenders,
                    yardstick="node-unix-socket", goals={"udsock": 1.0}, missing=missing,
                    note="The CPU time of both parties."))
    return rows


def echo_servers(quick: bool) -> list[Row]:
    def ours(file: str) -> list:
        return [tool("node"), echo.SOURCES / file, library()]

    load = compile_c(echo.SOURCES / "load.c", "echo_load")
    commands, missing = available({
        "raw": echo.SERVERS["raw"],
        "Poller": lambda: ours("udsock_poller.cjs"),
        "createServer": lambda: ours("udsock_node.cjs"),
        "net": echo.SERVERS["Node"],
    })
    rows = []
    for connections in echo.CONNECTIONS:
        contenders = {}
        if echo.allow_descriptors(connections + echo.SPARE_DESCRIPTORS):
            contenders = {
                name: partial(echo.sample, load, command, connections, 100 if quick else 500)
                for name, command in commands.items()}
        rows.append(Row("echo server in Node.js", f"{connections:,} connections", "us", contenders,
                        goals={"Poller": 1.5, "createServer": 1.0},
                        beside={"createServer": "net"}, missing=missing,
                        note=f"{echo.NOTE} raw is C over epoll."))
    return rows


@lru_cache(maxsize=None)
def installed() -> Path:
    """The binding as npm installs it: without what a checkout is built by."""
    binding = ROOT / "bindings/node"
    place = program("installed") / "node_modules"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(binding / "lib", place / "udsock/lib")
    shutil.copy(binding / "package.json", place / "udsock")
    # The addon is built when the binding is first loaded in the checkout.
    with Process([tool("env"), f"UDSOCK_LIBRARY={library()}", tool("node"), binding / "lib"],
                 CORES) as process:
        process.output()
    libc = "musl" if platform.libc_ver()[0] != "glibc" else "gnu"
    architecture = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine())
    name = f"linux-{architecture}-{libc}"
    shutil.copytree(binding / "npm" / name, place / "@udsock" / name)
    shutil.copy(library(), place / "@udsock" / name / "libudsock.so")
    return place


class Loading:
    """A contender: what loading a module takes. A process of its own for each."""

    def __init__(self, module: object, figure: str):
        self.module, self.figure = module, figure

    def __call__(self) -> float:
        command = [tool("env"), f"NODE_PATH={BENCHES / 'node_modules'}", tool("node"),
                   SOURCES / "require.cjs", self.module]
        with Process(command, [CORES[0]]) as process:
            return process.figures()[self.figure]


def package(name: str) -> str:
    node_with(name)
    return name


def loading() -> list[Row]:
    modules, missing = available({
        "net": lambda: "net",
        "udsock": lambda: installed() / "udsock/lib/index.js",
        "udsock/http": lambda: installed() / "udsock/lib/http.js",
        "http": lambda: "http",
        **{name: (lambda name=name: package(name)) for name in (*PEERS, "koffi")},
    })
    note = ("By require, in a process that has loaded nothing else: CPU time of all its threads, "
            "and memory that is not read from files. udsock has net in it.")
    return [Row("loading in Node.js", case, unit,
                {name: Loading(module, figure) for name, module in modules.items()},
                yardstick="net", missing=missing, note=note)
            for case, unit, figure in (("CPU time", "ms", "cpu_ms"),
                                       ("memory", "KiB", "memory_kib"))]


def rows(quick: bool) -> list[Row]:
    return [*streams(quick), *messages(quick), *echo_servers(quick), *loading()]
