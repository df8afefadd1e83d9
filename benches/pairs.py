"""Workloads of two parties: a server and a client that are processes of their own.

The programs are in pairs/; pair.h says what they do. And the tables that call_cost.c and
descriptor_cost.c print about two ends in one thread.
"""

from __future__ import annotations

import socket
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Callable, Iterable, Optional

from harness import (BENCHES, CORES, ONE_CORE, ROOT, TWO_CORES, Process, Row, Sample,
                     Unavailable, accelerator, busy_loops, compile_c, compile_go, compile_libuv,
                     compile_ours, compile_rust, cores_of, library, placements,
                     python_with_uvloop, tool)

SOURCES = BENCHES / "pairs"
EVERY_KIND = frozenset({"stream", "seqpacket", "dgram"})


def over_ours(python: object, *words: object, accelerated: Optional[str] = None) -> list:
    """As its wheel has it: with the accelerator, if that can be built. "": without."""
    if accelerated is None:
        try:
            accelerated = str(accelerator())
        except Unavailable:
            accelerated = ""
    variables = [f"PYTHONPATH={ROOT / 'bindings/python/src'}", f"UDSOCK_LIBRARY={library()}",
                 f"UDSOCK_ACCELERATOR={accelerated}"]
    return [tool("env"), *variables, python, *words]


ASYNCIO = SOURCES / "pair_asyncio.py"


@dataclass
class Program:
    """How it is made, and what it does with which kinds of socket."""

    make: Callable[[], list]
    kinds: frozenset[str] = frozenset({"stream"})
    works: frozenset[str] = frozenset({"round_trip", "transfer", "connect"})
    first_count: int = 50

    def does(self, work: str, kind: str) -> bool:
        return work in self.works and kind in self.kinds


LOOP_WORKS = frozenset({"round_trip", "connect"})
PROGRAMS = {
    "raw": Program(lambda: [compile_c(SOURCES / "raw.c", "pair_raw")], EVERY_KIND | {"tcp"}),
    "ours": Program(lambda: [compile_ours(SOURCES / "ours.c", "pair_ours")], EVERY_KIND),
    "rust std": Program(lambda: [compile_rust(SOURCES / "std.rs", "pair_std")],
                        frozenset({"stream", "dgram"})),
    "Go": Program(lambda: [compile_go(SOURCES / "pair.go", "pair_go")], EVERY_KIND),
    "libuv": Program(lambda: [compile_libuv(SOURCES / "uv.c", "pair_uv")]),
    "Python": Program(lambda: [sys.executable, SOURCES / "pair.py"], EVERY_KIND),
    "Python over ours": Program(lambda: over_ours(sys.executable, SOURCES / "udsock_pair.py"),
                                EVERY_KIND),
    "asyncio": Program(lambda: [sys.executable, ASYNCIO, "asyncio"], works=LOOP_WORKS),
    "asyncio over ours": Program(lambda: over_ours(sys.executable, ASYNCIO, "ours"),
                                 works=LOOP_WORKS),
    "uvloop": Program(lambda: [python_with_uvloop(), ASYNCIO, "uvloop"], works=LOOP_WORKS),
    "uvloop over ours": Program(lambda: over_ours(python_with_uvloop(), ASYNCIO, "ours on uvloop"),
                                works=LOOP_WORKS),
    "Node": Program(lambda: [tool("node"), SOURCES / "pair.mjs"], first_count=2000),
}


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Pair:
    """A contender: how long an operation takes two processes, in microseconds."""

    def __init__(self, command: list, first_count: int, work: str, kind: str, size: int,
                 placement: str, seconds: float, scale: float = 1e-3, busy: bool = False,
                 count: Optional[int] = None):
        self.command, self.work, self.kind, self.size = command, work, kind, size
        self.cores = cores_of(placement)
        self.seconds = seconds
        self.scale = scale  # From nanoseconds an operation to the row's unit.
        self.busy = busy
        self.first_count = first_count
        self.count = count  # None: as many as take the time.

    def __call__(self) -> Sample:
        with busy_loops() if self.busy else nullcontext():
            if self.count is None:
                self.count = self.count_that_takes(self.seconds)
            server, client = self.run(self.count)
        cpu = server["cpu_ns_per_operation"] + client["cpu_ns_per_operation"]
        return Sample(client["ns_per_operation"] * self.scale, cpu * self.scale)

    def count_that_takes(self, seconds: float) -> int:
        """Contenders differ by a factor of a hundred: each gets as many as fill its sample.
        The first ones are slow, so only what took a fair part of that time counts."""
        count = self.first_count
        while True:
            wanted = seconds * 1e9 / self.run(count)[1]["ns_per_operation"]
            if count >= wanted / 4:
                return max(int(wanted), 1)
            count = int(wanted / 2)

    def run(self, count: int) -> tuple[dict[str, float], dict[str, float]]:
        with tempfile.TemporaryDirectory(prefix="bench.") as folder:
            address = free_port() if self.kind == "tcp" else f"{folder}/s"
            words = [self.work, self.kind, self.size, count, address]
            with Process([*self.command, "server", *words], [self.cores[0]]) as server:
                server.expect("ready")
                with Process([*self.command, "client", *words], [self.cores[1]]) as client:
                    figures = client.figures()
                    return server.figures(), figures


