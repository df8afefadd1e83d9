"""What the results look like: tables for the terminal, RESULTS.md, and the picture."""

from __future__ import annotations

import math
import os
import platform
import subprocess
from datetime import date
from html import escape
from itertools import groupby
from typing import Iterator

from harness import CORES, Result, c_compiler


def in_workloads(results: list[Result]) -> Iterator[tuple[str, list[Result]]]:
    for workload, group in groupby(results, key=lambda result: result.row.workload):
        yield workload, list(group)


def columns_of(results: list[Result]) -> list[str]:
    """Everybody who was measured in any of these rows: the yardstick, ours, the others."""
    names = {name: None for result in results for name in result.samples}
    yardsticks = {result.row.yardstick for result in results}
    return sorted(names, key=lambda name: (name not in yardsticks, not name.startswith("ours")))


def short(figure: float) -> str:
    """Three digits: 0.052, 1.23, 36.1, 1230."""
    decimals = max(0, 2 - math.floor(math.log10(figure))) if figure > 0 else 0
    return f"{figure:.{min(decimals, 3)}f}"


def cell(result: Result, name: str) -> str:
    if name not in result.samples:
        return ""
    if name == result.row.yardstick:
        return f"{short(result.figure(name))} {result.row.unit}"
    ratio, own = f"{result.ratio(name):.2f}", result.row.own.get(name)
    return f"{ratio} ({result.ratio(name, own):.2f} of {own})" if own in result.samples else ratio


def cpu_cell(result: Result, name: str) -> str:
    if name not in result.samples or result.cpu(name) is None:
        return ""
    if name == result.row.yardstick:
        return f"{short(result.cpu(name))} {result.row.unit}"
    ratio = result.cpu_ratio(name)
    return "" if ratio is None else f"{ratio:.2f}"


def times_table(results: list[Result]) -> list[list[str]]:
    names = columns_of(results)
    return [["", *names]] + [[result.row.case, *(cell(result, name) for name in names)]
                             for result in results]


def cpu_table(results: list[Result]) -> list[list[str]]:
    """Empty if nobody tells."""
    names = columns_of(results)
    rows = [[result.row.case, *(cpu_cell(result, name) for name in names)] for result in results]
    rows = [row for row in rows if any(row[1:])]
    return [["CPU time", *names], *rows] if rows else []


def is_reached(ratio: float, goal: float) -> bool:
    """To the two digits that are shown."""
    return round(ratio, 2) <= goal


def verdict(ratio: float, least: float, goal: float) -> str:
    """Noise alone may carry a median beyond its goal: then it is not told apart from it."""
    if is_reached(ratio, goal):
        return "yes"
    missed = f"{ratio / goal:.2f} of the goal"
    return f"within the noise, {missed}" if is_reached(least, goal) else f"no, {missed}"


def goals_table(results: list[Result]) -> list[list[str]]:
    rows = []
    for result in results:
        for name in result.samples:
            goal = result.row.goal_of(name)
            if goal is None:
                continue
            base = result.row.beside.get(name)
            if base is not None and base not in result.samples:
                continue
            ratio = result.ratio(name, base)
            low, high = result.spread(name, base)
            least, most = result.interval(name, base)
            rows.append([f"{result.row.workload}, {result.row.case}", name,
                         f"{goal:.2f} of {base}" if base else f"{goal:.2f}",
                         f"{ratio:.2f}", f"{low:.2f} to {high:.2f}", f"{least:.2f} to {most:.2f}",
                         verdict(ratio, least, goal)])
    head = ["", "who", "goal", "median", "middle half of the rounds", "95 % of the median",
            "reached"]
    return [head, *rows] if rows else []


def feet(results: list[Result]) -> list[str]:
    """Notes, each once, and who is not measured, and why."""
    lines = {result.row.note: None for result in results if result.row.note}
    for result in results:
        for name, reason in result.missing.items():
            is_measured = any(name in other.samples for other in results)
            where = f", {result.row.case}" if is_measured else ""
            lines[f"Not measured: {name}{where}: {reason}."] = None
    return list(lines)


# ---------------------------------------------------------------------------
# The terminal


