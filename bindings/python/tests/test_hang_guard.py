"""A test that hangs says where, although pytest captures what tests say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).with_name("conftest.py")


def test_what_the_guard_shows_is_seen(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    hanging = "import time\n\ndef test_that_hangs():\n    time.sleep(50)\n"
    (tmp_path / "test_hanging.py").write_text(hanging)
    environment = {
        **os.environ,
        "UDSOCK_HANG_SECONDS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=50, env=environment, cwd=tmp_path
    )
    assert ran.returncode == 1
    assert "Timeout (0:00:01)!" in ran.stderr
    assert "in test_that_hangs" in ran.stderr
