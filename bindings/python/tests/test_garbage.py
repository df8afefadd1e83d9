"""Nonsense through ctypes: no crash, and only codes that are documented."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
from pathlib import Path

CALLS = int(os.environ.get("UDSOCK_GARBAGE_CALLS", "100000"))
"""The proof is 10000000."""

HERE = Path(__file__).parent
HEADER = HERE.parents[2] / "include" / "udsock.h"


def test_garbage(tmp_path: Path) -> None:
    # It takes as long as it was asked to.
    faulthandler.cancel_dump_traceback_later()
    seed = int.from_bytes(os.urandom(4), "little")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = ["-X", "faulthandler", str(HERE / "garbage.py"), str(CALLS), str(seed), str(HEADER)]
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600 + CALLS / 500,
    )
    assert ran.returncode == 0, f"seed {seed}: {ran.stdout}{ran.stderr}"
    assert "no crash" in ran.stdout
