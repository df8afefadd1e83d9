"""Where programs are started and observed: a directory that ends with them."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Optional, Type

import machine
from machine import Bound, Running, behind, until
from program import At, Program

OWN_FILE = Program.file


class Stage:
    """A directory of its own, in which programs are started; all of them end with it."""

    def __init__(self, program: Program, path: Optional[str] = None) -> None:
        self.program = program
        self.directory = Path(tempfile.mkdtemp(prefix="udsock-atlas-", dir="/tmp"))
        self.path = self.directory / (path or program.file)
        self._instances = 0

    def __enter__(self) -> "Stage":
        self._give(self.directory)
        self.path.parent.mkdir(exist_ok=True)
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        machine.end_all()
        # dockerd, killed, leaves its directory mounted.
        below = [it for it in Path("/proc/mounts").read_text().split() if it.startswith(f"{self.directory}/")]
        for place in sorted(below, reverse=True):
            subprocess.run(["umount", "-l", place])
        shutil.rmtree(self.directory, ignore_errors=True)

    def _give(self, directory: Path) -> None:
        os.chmod(directory, 0o700 if self.program.name == "gpg-agent" else 0o755)
        shutil.chown(directory, self.program.user)

    def start(
        self, address: Optional[str] = None, before: "tuple[str, ...]" = (), again: bool = False
    ) -> Running:
        """One more of them, or the last one again; at the path or at another address."""
        program = self.program
        self._instances += not again
        own = self.directory / f"own{self._instances}"
        if not again:
            own.mkdir()
            self._give(own)
        if address is None:
            given = self.path if program.file == OWN_FILE else self.path.parent
            address = program.path.format(given)
        command = program.start(At(own, address))
        environment = {key: it.format(address) for key, it in program.environment.items()}
        return Running([*before, *command], own, environment)

    def listens(self, running: Running) -> Optional[Bound]:
        """Who is behind the path once the program listens, or has ended, or does neither."""
        if until(lambda: behind(self.path) or running.has_ended(), self.program.seconds):
            # Until it has made its other files, and knows what to do at a signal.
            time.sleep(1)
        return behind(self.path)
