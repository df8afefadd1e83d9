"""What the benchmarks share: rows of contenders, building them, and running them pinned to cores.

A row is one line of a table: the same work done by several contenders. A contender is a
callable without arguments that runs one sample (0.1 to 0.5 s) and returns a Sample, or just
the figure. What can't be built or run here raises Unavailable, and the reason is shown.
A module of workloads has a function rows(quick: bool) -> list[Row].
"""

from __future__ import annotations

import os
import random
import select
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Callable, Optional, Sequence, Union

ROOT = Path(__file__).resolve().parent.parent
BENCHES = ROOT / "benches"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or "target")
TARGET = TARGET if TARGET.is_absolute() else ROOT / TARGET
BUILD = TARGET / "benches"

COMMON_FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror", "-pedantic"]
C_FLAGS, CPP_FLAGS = ["-std=c11", *COMMON_FLAGS], ["-std=c++17", *COMMON_FLAGS]


class Unavailable(Exception):
    """A contender can't be measured here. The text says why: "no uv.h"."""


class Failure(Exception):
    """A program ended with an error, or did not end in time."""


@dataclass(frozen=True)
class Sample:
    """One sample's figure in the row's unit, and the CPU time an operation if it is known."""

    figure: float
    cpu: Optional[float] = None


Contender = Callable[[], Union[Sample, float]]


@dataclass
class Row:
    """One line of a table. Lower figures are better."""

    workload: str
    case: str
    unit: str
    contenders: dict[str, Contender]
    yardstick: str = "raw"
    goal: Optional[float] = None  # What "ours" must reach, of the yardstick.
    goals: dict[str, float] = field(default_factory=dict)  # The same for other contenders.
    beside: dict[str, str] = field(default_factory=dict)  # Whose goal is not of the yardstick.
    own: dict[str, str] = field(default_factory=dict)  # Whose ratio to this one is shown, too.
    missing: dict[str, str] = field(default_factory=dict)  # Who is not measured, and why.
    chart: bool = False  # Whether the picture shows it.
    note: str = ""  # Printed below the table.
    rounds: Optional[int] = None  # No more than these.
    least_rounds: int = 0  # Unless there is to be only one.

    def goal_of(self, name: str) -> Optional[float]:
        return self.goals.get(name, self.goal if name == "ours" else None)


