"""Builds the accelerator, a file that every CPython from 3.11 on can load.

    python3 accelerator/build.py FILE

It takes a C compiler (CC) and the headers of this Python. It is linked with nothing, so the same
file does for every C library. If it can't be built the exit status is 77, and the reason is said.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST = (3, 11)
FLAGS = [
    "-std=gnu11", "-O2", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror",
    "-shared", "-nodefaultlibs",
]  # fmt: skip


class CantBuild(Exception):
    """Why not."""


def header_of_the_library() -> Path:
    """The folder with udsock.h, in a checkout or in a source distribution."""
    for place in (HERE.parent / "library" / "include", HERE.parents[2] / "include"):
        if (place / "udsock.h").is_file():
            return place
    raise CantBuild(f"no udsock.h near {HERE}")


def build(into: Path) -> None:
    if sys.implementation.name != "cpython" or sys.version_info < OLDEST:
        raise CantBuild(f"it is for CPython 3.11 and later, and this is {sys.version}")
    if "t" in sys.abiflags:
        raise CantBuild("it is for a Python with the GIL")
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        raise CantBuild(f"no Python.h in {headers} (Debian: python3-dev)")
    compiler = shlex.split(os.environ.get("CC") or "cc")
    folders = [f"-I{headers}", f"-I{header_of_the_library()}"]
    # One that runs may have the old file loaded.
    fresh = into.with_name(f"{into.name}.{os.getpid()}")
    command = [*compiler, *FLAGS, *folders, *sorted(HERE.glob("*.c")), "-o", fresh]
    try:
        subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise CantBuild(f"no {compiler[0]}") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.stderr) from None
    fresh.replace(into)


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]))
    except CantBuild as reason:
        print(reason)
        sys.exit(77)
