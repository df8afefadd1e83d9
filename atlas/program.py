"""What a row of the driver is, and what rows are made of."""

import importlib.metadata
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple


class NotHere(Exception):
    """The program is not installed."""


@dataclass
class At:
    """Where a program is started."""

    directory: Path
    """Its own; the socket may be elsewhere."""
    address: str
    """As the program wants it."""

    def file(self, name: str, text: str, mode: int = 0o644) -> str:
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)


Start = Callable[[At], List[str]]


@dataclass
class Program:
    name: str
    version: Callable[[], str]
    start: Start
    path: str = "{}"
    """How a path becomes the address."""
    names: List[Tuple[str, str]] = field(default_factory=list)
    """Ways to ask for an abstract name: as they are written, and the address."""
    reaches: List[Tuple[str, str]] = field(default_factory=list)
    """The same of a client."""
    user: str = "root"
    file: str = "s.sock"
    """What the socket file is called. If it is not ours to choose the address is its directory."""
    environment: Dict[str, str] = field(default_factory=dict)
    """In which {} stands for the address."""
    http: bool = False
    """It answers /slow after 0.4 seconds, and everything else at once."""
    seconds: float = 10
    """So long it may take to listen."""
    others: List[Tuple[str, "Callable[[Any], str]"]] = field(default_factory=list)
    """What only this program has: what is asked, and what finds the answer on a Stage."""


def output(*command: str) -> str:
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return run.stdout.decode(errors="replace").strip()


def tool(name: str) -> str:
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        raise NotHere(name)
    return path


def of_debian(package: str) -> Callable[[], str]:
    def version() -> str:
        query = ["dpkg-query", "-W", "-f", "${Version}", package]
        run = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if run.returncode != 0 or not run.stdout:
            raise NotHere(package)
        source = "Debian sid" if "sid" in Path("/etc/debian_version").read_text() else "Debian"
        return f"{source} {run.stdout.decode()}"

    return version


def of_pypi(package: str, shown: str = "") -> Callable[[], str]:
    def version() -> str:
        try:
            return f"{shown or package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            raise NotHere(package) from None

    return version


def of_command(*command: str) -> Callable[[], str]:
    def version() -> str:
        tool(command[0])
        return output(*command).splitlines()[0]

    return version


def configured(name: str, arguments: List[str], text: str, mode: int = 0o644) -> Start:
    """A daemon with a configuration, in which ADDRESS and DIRECTORY stand for theirs."""

    def start(at: At) -> List[str]:
        filled = text.replace("ADDRESS", at.address).replace("DIRECTORY", str(at.directory))
        file = at.file("configuration", filled, mode)
        return [tool(name), *(argument.replace("FILE", file) for argument in arguments)]

    return start


def command(name: str, *arguments: str) -> Start:
    return lambda at: [
        tool(name),
        *(it.format(at.address, directory=at.directory) for it in arguments),
    ]


def in_place(place: str, program: str, *arguments: str, first: str = "true") -> Start:
    """A program whose paths are fixed: the address's directory is mounted there, for it alone. What
    is to be done first is a line for the shell."""

    def start(at: At) -> List[str]:
        script = (f"mount --make-rprivate / && {first} && mkdir -p {place} && "
                  f"mount --bind {at.address} {place} && exec {tool(program)} {' '.join(arguments)}")
        return [tool("unshare"), "-m", "sh", "-c", script]

    return start


NUL_NAME = ("a leading NUL", "\0{}")
AT_NAME = ("`@NAME`", "@{}")
