"""What the questions need of the machine: its sockets, and programs that run and end."""

import ctypes
import grp
import os
import pwd
import re
import signal
import socket
import stat
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, List, Optional, TypeVar

KINDS = {1: "stream", 2: "dgram", 5: "seqpacket"}
LISTENS = 10

T = TypeVar("T")


@dataclass
class Bound:
    """A socket with a name."""

    kind: int
    name: bytes
    inode: int
    """By which /proc/PID/fd shows it."""
    file: Optional[int]
    """The inode of its file, cut to 32 bits."""


def bound_sockets() -> Iterator[Bound]:
    """Those that can be connected or sent to: sock_diag(7), whose names are whole to the byte."""
    NETLINK_SOCK_DIAG, BY_FAMILY, DUMP, DONE = 4, 20, 0x301, 3
    SHOW_NAME_AND_FILE = 3
    everything = 0xFFFFFFFF
    body = struct.pack("=BBHIIIQ", socket.AF_UNIX, 0, 0, everything, 0, SHOW_NAME_AND_FILE, 2**64 - 1)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(body), BY_FAMILY, DUMP, 1, 0) + body)
        while True:
            rest = netlink.recv(1 << 16)
            while rest:
                size, message = struct.unpack_from("=IH", rest)
                if message == DONE:
                    return
                found = _bound(rest[16:size])
                if found is not None:
                    yield found
                rest = rest[(size + 3) & ~3 :]


def _bound(message: bytes) -> Optional[Bound]:
    _, kind, state, inode = struct.unpack_from("=BBBxI", message)
    attributes, rest = {}, message[16:]
    while len(rest) >= 4:
        size, which = struct.unpack_from("=HH", rest)
        attributes[which] = rest[4:size]
        rest = rest[(size + 3) & ~3 :]
    is_reachable = state == LISTENS or kind == socket.SOCK_DGRAM
    if 0 not in attributes or not is_reachable:
        return None
    file = struct.unpack_from("=I", attributes[1])[0] if 1 in attributes else None
    return Bound(kind, attributes[0], inode, file)


def inode(path: "Path | str") -> Optional[int]:
    """Of the socket file there; None: no such file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_ino if stat.S_ISSOCK(status.st_mode) else None


def behind(path: "Path | str") -> Optional[Bound]:
    """The live socket that the path leads to."""
    file = inode(path)
    if file is None:
        return None
    return next((it for it in bound_sockets() if it.file == file & 0xFFFFFFFF), None)


def _kind(path: Path) -> str:
    """By a connection: sock_diag(7) shows nothing of another network namespace."""
    directory = os.open(path.parent, os.O_PATH)
    try:
        for kind, name in KINDS.items():
            with socket.socket(socket.AF_UNIX, kind) as client:
                client.settimeout(1)
                if client.connect_ex(f"/proc/self/fd/{directory}/{path.name}") == 0:
                    return name
        return "dead"
    finally:
        os.close(directory)


def socket_files(directory: Path) -> List[str]:
    """Those below it: name, owner, mode, and what kind is there."""
    found = []
    for path in sorted(directory.rglob("*")):
        if inode(path) is None:
            continue
        status, kind = os.lstat(path), _kind(path)
        owner = f"{pwd.getpwuid(status.st_uid).pw_name}:{grp.getgrgid(status.st_gid).gr_name}"
        found.append(f"{path.relative_to(directory)} {owner} {status.st_mode & 0o7777:04o} {kind}")
    return found


def until(condition: Callable[[], T], seconds: float) -> T:
    """What the condition says when it is true, or in the end."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result or time.monotonic() > end:
            return result
        time.sleep(0.01)


def adopt_orphans() -> None:
    """What the programs fork and leave comes to this process, and can be ended."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> List[int]:
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents.setdefault(int(parent), []).append(int(entry))
    found, generation = [], [os.getpid()]
    while generation:
        generation = [child for parent in generation for child in parents.get(parent, [])]
        found += generation
    return found


def holder(of: Bound) -> Optional[int]:
    """The oldest of our descendants that has this socket open."""
    for pid in sorted(descendants()):
        try:
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if f"socket:[{of.inode}]" in links:
            return pid
    return None


def end_all() -> None:
    """Every process that came of this one. Nobody else's."""

    def none_is_left() -> bool:
        for pid in descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        # Those that are dead, too: a pid file names a process as long as nobody has waited for it.
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return not descendants()
        return False

    if not until(none_is_left, 10):
        raise RuntimeError("processes that can't be ended")


class Running:
    """A program, in a session of its own; what it says is kept."""

    def __init__(self, command: List[str], directory: Path, environment: "dict[str, str]") -> None:
        self._stage = f"{directory.parent}/"
        self._log = directory / f"log-{time.monotonic_ns()}"
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        own = {"PATH": path, "HOME": str(directory), "LANG": "C.UTF-8", "TERM": "xterm"}
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env={**own, "XDG_RUNTIME_DIR": str(directory), **environment},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def stop(self, seconds: float = 12) -> bool:
        """Asks it to end, as an init system does. Whether it has."""
        if not self.has_ended():
            os.kill(self.process.pid, signal.SIGTERM)
        return until(self.has_ended, seconds)

    def last_words(self) -> str:
        """The line that says most about why it did not start."""
        text = self._log.read_text(errors="replace").replace("(EE)", "")
        lines = [line.strip() for line in text.splitlines()]
        telling = ("in use", "already", "bind", "address", "exist", "too long", "invalid", "fail", "error")
        lines = [line for line in lines if line and not line.endswith(":")]
        found = [line for line in lines if any(word in line.lower() for word in telling)]
        line = (found or lines or [""])[-1]
        line = re.sub(r"^\[[\d:.]+\] ", "", line.replace(self._stage, ""))
        return "".join(char for char in line if char.isprintable())[:120]