class Programs:
    """The commands of the contenders that can be built here, and why the others can't."""

    def __init__(self, seconds: float, names: Iterable[str] = PROGRAMS):
        self.seconds = seconds  # How long a sample takes.
        self.commands: dict[str, list] = {}
        self.missing: dict[str, str] = {}
        for name in names:
            try:
                self.commands[name] = PROGRAMS[name].make()
            except Unavailable as reason:
                self.missing[name] = str(reason)

    def that_do(self, work: str, kind: str) -> list[str]:
        return [name for name in self.commands if PROGRAMS[name].does(work, kind)]

    def missing_that_do(self, work: str, kind: str) -> dict[str, str]:
        return {name: reason for name, reason in self.missing.items()
                if PROGRAMS[name].does(work, kind)}

    def pair(self, name: str, *what, **options) -> Pair:
        return Pair(self.commands[name], PROGRAMS[name].first_count, *what, self.seconds, **options)


def name_of_size(size: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B"


def pair_row(programs: Programs, workload: str, work: str, kind: str, size: int,
             placement: str, *, case: str, scale: float = 1e-3, unit: str = "us",
             busy: bool = False, **options) -> Row:
    contenders = {
        name: programs.pair(name, work, kind, size, placement, scale=scale, busy=busy)
        for name in programs.that_do(work, kind)}
    return Row(workload, case, unit, contenders, missing=programs.missing_that_do(work, kind),
               **options)


def round_trips(programs: Programs) -> list[Row]:
    goals = {TWO_CORES: 0.15, ONE_CORE: 1.00}
    busy_goals = {TWO_CORES: 0.15, ONE_CORE: 1.00}
    message_goals = {"seqpacket": 1.08, "dgram": 1.08}
    row = partial(pair_row, programs, "round trip", "round_trip")
    rows = []
    for kind in ("stream", "seqpacket", "dgram"):
        for size in (64, 4096):
            for placement in placements():
                is_shown = (kind, size) == ("stream", 64)
                goal = goals[placement] if is_shown else None
                if size == 64 and placement == ONE_CORE:
                    goal = message_goals.get(kind, goal)
                rows.append(row(kind, size, placement, chart=is_shown, goal=goal,
                                case=f"{kind} {name_of_size(size)}, {placement}"))
    for placement in placements():
        rows.append(row("stream", 64, placement, goal=busy_goals[placement], busy=True,
                        case=f"stream 64 B, {placement}, a busy loop on each core"))
    return rows


def transfers(programs: Programs) -> list[Row]:
    if TWO_CORES not in placements():
        return []
    return [pair_row(programs, "throughput", "transfer", "stream", size, TWO_CORES,
                     scale=1e3 / size, unit="us/MB", goal=1.00, chart=size == 65536,
                     case=f"stream, writes of {name_of_size(size)}, {TWO_CORES}")
            for size in (65536, 1 << 20)]


MANY_DATAGRAMS = ("On a dgram ours is udsock_send_batch and udsock_recv_batch, 64 messages a call. "
                  "The receiver is open to all: its queue holds net.unix.max_dgram_qlen messages.")
MANY_ON_A_STREAM = "On a stream ours is udsock_poller_send, 64 items a call. Receivers read 64 KiB."


def small_messages(programs: Programs) -> list[Row]:
    """Ours many in a call, and for comparison one in a call, as all the others."""
    rows = []
    goals = {("dgram", ONE_CORE): 0.80, ("dgram", TWO_CORES): 0.66, ("stream", TWO_CORES): 0.12}
    for kind, note in (("dgram", MANY_DATAGRAMS), ("stream", MANY_ON_A_STREAM)):
        for placement in placements():
            singly = {"ours singly": 1.05} if placement == ONE_CORE else {}
            row = pair_row(programs, "small messages one way", "transfer", kind, 256, placement,
                           goal=goals.get((kind, placement)), goals=singly,
                           chart=placement == TWO_CORES, note=note,
                           case=f"{kind} 256 B, {placement}")
            row.contenders["ours singly"] = row.contenders["ours"]
            row.contenders["ours"] = programs.pair("ours", "batch", kind, 256, placement)
            rows.append(row)
    return rows


def connect_cycles(programs: Programs) -> list[Row]:
    goals = {ONE_CORE: 1.05, TWO_CORES: 0.40}
    rows = []
    for placement in placements():
        row = pair_row(programs, "connect cycle", "connect", "stream", 5, placement,
                       goal=goals[placement], chart=True, case=f"stream 5 B, {placement}",
                       note="Connect, 5 bytes there, 5 bytes back, close.")
        row.contenders["raw TCP"] = programs.pair("raw", "connect", "tcp", 5, placement)
        rows.append(row)
    return rows


class Table:
    """A program that measures all its ways side by side and prints a line a case, with the
    figures of the ways in columns. A run of it gives every one of them a sample."""

    def __init__(self, name: str, columns: tuple[str, ...]):
        self.program = compile_ours(BENCHES / f"{name}.c", name)
        self.columns = columns
        self.samples: dict[tuple[str, str], list[float]] = {}

    def take(self, case: str, column: str) -> float:
        if not self.samples.get((case, column)):
            self.run()
        return self.samples[case, column].pop(0)

    def run(self) -> None:
        with Process([self.program], [CORES[0]]) as process:
            _, *lines = process.output().splitlines()
        for line in lines:
            words = line.split()
            case = " ".join(word for word in words if word[0].isalpha())
            figures = [float(word) for word in words if word[0].isdigit()]
            for column, figure in zip(self.columns, figures):
                self.samples.setdefault((case, column), []).append(figure)

    def row(self, workload: str, case: str, **options) -> Row:
        contenders = {column: partial(self.take, case, column) for column in self.columns}
        return Row(workload, case, "ns", contenders, rounds=3, **options)


def one_thread() -> list[Row]:
    descriptors = Table("descriptor_cost", ("raw", "ours"))
    calls = Table("call_cost", ("raw", "recvmsg", "ours"))
    rows = [descriptors.row("descriptor passing", "one descriptor a message", goal=1.03,
                            note="Sent, received and closed in one thread.")]
    for kind in ("stream", "seqpacket", "dgram"):
        rows.append(calls.row("a send and a receive", kind,
                              note="64 bytes, in one thread. To tell an empty message from the "
                                   "end on a seqpacket takes recvmsg(2)."))
    return rows


def rows(quick: bool) -> list[Row]:
    programs = Programs(seconds=0.03 if quick else 0.2)
    return [*round_trips(programs), *transfers(programs), *small_messages(programs),
            *connect_cycles(programs), *one_thread()]
