#!/usr/bin/env python3
"""How cost grows: with the connections that are open, and with the size of a message.

    python3 benches/growth.py             writes GROWTH.md and growth.svg: some ten minutes
    python3 benches/growth.py --quick     once, up to 1,000 connections; writes nothing

By the raw calls and by us in turn. As many connections as the limit of descriptors allows
(ulimit -Hn), up to 100,000: their clients are in a process of their own.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
from datetime import date
from math import ceil, floor, log, log10

import report
from harness import (BENCHES, CORES, Failure, Process, Unavailable, compile_ours, library,
                     placements)
from pairs import Programs, name_of_size

CONNECTIONS = (1, 10, 100, 1000, 10_000, 100_000)
SIZES = tuple(16 << (2 * step) for step in range(10))  # 16 B to 4 MiB.
BESIDE = 64  # Descriptors for everything else.
WAYS = ("raw", "ours")

QUANTITIES = {
    "connect": ("a connect, an accept, two closes", "us", 1e-3),
    "accept": ("an accept, while all of them come", "us", 1e-3),
    "round_trip": ("a round trip of 64 B, in one thread", "us", 1e-3),
    "poller_round": ("64 B waited for among all, and answered", "us", 1e-3),
    "own_memory": ("memory from malloc a connection", "bytes", 1),
    "resident_memory": ("resident memory a connection", "bytes", 1),
}


class Growth:
    """The medians of one quantity, by the way and by what grows."""

    def __init__(self, title: str, unit: str, grows: str):
        self.title, self.unit, self.grows = title, unit, grows
        self.samples: dict[tuple[str, int], list[float]] = {}

    def add(self, way: str, at: int, figure: float) -> None:
        self.samples.setdefault((way, at), []).append(figure)

    def figure(self, way: str, at: int) -> float:
        return statistics.median(self.samples[way, at])

    def points(self) -> list[int]:
        return sorted({at for _, at in self.samples})

    def ratio(self, at: int) -> float:
        """Round by round: what disturbed both cancels."""
        pairs = zip(self.samples["ours", at], self.samples["raw", at])
        return statistics.median(ours / raw for ours, raw in pairs if raw > 0)

    def steepest(self) -> float:
        """The largest exponent of ours over three steps: 1 is as much more as there are more."""
        points = self.points()
        steps = zip(points, points[3:])
        return max((log(self.figure("ours", there) / self.figure("ours", here)) /
                    log(there / here) for here, there in steps), default=0.0)


def most_connections() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS[-1] if hard == resource.RLIM_INFINITY else hard - BESIDE


def counts(quick: bool) -> list[int]:
    """The powers of ten that the limit of descriptors allows, and what it allows itself."""
    most = 1000 if quick else min(most_connections(), CONNECTIONS[-1])
    return sorted({count for count in CONNECTIONS if count <= most} | {most})


def measure_connections(rounds: int, quick: bool) -> list[Growth]:
    program = compile_ours(BENCHES / "growth" / "growth.c", "growth")
    found = {name: Growth(title, unit, "connections")
             for name, (title, unit, _) in QUANTITIES.items()}
    for _ in range(rounds):
        for count in counts(quick):
            for way in WAYS:
                with Process([program, way, count], [CORES[0]]) as process:
                    for name, figure in process.figures(timeout=120).items():
                        if "memory" in name and (count < 1000 or way == "raw"):
                            continue  # Of a few it is what the first allocations take.
                        found[name].add(way, count, figure * QUANTITIES[name][2])
    return list(found.values())


def measure_sizes(rounds: int, quick: bool) -> list[Growth]:
    programs = Programs(seconds=0.03 if quick else 0.2, names=WAYS)
    found = []
    for placement in placements():
        growth = Growth(f"a round trip on a stream, {placement}", "us", "bytes")
        pairs = {(way, size): programs.pair(way, "round_trip", "stream", size, placement)
                 for size in SIZES for way in WAYS}
        for _ in range(rounds):
            for (way, size), pair in pairs.items():
                growth.add(way, size, pair().figure)
        found.append(growth)
    return found


# ---------------------------------------------------------------------------
# What it looks like


def name_of(at: int, grows: str) -> str:
    return name_of_size(at) if grows == "bytes" else f"{at:,}"


def table_of(growth: Growth) -> list[list[str]]:
    ways = [way for way in WAYS if any(way == name for name, _ in growth.samples)]
    rows = [["", *(f"{way}, {growth.unit}" for way in ways), *(["ours / raw"] * (len(ways) > 1))]]
    for at in growth.points():
        figures = [report.short(growth.figure(way, at)) for way in ways]
        ratio = [f"{growth.ratio(at):.2f}"] if len(ways) > 1 else []
        rows.append([name_of(at, growth.grows), *figures, *ratio])
    return rows


WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM, PLACES = 380, 240, 52, 36, 14, 30, 2


def panel(growth: Growth, x: float, y: float) -> list[str]:
    """Both scales are logarithmic: what is linear rises by one ten a ten."""
    points = growth.points()
    figures = [growth.figure(way, at) for way, at in growth.samples]
    low, high = floor(log10(min(figures))), max(ceil(log10(max(figures))),
                                                floor(log10(min(figures))) + 1)
    first, last = log10(points[0]), max(log10(points[-1]), log10(points[0]) + 1)

    def across(at: float) -> float:
        return x + LEFT + (log10(at) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def up(figure: float) -> float:
        part = (log10(figure) - low) / (high - low)
        return y + HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    body = [report.svg_text(x + 12, y + 20, f"{growth.title} ({growth.unit})", "head")]
    for power in range(low, high + 1):
        level = up(10.0 ** power)
        body.append(f'<line x1="{x + LEFT}" x2="{x + WIDTH - RIGHT}" y1="{level:.1f}" '
                    f'y2="{level:.1f}" class="line"/>')
        body.append(report.svg_text(x + LEFT - 6, level + 4, f"{10.0 ** power:g}", "soft", "end"))
    shown = points if growth.grows == "connections" else points[::3]
    for at in shown:
        if at == shown[-1] or across(shown[-1]) - across(at) > 40:
            anchor = "end" if at == shown[-1] else "middle"
            body.append(report.svg_text(across(at), y + HEIGHT - 12, name_of(at, growth.grows),
                                        "soft", anchor))
    for way, kind in (("raw", "peer"), ("ours", "ours")):
        places = [(across(at), up(growth.figure(way, at))) for at in points
                  if (way, at) in growth.samples]
        line = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
        body.append(f'<polyline points="{line}" class="graph {kind}-line"/>')
        body += [f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3" class="{kind}"/>'
                 for left, top in places]
    return body


STYLE = report.STYLE + """
.graph { fill: none; stroke-width: 2 }
.peer-line { stroke: #9aa4af }
.ours-line { stroke: #0a7d5a }
"""


def svg_of(growths: list[Growth]) -> str:
    body = []
    for number, growth in enumerate(growths):
        row, column = divmod(number, PLACES)
        body += panel(growth, column * WIDTH, TOP + row * HEIGHT)
    width, height = PLACES * WIDTH, TOP + -(-len(growths) // PLACES) * HEIGHT + 8
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">',
        "<title>How cost grows, by the raw calls and by libudsock</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="card" width="{width}" height="{height}" rx="6"/>',
        report.svg_text(12, 24, "How cost grows: udsock green, raw C grey", "title"),
        *body, "</svg>", ""])


HEAD = """\
# How cost grows

Written by `python3 benches/growth.py`. "ours" is C over libudsock, "raw" the same work in plain C
(of many connections over epoll); both in turn, {rounds} rounds, medians. The exponent says how
steep ours gets: 0 is always the same, 1 as much more as there is more of what grows; it is the
largest over three steps, and noise is in it.

![How cost grows, by libudsock and by the raw calls](growth.svg)
"""


def markdown_of(growths: list[Growth], rounds: int, remarks: list[str]) -> str:
    lines = [*report.machine(), f"{date.today()}", *remarks]
    parts = [HEAD.format(rounds=rounds), "\n".join(f"- {line}" for line in lines)]
    for growth in growths:
        parts.append(f"\n## {growth.title[0].upper()}{growth.title[1:]}\n")
        parts.append(report.as_markdown(table_of(growth)))
        parts.append(f"\nThe exponent of ours: {growth.steepest():.2f}.")
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--quick", action="store_true", help="one round, nothing is written")
    arguments = parser.parse_args()
    rounds = 1 if arguments.quick else arguments.rounds
    remarks = []
    if most_connections() < CONNECTIONS[-1]:
        remarks.append(f"No more than {most_connections():,} connections: a process may have no "
                       f"more than {most_connections() + BESIDE:,} descriptors here.")
    try:
        library()
        growths = measure_connections(rounds, arguments.quick)
        growths += measure_sizes(rounds, arguments.quick)
    except (Failure, Unavailable) as reason:
        sys.exit(f"growth: {reason}")
    for growth in growths:
        print(f"\n{growth.title}, the exponent of ours {growth.steepest():.2f}",
              report.as_text(table_of(growth)), sep="\n")
    print("", *remarks, sep="\n")
    if not arguments.quick:
        (BENCHES / "GROWTH.md").write_text(markdown_of(growths, rounds, remarks))
        (BENCHES / "growth.svg").write_text(svg_of(growths))
    # In noise steps are steeper now and then, but none is as steep as this.
    too_steep = [growth.title for growth in growths if growth.steepest() > 1.2]
    if too_steep:
        sys.exit(f"these grow faster than linearly: {', '.join(too_steep)}")


if __name__ == "__main__":
    main()
