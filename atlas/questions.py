"""What a program is asked, by what it does. Each answer is a record, or several."""

import contextlib
import os
import re
import select
import socket
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import machine
from machine import Bound, Running, behind, inode, until
from program import Program, tool
from stage import OWN_FILE, Stage

try:
    import udsock
except ImportError:
    udsock = None

Record = Dict[str, Any]

SUN_PATH = 108


# ---- abstract names

def names(program: Program) -> Iterator[Record]:
    for asked, address in program.names:
        token = f"atlas{time.monotonic_ns() % 10**9:09}"
        with Stage(program) as stage:
            running = stage.start(address.format(token))
            found = _bound(running, token, program.seconds)
            found["said"] = found["said"].replace(token, "NAME")
            yield {"asked": f"{program.name} {asked}", **found}


def _bound(running: Running, token: str, seconds: float) -> Record:
    wanted = token.encode()

    def find() -> Optional[Bound]:
        return next((it for it in machine.bound_sockets() if wanted in it.name), None)

    until(lambda: find() or running.has_ended(), seconds)
    time.sleep(0.2)
    found = find()
    if found is None and running.has_ended():
        exit_status = running.process.returncode
        return {"bound": "refused", "said": f"exit {exit_status}: {running.last_words()}"}
    if found is None:
        ours = [it for it in machine.bound_sockets() if it.file is None and machine.holder(it)]
        what = "another" if ours else "nothing"
        return {"bound": what, "said": repr(ours[0].name)[2:-1] if ours else ""}
    record = {"kind": machine.KINDS[found.kind]}
    if not found.name.startswith(b"\0"):
        name = os.path.basename(found.name.rstrip(b"\0").decode())
        return {**record, "bound": "file", "said": re.sub(r"\.\d+$", ".PID", name)}
    rest = found.name[1 + len(wanted) :]
    kinds = {b"": "tight", b"\0": "one NUL more", bytes(SUN_PATH - 1 - len(wanted)): "padded"}
    bound = kinds.get(rest, "longer")
    return {**record, "bound": bound, "said": f"\\0NAME{rest.decode('latin-1')}" if bound == "longer" else ""}


def clients(program: Program) -> Iterator[Record]:
    """Between three listeners whose names differ in the NULs behind."""
    for asked, address in program.reaches:
        token = f"atlas{time.monotonic_ns() % 10**9:09}"
        name = b"\0" + token.encode()
        ends = {"tight": b"", "one NUL more": b"\0", "padded to 108": bytes(SUN_PATH - len(name))}
        with Stage(program) as stage, contextlib.ExitStack() as listeners:
            reached: List[str] = []
            for what, end in ends.items():
                listener = listeners.enter_context(socket.socket(socket.AF_UNIX))
                listener.bind(name + end)
                listener.listen()
                listener.setblocking(False)
                ends[what] = listener
            running = stage.start(address.format(token))

            def is_reached() -> bool:
                reached[:] = [what for what, it in ends.items() if select.select([it], [], [], 0)[0]]
                return bool(reached)

            until(lambda: is_reached() or running.has_ended(), program.seconds)
            is_reached()
            yield {"asked": f"{program.name} {asked}", "reaches": (reached or ["none"])[0]}


# ---- the file

def file(program: Program) -> Iterator[Record]:
    if not program.path:
        return
    record: Record = {"program": program.name}
    for part in (_over_dead, _beside, _stopped, _killed, _replaced, _beside_ours):
        record.update(part(program))
    yield record


def _over_dead(program: Program) -> Record:
    with Stage(program) as stage:
        first = stage.start()
        if not stage.listens(first):
            return {"over_dead": "?", "said": first.last_words()}
        machine.end_all()
        if inode(stage.path) is None:
            return {"over_dead": "no file was left"}
        running = stage.start(again=True)
        if stage.listens(running):
            return {"over_dead": "works"}
        return {"over_dead": "fails" if running.has_ended() else "runs without it"}


def _beside(program: Program) -> Record:
    with Stage(program) as stage:
        first = stage.start()
        of_first = stage.listens(first)
        if of_first is None:
            return {"beside": "?", "said": first.last_words()}
        mode = f"{os.lstat(stage.path).st_mode & 0o7777:04o}"
        second = stage.start()
        until(lambda: second.has_ended() or inode(stage.path) != of_first.file, program.seconds / 2)
        time.sleep(0.5)
        until(lambda: behind(stage.path), 2)
        now = behind(stage.path)
        record = {"mode": mode}
        if now is None:
            return {**record, "beside": "nobody is left at the path"}
        if now.file == of_first.file:
            what = "refused" if second.has_ended() else "runs on without the path"
            return {**record, "beside": what, "said": second.last_words()}
        first.stop()
        time.sleep(0.3)
        is_there = inode(stage.path)
        then = "leaves" if is_there == now.file else "removes" if is_there is None else "puts a dead file over"
        return {**record, "beside": "takes it", "then": f"first's SIGTERM {then} the second's file"}


def _stopped(program: Program) -> Record:
    with Stage(program) as stage:
        running = stage.start()
        if not stage.listens(running):
            return {}
        if not running.stop():
            return {"stopped": "it runs on"}
        return {"stopped": "left" if inode(stage.path) else "removed"}


def _killed(program: Program) -> Record:
    with Stage(program) as stage:
        running = stage.start()
        if not stage.listens(running):
            return {}
        running.process.kill()
        running.process.wait()
        time.sleep(1)
        left = behind(stage.path)
        pid = left and machine.holder(left)
        name = Path(f"/proc/{pid}/comm").read_text().strip() if pid else ""
        return {"killed": f"a child still listens ({name})" if pid else ""}


