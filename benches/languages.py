"""Every language in one table: the same work by what each has itself, and over the library. Raw C is
the yardstick of all; in brackets stands what ours is of what its own language has (of C++, of C
over the same library: it is a thin header).

The figures are CPU time, as in python.py, whose contenders those in Python are.
"""

from __future__ import annotations

from typing import Callable

import node
from harness import ONE_CORE, Row, available, compile_cpp, python_with_uvloop, tool
from pairs import ASYNCIO, PROGRAMS, SOURCES, over_ours
from python import AS_LOOPS_DO, NOTE, WORKS, CpuTime

OWN = {"C++": "ours", "Python": "socket", "aio": "asyncio", "aio on uvloop": "uvloop",
       "Node": "net"}
LOOPS = {"asyncio", "aio", "uvloop", "aio on uvloop"}
NODES = {"net", "Node"}
MAKERS: dict[str, Callable[[], list]] = {
    "raw": PROGRAMS["raw"].make,
    "ours": PROGRAMS["ours"].make,
    "C++": lambda: [compile_cpp(SOURCES / "ours.cpp", "pair_ours_cpp")],
    "socket": PROGRAMS["Python"].make,
    "Python": PROGRAMS["Python over ours"].make,
    "asyncio": PROGRAMS["asyncio"].make,
    "aio": PROGRAMS["asyncio over ours"].make,
    "uvloop": PROGRAMS["uvloop"].make,
    "aio on uvloop": lambda: over_ours(python_with_uvloop(), ASYNCIO, "ours on uvloop"),
    "net": PROGRAMS["Node"].make,
    "Node": node.over_ours,
}
# Node's warm up is its own; what is measured has to be more than that of the others.
NODE_COUNTS = {"round_trip": 30_000, "transfer": 60_000, "connect": 5_000}


def rows(quick: bool) -> list[Row]:
    commands, missing = available(MAKERS)
    seconds = 0.03 if quick else 0.2
    found = []
    for case, work, size in WORKS:
        does = {name: command for name, command in commands.items()
                if work in AS_LOOPS_DO or name not in LOOPS}
        contenders = {
            name: CpuTime(command, 50, work, "stream", size, ONE_CORE, seconds,
                          count=NODE_COUNTS[work] // (10 if quick else 1) if name in NODES else None)
            for name, command in does.items()}
        found.append(Row("every language", case, "us", contenders, own=OWN, missing=missing,
                         note=NOTE))
    return found
