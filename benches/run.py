#!/usr/bin/env python3
"""Builds and runs the benchmarks side by side, and prints a table a workload.

A whole run writes benches/RESULTS.md and benches/results.svg, too. It takes Python 3.9, a C
compiler and cargo; whatever else is not installed is left out, and the tables say so. What is
there and fails makes the exit status 1.

    python3 benches/run.py                        everything
    python3 benches/run.py --quick                everything once, to see that it works
    python3 benches/run.py "round trip" connect   the workloads whose names contain these
    python3 benches/run.py --write "in node"      these, in their places in RESULTS.md
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time

import calls
import echo
import languages
import node
import pairs
import python
import report
import spin
from harness import (BENCHES, CORES, TARGET, Failure, Result, Row, Unavailable, library, measure,
                     tool)

ROUNDS = 9


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only workloads with this name")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    parser.add_argument("--quick", action="store_true", help="one round of short samples")
    parser.add_argument("--list", action="store_true", help="names the workloads, runs none")
    parser.add_argument("--write", action="store_true",
                        help="write RESULTS.md also after --quick, or the parts that were run")
    return parser.parse_args()


class Progress:
    """A line that is overwritten; where there is no terminal, nothing."""

    def __init__(self, total: int):
        self.start = time.monotonic()
        self.done, self.total = 0, total

    def __call__(self, text: str) -> None:
        if sys.stderr.isatty():
            seconds = time.monotonic() - self.start
            line = f"[{self.done}/{self.total}, {seconds:.0f} s] {text}"
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{line[:width]}", end="", file=sys.stderr, flush=True)

    def row_is_done(self, row: Row) -> None:
        self.done += 1
        if not sys.stderr.isatty():
            seconds = time.monotonic() - self.start
            print(f"[{self.done}/{self.total}, {seconds:.0f} s] {row.workload}, {row.case}",
                  file=sys.stderr, flush=True)

    def clear(self) -> None:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def wanted_rows(names: list[str], quick: bool) -> list[Row]:
    rows = [row for module in (pairs, languages, python, spin, echo, calls, node) for row in module.rows(quick)]
    wanted = [row for row in rows
              if not names or any(name.lower() in row.workload.lower() for name in names)]
    if not wanted:
        sys.exit(f"no workload has such a name; there are: {', '.join(workloads(rows))}")
    return wanted


def workloads(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row.workload for row in rows))


def run(rows: list[Row], rounds: int) -> list[Result]:
    """Prints each workload's tables as soon as it is through."""
    progress = Progress(len(rows))
    results: list[Result] = []
    for workload in workloads(rows):
        group = []
        for row in (row for row in rows if row.workload == workload):
            group.append(measure(row, rounds, progress))
            progress.row_is_done(row)
        progress.clear()
        print(report.text_of(group), flush=True)
        results += group
    return results


INSTRUCTIONS = """
## Instructions and system calls

What the same work takes in user space, counted by valgrind, and what it asks of the kernel,
counted by strace, in one thread: the same on every run, so the tests compare it to
instructions.txt.
"""


def instructions_table() -> list[list[str]]:
    """What run.sh counts, as the report's tables are."""
    tool("valgrind")
    tool("strace")
    done = subprocess.run(["sh", BENCHES / "run.sh", "instructions"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)})
    if done.returncode != 0:
        raise Failure("\n".join(["run.sh instructions", done.stderr.strip()]))
    _, _, *rows = done.stdout.splitlines()
    return [["", "raw", "ours", "ours - raw", "calls, raw", "calls, ours"],
            *(row.rsplit(maxsplit=5) for row in rows)]


def failures_of(results: list[Result]) -> list[str]:
    return [f"{result.row.workload}, {result.row.case}: {name}: {result.missing[name]}"
            for result in results for name in result.failed]


def write_parts(results: list[Result], rounds: int) -> None:
    """The picture is of whole runs only."""
    whole = BENCHES / "RESULTS.md"
    whole.write_text(report.with_sections(whole.read_text(), results, rounds))


def write_down(results: list[Result], rounds: int, remarks: list[str],
               instructions: list[list[str]]) -> None:
    text = report.markdown_of(results, rounds, remarks)
    if instructions:
        text += f"{INSTRUCTIONS}\n{report.as_markdown(instructions)}\n"
    (BENCHES / "RESULTS.md").write_text(text)
    (BENCHES / "results.svg").write_text(report.svg_of(results))


def main() -> None:
    arguments = parse_arguments()
    try:
        library()
        rows = wanted_rows(arguments.names, arguments.quick)
    except (Failure, Unavailable) as reason:
        sys.exit(f"the benchmarks can't be built: {reason}")
    if arguments.list:
        print("\n".join(workloads(rows)))
        return
    rounds = 1 if arguments.quick else arguments.rounds
    results = run(rows, rounds)
    remarks = [] if len(CORES) > 1 else ["One CPU only: nothing is measured on two cores."]
    failures = failures_of(results)
    instructions = []
    if not arguments.names:
        try:
            instructions = instructions_table()
        except Unavailable as reason:
            remarks.append(f"Instructions are not counted: {reason}.")
        except Failure as reason:
            failures.append(str(reason))
    for table in filter(None, (report.goals_table(results), instructions)):
        print("", report.as_text(table), sep="\n")
    print("", *remarks, sep="\n")
    if arguments.names and arguments.write:
        write_parts(results, rounds)
    elif arguments.write or not (arguments.names or arguments.quick):
        write_down(results, rounds, remarks, instructions)
    if failures:
        sys.exit("\n".join(["These failed:", *failures]))


if __name__ == "__main__":
    main()