def _replaced(program: Program) -> Record:
    """UDSOCK_REPLACE over it, and then it is stopped; the same with UDSOCK_RESTORE_FILE."""
    if udsock is None:
        return {}
    record = {}
    for restore in (False, True):
        with Stage(program) as stage:
            running = stage.start()
            if not stage.listens(running):
                return {}
            with udsock.open_server(str(stage.path), replace=True, restore_file=restore) as server:
                ours = inode(stage.path)
                running.stop()
                time.sleep(0.3)
                if restore:
                    record["kept"] = "yes" if server.owns_file and behind(stage.path) else "no"
                else:
                    there = inode(stage.path)
                    record["replaced"] = (
                        "its SIGTERM leaves ours" if there == ours
                        else "its SIGTERM removes ours" if there is None
                        else "ours is not there"
                    )
    return record


def _beside_ours(program: Program) -> Record:
    if udsock is None:
        return {}
    with Stage(program) as stage:
        with udsock.open_server(str(stage.path), mode=0o777) as server:
            running = stage.start()
            lost = until(lambda: running.has_ended() or not server.owns_file, program.seconds / 2)
            time.sleep(0.5)
            if server.owns_file:
                return {"beside_ours": "leaves ours" if lost else "leaves ours (and runs on)"}
            return {"beside_ours": "takes ours" if inode(stage.path) else "ours is gone"}


def regular(program: Program) -> Iterator[Record]:
    """What becomes of a file at its path that is not a socket."""
    if not program.path:
        return
    with Stage(program) as stage:
        stage.path.write_text("not a socket\n")
        os.chmod(stage.path, 0o666)
        running = stage.start()
        until(lambda: running.has_ended() or not stage.path.is_file(), program.seconds / 2)
        time.sleep(0.5)
        if stage.path.is_file():
            what = "leaves it" if running.has_ended() else "leaves it, and runs on"
        else:
            what = "removes it"
        yield {"program": program.name, "regular": what}


# ---- its limits, and its end

def lengths(program: Program) -> Iterator[Record]:
    if not program.path or program.file != OWN_FILE:
        return
    said = [f"{length}: {_length(program, length)}" for length in (107, 108, 109)]
    record = {"program": program.name, "said": " · ".join(said)}
    if "107: works" not in said:
        works = (length for length in range(106, 49, -1) if _length(program, length) == "works")
        record["longest"] = next(works, 0)
    yield record


def _length(program: Program, length: int) -> str:
    with Stage(program) as stage:
        name = "p" * (length - len(str(stage.directory)) - 1)
        stage.path = stage.directory / name
        running = stage.start()

        def found() -> List[str]:
            entries = (entry.name for entry in stage.directory.iterdir())
            return [it for it in entries if it.startswith("ppp")]

        until(lambda: running.has_ended() or found(), program.seconds / 2)
        time.sleep(0.2)
        until(lambda: running.has_ended() or name in found(), 0.5)
        there = found()
        if name in there and (length > 107 or until(lambda: behind(stage.path), program.seconds)):
            return "works"
        cut = [it for it in there if name.startswith(it) and it != name]
        if cut:
            return f"cut to {length - len(name) + len(cut[0])}"
        return "error" if running.has_ended() else "runs without it"


def half(program: Program) -> Iterator[Record]:
    if not program.http:
        return
    with Stage(program) as stage:
        if not stage.listens(stage.start()):
            return

        def answers(shuts: bool) -> bool:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                until(lambda: client.connect_ex(str(stage.path)) in (0, 106), 10)
                client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if shuts:
                    client.shutdown(socket.SHUT_WR)
                try:
                    return b"200" in client.recv(4096)
                except OSError:
                    return False

        if answers(False):
            what = "answers" if answers(True) else "closes without an answer"
            yield {"program": program.name, "half": what}


# ---- its start

def opening(program: Program) -> Iterator[Record]:
    """Whether the file lets others in only later: its chmod(2) is held up."""
    if not program.path:
        return
    held_up = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=/chmod",
               "-e", "inject=/chmod:delay_enter=1000000")
    tool("strace")
    with Stage(program) as stage:
        running = stage.start(before=held_up)
        until(lambda: inode(stage.path) or running.has_ended(), program.seconds + 10)
        if inode(stage.path) is None:
            return
        first = os.lstat(stage.path).st_mode & 0o777
        until(lambda: behind(stage.path) or running.has_ended(), program.seconds + 10)
        time.sleep(3)
        if inode(stage.path) is None:
            return
        last = os.lstat(stage.path).st_mode & 0o777
        is_closed = bool(last & 0o002) and not first & 0o002
        yield {"program": program.name, "closed_first": is_closed, "mode": f"{last:04o}"}


def unheard(program: Program) -> Iterator[Record]:
    """How long the file is there before anybody listens."""
    if not program.path:
        return
    with Stage(program) as stage:
        running = stage.start()
        if not until(lambda: stage.path.exists() or running.has_ended(), program.seconds):
            return
        begin = time.monotonic()

        def connects() -> bool:
            with socket.socket(socket.AF_UNIX) as client:
                return client.connect_ex(str(stage.path)) == 0

        if until(connects, program.seconds):
            yield {"program": program.name, "ms": int(1000 * (time.monotonic() - begin))}


# ---- what only one program has

def other(program: Program) -> Iterator[Record]:
    for asked, seen in program.others:
        with Stage(program) as stage:
            yield {"asked": asked, "said": seen(stage)}


QUESTIONS: Dict[str, Callable[[Program], Iterator[Record]]] = {
    "name": names,
    "client": clients,
    "file": file,
    "regular": regular,
    "length": lengths,
    "half": half,
    "opening": opening,
    "unheard": unheard,
    "other": other,
}
