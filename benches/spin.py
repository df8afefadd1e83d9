"""What waiting costs: the library as it is, without its spin, and blocking reads.

Trying before sleeping must be of use to those who wait for an answer, and cost nobody anything: it
is compared with the library without it. Who only receives (arrivals) does not try at all.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

from harness import (BENCHES, TWO_CORES, Process, Row, busy_loops, compile_ours, cores_of,
                     placements)

WAYS = {"no spin": "off", "ours": "default", "raw": "raw"}
FIGURES = {"latency": "median_us", "mean latency": "mean_us", "CPU time": "cpu_us"}
NO_WORSE = {"latency": 1.02, "CPU time": 1.05}  # Of what it is without the spin.
GAPS = (10, 20, 50, 100, 200, 500, 1000, 10000)  # Microseconds.
GAPS_WHEN_BUSY = (20, 100, 1000)
THREADS = 64
ROUNDS = 15  # Enough for an interval around the median.
NOTE = ("Latency is the median from before a send to after its receive, of a round trip from "
        "before its send to after the answer. CPU time is the receivers', of a round trip both "
        "processes'. On two cores without busy loops the sender watches the clock, elsewhere it "
        "sleeps between two messages. Without the spin a receive that waits takes three system "
        "calls, a blocking read one.")


class Way:
    """One way to wait in one case. A run gives all the figures: those that no table has asked
    for yet are kept."""

    def __init__(self, command: list, core: int, busy: bool):
        self.command, self.core, self.busy = command, core, busy
        self.samples: dict[str, list[float]] = {}

    def take(self, figure: str) -> float:
        if not self.samples.get(figure):
            self.run()
        return self.samples[figure].pop(0)

    def run(self) -> None:
        with busy_loops() if self.busy else nullcontext():
            with Process(self.command, [self.core]) as process:
                for name, value in process.figures().items():
                    self.samples.setdefault(name, []).append(value)


class Case:
    """The same work in every way."""

    def __init__(self, program: object, name: str, placement: str, busy: bool, work: str,
                 *words: object):
        ours, theirs = cores_of(placement)
        self.name = f"{name}, {placement}" + (", a busy loop on each core" if busy else "")
        self.ways = {name: Way([program, way, work, theirs, *words], ours, busy)
                     for name, way in WAYS.items()}

    def row(self, figure: str) -> Row:
        contenders = {name: partial(way.take, FIGURES[figure]) for name, way in self.ways.items()}
        return Row(f"the spin: {figure}", self.name, "us", contenders, yardstick="no spin",
                   goal=NO_WORSE.get(figure), note=NOTE, least_rounds=ROUNDS)


def arrivals(program: object, seconds: float, name: str, placement: str, busy: bool,
             shortest: int, longest: int, threads: int = 1) -> Case:
    pace = "exact" if placement == TWO_CORES and not busy else "asleep"
    average = (shortest + longest) / 2 / threads
    count = max(int(seconds * 1e6 / average), 50)
    return Case(program, name, placement, busy, "arrivals", pace, threads, shortest, longest,
                count)


def name_of_gap(gap: int) -> str:
    return f"{gap} us" if gap < 1000 else f"{gap // 1000} ms"


def cases(program: object, seconds: float) -> list[Case]:
    found = []
    for busy in (False, True):
        for placement in placements():
            where = placement, busy
            found.append(Case(program, "round trip", *where, "round_trip", int(seconds * 3e4)))
            for gap in GAPS_WHEN_BUSY if busy else GAPS:
                found.append(arrivals(program, seconds, f"every {name_of_gap(gap)}", *where,
                                      gap, gap))
            found.append(arrivals(program, seconds, f"{THREADS} threads, every 1 to 100 ms each",
                                  *where, 1000, 100_000, THREADS))
    return found


def rows(quick: bool) -> list[Row]:
    program = compile_ours(BENCHES / "spin" / "spin.c", "spin", "-pthread")
    measured = cases(program, seconds=0.03 if quick else 0.2)
    return [case.row(figure) for figure in FIGURES for case in measured]