def as_text(table: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = []
    for first, *others in table:
        cells = [first.ljust(widths[0]), *(word.rjust(w) for word, w in zip(others, widths[1:]))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def text_of(results: list[Result]) -> str:
    """One workload's tables."""
    parts = [as_text(table) for table in (times_table(results), cpu_table(results)) if table]
    return "\n".join([f"\n{results[0].row.workload}", *parts, *feet(results)])


# ---------------------------------------------------------------------------
# RESULTS.md


def as_markdown(table: list[list[str]]) -> str:
    head, *rows = [[word.replace("|", "\\|") for word in row] for row in table]
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return ""
    return done.stdout.split("\n")[0].strip()


def processor() -> str:
    with open("/proc/cpuinfo") as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine() -> list[str]:
    found = [
        first_line(*c_compiler(), "--version"),
        first_line("rustc", "--version"),
        first_line("go", "version"),
        " ".join(["libuv", first_line("pkg-config", "--modversion", "libuv")]).strip(),
        f"Python {platform.python_version()}",
        " ".join(["Node", first_line("node", "--version")]).strip(),
    ]
    return [f"{processor()}, {len(CORES)} CPUs, Linux {platform.release()}",
            *(words for words in found if " " in words)]


HEAD = """\
# What libudsock costs, and what others do

Written by `python3 benches/run.py`. "ours" is C over libudsock; "raw", the yardstick, is the
same work in C with plain blocking system calls (for the echo server: epoll). The yardstick's
column is a time, and all others are multiples of it, so below 1 is faster; where a cell is
empty there are no such sockets. All contenders of a line take turns, {rounds} rounds of them; a
ratio is the median of the rounds' ratios. Each party is a process that is pinned to a core. CPU
time is that of both parties.

![Time of the same work in raw C, by libudsock and by others](results.svg)
"""


def sections_of(results: list[Result], remarks: list[str]) -> dict[str, str]:
    """Each workload's tables and notes, by its heading."""
    sections = {}
    for workload, group in in_workloads(results):
        tables = (times_table(group), cpu_table(group))
        parts = [as_markdown(table) for table in tables if table]
        notes = [*feet(group), *remarks]
        if notes:
            parts.append("\n".join(f"- {note}" for note in notes))
        sections[workload[0].upper() + workload[1:]] = "\n\n".join(parts)
    return sections


def with_sections(report: str, results: list[Result], rounds: int) -> str:
    """The report of a whole run, with what a later run of some workloads found in its place."""
    remark = (f"These are of a run of their own, {date.today()}: {rounds} rounds. The load average "
              f"was {os.getloadavg()[1]:.1f}; the run itself makes up to 2 of that, other work on "
              "the machine the rest.")
    head, *parts = report.rstrip("\n").split("\n## ")
    sections = {title: text for title, text in (part.split("\n\n", 1) for part in parts)}
    for title, text in sections_of(results, [remark]).items():
        sections[title] = text
    goals = goals_table(results)[1:]
    if goals:
        names = {result.row.workload for result in results}
        rows = [line for line in sections.get("The goals", "").splitlines()
                if not any(line.startswith(f"| {name}, ") for name in names)]
        sections["The goals"] = "\n".join([*rows, *as_markdown([[], *goals]).splitlines()[2:]])
    return "\n\n## ".join([head.rstrip("\n"), *(f"{title}\n\n{text.rstrip()}"
                                              for title, text in sections.items())]) + "\n"


def markdown_of(results: list[Result], rounds: int, remarks: list[str]) -> str:
    parts = [HEAD.format(rounds=rounds)]
    parts.append("\n".join(f"- {line}" for line in [*machine(), f"{date.today()}", *remarks]))
    goals = goals_table(results)
    if goals:
        parts += ["\n## The goals\n", as_markdown(goals)]
    for title, text in sections_of(results, []).items():
        parts.append(f"\n## {title}\n\n{text}")
    return "\n".join(parts) + "\n"


# ---------------------------------------------------------------------------
# The picture


WIDTH, LEFT, RIGHT, BAR, GROUP_HEAD, GROUP_FOOT, TOP = 760, 160, 60, 15, 22, 12, 62
LOWEST, HIGHEST = 0.03, 12.0
TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

STYLE = """
text { font: 12px sans-serif; fill: #1f2328 }
.title { font-weight: bold; font-size: 14px }
.head { font-weight: bold }
.soft { fill: #59636e; font-size: 11px }
.card { fill: #ffffff }
.line { stroke: #d1d9e0 }
.one { stroke: #59636e }
.peer { fill: #9aa4af }
.ours { fill: #0a7d5a }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .soft { fill: #9198a1 }
  .card { fill: #0d1117 }
  .line { stroke: #3d444d }
  .one { stroke: #9198a1 }
  .peer { fill: #656c76 }
  .ours { fill: #2bbf8a }
}
"""


def across(ratio: float) -> float:
    """Where a ratio lies: the scale is logarithmic, since half and twice weigh the same."""
    part = math.log(max(LOWEST, min(HIGHEST, ratio)) / LOWEST) / math.log(HIGHEST / LOWEST)
    return LEFT + part * (WIDTH - LEFT - RIGHT)


def svg_text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return (f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">'
            f'{escape(text)}</text>')


def svg_line(x: float, top: float, bottom: float, kind: str) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" class="{kind}"/>'


def svg_bar(y: float, name: str, ratio: float) -> list[str]:
    start, end = sorted((across(1), across(ratio)))
    bar, weight = ("ours", "head") if name.startswith("ours") else ("peer", "")
    x, anchor = (end + 5, "start") if ratio >= 1 else (start - 5, "end")
    return [
        svg_text(LEFT - 10, y, name.replace("ours", "udsock"), weight, "end"),
        f'<rect x="{start:.1f}" y="{y - 10:.1f}" width="{max(end - start, 1):.1f}" height="11" '
        f'class="{bar}"/>',
        svg_text(x, y, f"{ratio:.2f}", anchor=anchor),
    ]


def svg_of(results: list[Result]) -> str:
    shown = [result for result in results if result.row.chart and result.samples]
    body, y = [], float(TOP)
    for result in shown:
        row = result.row
        title = f"{row.workload}, {row.case}"
        one = f"1.00 is {short(result.figure(row.yardstick))} {row.unit}"
        body += [svg_text(12, y, title, "head"), svg_text(WIDTH - 12, y, one, "soft", "end")]
        y += GROUP_HEAD - 5
        for name in columns_of([result]):
            if name != row.yardstick:
                body += svg_bar(y, name, result.ratio(name))
                y += BAR
        y += GROUP_FOOT
    bottom = y - GROUP_FOOT
    grid = []
    for tick in TICKS:
        grid.append(svg_line(across(tick), TOP - 18, bottom, "one" if tick == 1 else "line"))
        grid.append(svg_text(across(tick), TOP - 22, f"{tick:g}", "soft", "middle"))
    height = bottom + 10
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" height="{height:.0f}" role="img">',
        "<title>Time of the same work in raw C, by libudsock and by others</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="card" width="{WIDTH}" height="{height:.0f}" rx="6"/>',
        svg_text(12, 22, "Time of the same work; raw C is 1.00, to the left is faster", "title"),
        *grid, *body, "</svg>", ""])
