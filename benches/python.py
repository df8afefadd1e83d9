"""The Python package beside what Python has itself, which is the yardstick here: with the
accelerator, and by ctypes alone. The figures are CPU time. Both parties are on one core, where it
is the time, too, if nothing else runs; and on a busy machine it still says something.
"""

from __future__ import annotations

import sys
from functools import partial

from harness import CORES, ONE_CORE, ROOT, Process, Row, Sample, Unavailable, accelerator, library
from pairs import ASYNCIO, SOURCES, Pair, over_ours, python_with_uvloop

WORKS = [("round trip, 64 B", "round_trip", 64), ("small messages one way, 256 B", "transfer", 256),
         ("connect cycle, 5 B", "connect", 5)]
AS_LOOPS_DO = {"round_trip", "connect"}
GOAL, LOOP_GOALS = 1.15, {"asyncio": {"round_trip": 0.5, "connect": 0.64},
                          "uvloop": {"round_trip": 1.0, "connect": 1.0}}

IMPORT = """
import time
cpu = time.process_time_ns()
import {module}
print("cpu", time.process_time_ns() - cpu)
with open("/proc/self/smaps_rollup") as lines:
    print("kilobytes", next(line.split()[1] for line in lines if line.startswith("Rss")))
"""


NOTE = "CPU time of both parties, on one core."


class CpuTime(Pair):
    def __call__(self) -> Sample:
        cpu = super().__call__().cpu
        assert cpu is not None
        return Sample(cpu)


def importing(module: str, figure: str) -> Sample:
    environment = {"PYTHONPATH": str(ROOT / "bindings/python/src"), "UDSOCK_LIBRARY": str(library()),
                   "UDSOCK_ACCELERATOR": accelerator_or_none()}
    # -S: what a site has imported already is no cost of anybody's.
    command = [sys.executable, "-S", "-c", IMPORT.format(module=module)]
    with Process(command, CORES[-1:], **environment) as process:
        figures = process.figures()
    return Sample(figures[figure] / {"kilobytes": 1024, "cpu": 1e6}[figure])


def accelerator_or_none() -> str:
    try:
        return str(accelerator())
    except Unavailable:
        return ""


def ways(python: object, *words: object) -> dict[str, list]:
    made = {"ours by ctypes": over_ours(python, *words, accelerated="")}
    if accelerator_or_none():
        made["ours"] = over_ours(python, *words, accelerated=accelerator_or_none())
    return made


def rows(quick: bool) -> list[Row]:
    seconds = 0.03 if quick else 0.2
    missing = {} if accelerator_or_none() else {"ours": "the accelerator can't be built"}

    def row(workload: str, case: str, work: str, size: int, commands: dict, yardstick: str,
            goal: float) -> Row:
        contenders = {name: CpuTime(command, 50, work, "stream", size, ONE_CORE, seconds)
                      for name, command in commands.items()}
        return Row(workload, case, "us", contenders, yardstick=yardstick, goal=goal,
                   missing=missing, note=NOTE)

    found = []
    own = {"socket": [sys.executable, SOURCES / "pair.py"],
           **ways(sys.executable, SOURCES / "udsock_pair.py")}
    for case, work, size in WORKS:
        found.append(row("Python: udsock.Socket beside socket.socket", case, work, size, own, "socket", GOAL))
    loops = {"asyncio": (sys.executable, "ours")}
    try:
        loops["uvloop"] = (python_with_uvloop(), "ours on uvloop")
    except Unavailable:
        pass
    for loop, (python, ours) in loops.items():
        commands = {loop: [python, ASYNCIO, loop], **ways(python, ASYNCIO, ours)}
        for case, work, size in WORKS:
            if work in AS_LOOPS_DO:
                found.append(row(f"Python: udsock.aio beside {loop}", case, work, size, commands, loop,
                                 LOOP_GOALS[loop][work]))
    modules = ("socket", "udsock", "asyncio", "udsock.aio")
    for case, unit, figure in (("CPU time", "ms", "cpu"), ("memory of the process", "MiB", "kilobytes")):
        found.append(Row("Python: importing", case, unit,
                         {module: partial(importing, module, figure) for module in modules},
                         yardstick="socket", note="Python's own start is not in the time, and is in "
                                                  "the memory. The files are compiled already."))
    return found
