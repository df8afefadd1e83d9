"""Rows for what belongs to systemd: its daemons' paths are fixed, so each gets a /run of its own."""

import json
import os
import re
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List

from machine import socket_files, until
from program import AT_NAME, At, NotHere, Program, command, in_place, of_debian, tool

if TYPE_CHECKING:
    from stage import Stage

_OWN_RUN = "mount -t tmpfs none /run"
_OWN_BUS = (
    f"{_OWN_RUN} && mkdir /run/dbus /run/systemd && "
    "dbus-daemon --system --fork --nopidfile --address=unix:path=/run/dbus/system_bus_socket"
)
_UNITS = Path("/usr/lib/systemd/system")

# In a control group and a cgroup2 of its own; nothing but /run, where the address's directory is
# mounted, can be written to.
_AS_FIRST = """
mount --make-rprivate / && mount --bind {run} /run && mkdir /run/cg && mount -t cgroup2 none /run/cg &&
mkdir -p /run/cg/atlas && echo $$ >/run/cg/atlas/cgroup.procs && umount /run/cg && rmdir /run/cg &&
exec unshare -C sh -c '
    umount -lR /sys/fs/cgroup 2>/dev/null; umount -l /sys/fs/cgroup 2>/dev/null
    mount -t cgroup2 none /sys/fs/cgroup && mount -o remount,bind,ro / &&
    exec env container=other SYSTEMD_UNIT_PATH={units} /lib/systemd/systemd --system --unit=atlas.target'
"""


def _first_process(at: At) -> List[str]:
    """systemd as PID 1 in namespaces: its own sockets, and those of the units for varlink."""
    if not os.path.exists("/lib/systemd/systemd"):
        raise NotHere("systemd")
    units = at.directory / "units"
    units.mkdir()
    names = []
    for unit in sorted(_UNITS.glob("*.socket")):
        text = re.sub(r"^Condition.*\n", "", unit.read_text(), flags=re.MULTILINE)
        if "/io.system" not in text or "@.socket" in unit.name:
            continue
        names.append(unit.name)
        (units / unit.name).write_text(text.replace("[Unit]", "[Unit]\nDefaultDependencies=no", 1))
        named = re.search(r"^Service=(.*)$", text, re.MULTILINE)
        for service in (named[1] if named else f"{unit.stem}.service", f"{unit.stem}@.service"):
            (units / service).write_text("[Service]\nExecStart=/bin/sleep 1\n")
    (units / "atlas.target").write_text(
        f"[Unit]\nDescription=x\nDefaultDependencies=no\nWants={' '.join(names)}\n"
    )
    script = _AS_FIRST.format(run=at.address, units=units)
    return [tool("unshare"), "-mpiun", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script]


def _its_sockets(stage: "Stage") -> str:
    """What is there once the target is reached: sockets, and the links to them."""
    run = stage.directory / "run"
    run.mkdir()
    stage.start(str(run))
    until(lambda: (run / "systemd/private").exists(), 10)
    time.sleep(3)
    links = {}
    for path in run.rglob("*"):
        if path.is_symlink() and "io." in path.name:
            name = str(path.relative_to(run))
            target = os.path.normpath(os.path.join("/run", os.path.dirname(name), os.readlink(path)))
            links.setdefault(target[len("/run/"):], []).append(name)
    said = []
    for line in socket_files(run):
        name = line.split(" ")[0]
        if "inaccessible" not in name:
            also = f" (also {', '.join(sorted(links[name]))})" if name in links else ""
            said.append(line.replace(" root:root", "") + also)
    return " · ".join(said)


def _asked(program: str, method: str) -> "tuple[str, Callable[[Stage], str]]":
    """Over varlink: a call in JSON that ends in a NUL."""

    def seen(stage: "Stage") -> str:
        stage.listens(stage.start())
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(stage.path))
            client.sendall(json.dumps({"method": method}).encode() + b"\0")
            answer = b""
            while not answer.endswith(b"\0"):
                part = client.recv(4096)
                if not part:
                    break
                answer += part
        return f"answers {repr(answer)[1:]}"

    return f"{program}: {method}, ended by NUL", seen


PROGRAMS = [
    Program("systemd-userdbd (varlink)", of_debian("systemd-userdbd"),
            in_place("/run/systemd/userdb", "/lib/systemd/systemd-userdbd", first=_OWN_RUN),
            file="io.systemd.Multiplexer",
            others=[_asked("systemd-userdbd", "org.varlink.service.GetInfo")]),
    Program("systemd-journald (varlink)", of_debian("systemd"),
            in_place("/run/systemd/journal", "/lib/systemd/systemd-journald", first=_OWN_RUN),
            file="io.systemd.journal",
            others=[_asked("systemd-journald", "io.systemd.Journal.Synchronize")]),
    Program("systemd-machined (varlink)", of_debian("systemd-container"),
            in_place("/run/systemd/userdb", "/lib/systemd/systemd-machined", first=_OWN_BUS),
            file="io.systemd.Machine",
            others=[_asked("systemd-machined", "org.varlink.service.GetInfo")]),
    Program("systemd-homed (varlink)", of_debian("systemd-homed"),
            in_place("/run/systemd/userdb", "/lib/systemd/systemd-homed", first=_OWN_BUS),
            file="io.systemd.Home"),
    Program("systemd, PID 1", of_debian("systemd"), _first_process, path="", others=[
        ("systemd, PID 1: its sockets below /run", _its_sockets),
    ]),
    Program("systemd-socket-activate", of_debian("systemd"),
            command("systemd-socket-activate", "-l", "{}", "cat"), names=[AT_NAME]),
]