@dataclass
class Result:
    """What became of a row: its samples by contender, one a round."""

    row: Row
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)  # Who of the missing should not be.

    def figure(self, name: str) -> float:
        return statistics.median(sample.figure for sample in self.samples[name])

    def ratios(self, name: str, base: Optional[str] = None) -> list[float]:
        """Of the yardstick, round by round, from low to high: what disturbed both cancels."""
        pairs = zip(self.samples[name], self.samples[base or self.row.yardstick])
        return sorted(sample.figure / other.figure for sample, other in pairs)

    def ratio(self, name: str, base: Optional[str] = None) -> float:
        return statistics.median(self.ratios(name, base))

    def spread(self, name: str, base: Optional[str] = None) -> tuple[float, float]:
        """Between which ratios the middle half of the rounds lies."""
        ratios = self.ratios(name, base)
        return ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]

    def interval(self, name: str, base: Optional[str] = None) -> tuple[float, float]:
        """Where the median of many rounds lies with 95 %: that of the rounds drawn again and
        again from among themselves (the bootstrap)."""
        draws = 2000
        ratios, chance = self.ratios(name, base), random.Random(1)
        medians = sorted(statistics.median(chance.choices(ratios, k=len(ratios)))
                         for _ in range(draws))
        return medians[draws // 40], medians[-1 - draws // 40]

    def cpu(self, name: str) -> Optional[float]:
        times = [sample.cpu for sample in self.samples[name]]
        return None if None in times else statistics.median(times)

    def cpu_ratio(self, name: str) -> Optional[float]:
        if self.cpu(name) is None or not self.cpu(self.row.yardstick):
            return None
        pairs = zip(self.samples[name], self.samples[self.row.yardstick])
        return statistics.median(sample.cpu / base.cpu for sample, base in pairs)


def measure(row: Row, rounds: int, progress: Callable[[str], None] = lambda text: None) -> Result:
    """Runs every contender once a round. One that fails is left out of the whole row; without
    the yardstick there is no row."""
    result = Result(row, {name: [] for name in row.contenders}, dict(row.missing))
    rounds = min(rounds, row.rounds or rounds)
    if rounds > 1:
        rounds = max(rounds, row.least_rounds)
    for number in range(rounds):
        for name in list(result.samples):
            progress(f"{row.workload}, {row.case}: round {number + 1} of {rounds}, {name}")
            try:
                sample = row.contenders[name]()
            except (Unavailable, Failure) as reason:
                result.missing[name] = str(reason)
                if isinstance(reason, Failure):
                    result.failed.append(name)
                if name == row.yardstick:
                    result.samples.clear()
                    return result
                del result.samples[name]
                continue
            sample = sample if isinstance(sample, Sample) else Sample(sample)
            result.samples[name].append(sample)
    return result


# ---------------------------------------------------------------------------
# Placement


CORES = sorted(os.sched_getaffinity(0))
ONE_CORE = "one core"
TWO_CORES = "two cores"


def placements() -> list[str]:
    return [ONE_CORE, TWO_CORES] if len(CORES) > 1 else [ONE_CORE]


def cores_of(placement: str) -> Sequence[int]:
    """The cores of the two parties."""
    return (CORES[0], CORES[0]) if placement == ONE_CORE else (CORES[0], CORES[1])


@contextmanager
def busy_loops():
    """A process on each core that never rests; it ends by itself after a minute."""
    loop = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
    processes = [Process([sys.executable, "-c", loop], [core]) for core in CORES]
    try:
        yield
    finally:
        for process in processes:
            process.end()


# ---------------------------------------------------------------------------
# Building


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise Unavailable(f"no {name}")
    return path


def build(command: Sequence[object], **options) -> None:
    """Runs a compiler. What it says is shown only if it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise Failure(f"{' '.join(str(word) for word in command)}\n{done.stdout}")


@lru_cache(maxsize=None)
def library() -> Path:
    """The release build of the library: the path of libudsock.so."""
    build([tool("cargo"), "build", "--release", "--quiet", "--lib", "--target-dir", TARGET],
          cwd=ROOT)
    return TARGET / "release" / "libudsock.so"


def program(name: str) -> Path:
    """Where the program of this name is to be built."""
    BUILD.mkdir(parents=True, exist_ok=True)
    return BUILD / name


def c_compiler() -> list[str]:
    return shlex.split(os.environ.get("CC") or tool("cc"))


def compile_c(source: Path, name: str, *flags: object) -> Path:
    out = program(name)
    build([*c_compiler(), *C_FLAGS, f"-I{BENCHES}", source, "-o", out, *flags])
    return out


def compile_ours(source: Path, name: str, *flags: object) -> Path:
    """A C program that uses the library."""
    return compile_c(source, name, *library_flags(), *flags)


def library_flags() -> list[str]:
    folder = library().parent
    return [f"-I{ROOT / 'include'}", f"-L{folder}", "-ludsock", f"-Wl,-rpath,{folder}"]


def compile_cpp(source: Path, name: str) -> Path:
    """A C++ program that uses the library."""
    compiler = shlex.split(os.environ.get("CXX") or tool("c++"))
    out = program(name)
    build([*compiler, *CPP_FLAGS, f"-I{BENCHES}", source, "-o", out, *library_flags()])
    return out


def compile_libuv(source: Path, name: str) -> Path:
    probe = subprocess.run([*c_compiler(), "-E", "-include", "uv.h", "-x", "c", os.devnull],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if probe.returncode != 0:
        raise Unavailable("no uv.h")
    return compile_c(source, name, "-luv")


def compile_rust(source: Path, name: str) -> Path:
    out = program(name)
    build([tool("rustc"), "--edition", "2021", "-O", "-o", out, source])
    return out


def compile_go(source: Path, name: str) -> Path:
    out = program(name)
    build([tool("go"), "build", "-o", out, source.name], cwd=source.parent)
    return out


@lru_cache(maxsize=None)
def node_with(package: str) -> str:
    """Node, with a package of package.json beside this file; npm gets them at first use."""
    node, place = tool("node"), BENCHES / "node_modules" / package
    if not place.is_dir():
        try:
            build([tool("npm"), "ci", "--no-audit", "--no-fund"], cwd=BENCHES)
        except Failure:
            pass
    if not place.is_dir():
        raise Unavailable(f"npm can't install {package}")
    return node


@lru_cache(maxsize=None)
def python_with_uvloop() -> Path:
    """Python, with the uvloop of requirements.txt beside this file; pip gets it at first use."""
    place = program("python")
    if not place.is_dir():
        try:
            build([sys.executable, "-m", "venv", place])
            build([place / "bin/pip", "install", "--quiet", "-r", BENCHES / "requirements.txt"])
        except Failure:
            shutil.rmtree(place, ignore_errors=True)
            raise Unavailable("pip can't install uvloop") from None
    return place / "bin/python"


@lru_cache(maxsize=None)
def accelerator() -> Path:
    """What the Python package's wheels have for CPython 3.11 and later."""
    made = program("_fast.abi3.so")
    command = [sys.executable, ROOT / "bindings/python/accelerator/build.py", made]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode == 77:
        raise Unavailable(done.stdout.strip())
    if done.returncode != 0:
        raise Failure("the accelerator does not compile")
    return made


# ---------------------------------------------------------------------------
# Running


class Process:
    """A program pinned to cores, whose output is read with a deadline. It is always reaped."""

    def __init__(self, command: Sequence[object], cores: Sequence[int], **environment: str):
        self.command = [str(word) for word in command]
        self.errors = tempfile.TemporaryFile()
        settings = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
        self.child = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors,
            bufsize=0, env={**settings, **environment},
            preexec_fn=lambda: os.sched_setaffinity(0, cores))

    def line(self, timeout: float = 20) -> str:
        """The next line that it prints."""
        if not select.select([self.child.stdout], [], [], timeout)[0]:
            raise self.failure("said nothing in time")
        line = self.child.stdout.readline().decode()
        if not line:
            raise self.failure("ended early")
        return line.rstrip("\n")

    def expect(self, line: str, timeout: float = 20) -> None:
        said = self.line(timeout)
        if said != line:
            raise self.failure(f"said {said!r} instead of {line!r}")

    def output(self, timeout: float = 60) -> str:
        """Waits for its end: what it has printed since."""
        try:
            output, _ = self.child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise self.failure("did not end in time") from None
        if self.child.returncode != 0:
            raise self.failure(f"ended with {self.child.returncode}")
        return output.decode()

    def figures(self, timeout: float = 60) -> dict[str, float]:
        """Waits for its end: the lines "name value" that it has printed since."""
        words = (line.split() for line in self.output(timeout).splitlines())
        return {name: float(value) for name, value in words}

    def failure(self, what: str) -> Failure:
        self.end()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().splitlines()
        return Failure(": ".join([Path(self.command[0]).name, what, *said[-1:]]))

    def end(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exception) -> None:
        self.end()
        self.errors.close()


def available(contenders: dict[str, Callable[[], object]]) -> tuple[dict, dict[str, str]]:
    """What these make, by name, and why the others can't be had."""
    made, missing = {}, {}
    for name, make in contenders.items():
        try:
            made[name] = make()
        except Unavailable as reason:
            missing[name] = str(reason)
    return made, missing
