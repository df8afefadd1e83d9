"""Rows for what belongs to a desktop or to a login."""

import fcntl
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List

from machine import behind, bound_sockets, socket_files, until
from program import AT_NAME, At, Program, command, of_debian, tool

if TYPE_CHECKING:
    from stage import Stage

_DISPLAY = "7391"


def _xvfb(at: At) -> List[str]:
    """Its /tmp is the directory that the address's directory is in: its lock is there, too."""
    script = f"mount --make-rprivate / && mount --bind {Path(at.address).parent} /tmp && exec \"$@\""
    server = [tool("Xvfb"), f":{_DISPLAY}", "-screen", "0", "64x64x8"]
    return [tool("unshare"), "-m", "sh", "-c", script, "sh", *server]


def _names_of_x(stage: "Stage") -> str:
    running = stage.start()
    stage.listens(running)
    ours = sorted(it.name for it in bound_sockets() if f"/X{_DISPLAY}".encode() in it.name)
    lock = stage.directory / f".X{_DISPLAY}-lock"
    has_pid = lock.read_text().split() == [str(running.process.pid)]
    running.stop()
    left = [what for what, it in (("file", stage.path), ("lock", lock)) if it.exists()]
    return (f"{' and '.join(repr(it)[2:-1] for it in ours)}; "
            f"/tmp/{lock.name} {'has its pid' if has_pid else 'has another text'}; "
            f"after SIGTERM there is {', '.join(left) or 'neither file nor lock'}")


def _x_over_a_lock(pid: "Callable[[], int]") -> "Callable[[Stage], str]":
    def seen(stage: "Stage") -> str:
        lock = stage.directory / f".X{_DISPLAY}-lock"
        lock.write_text(f"{pid():>10}\n")
        running = stage.start()
        return "starts" if stage.listens(running) else f"does not start: {running.last_words()}"

    return seen


def _x_beside_a_name(stage: "Stage") -> str:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"\0/tmp/.X11-unix/X{_DISPLAY}")
        other.listen()
        running = stage.start()
        is_there = stage.listens(running)
        return "starts, without that name" if is_there else f"does not start: {running.last_words()}"


def _ended() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def _beside_a_lock(stage: "Stage") -> str:
    """Its lock is held by another, who has no socket."""
    with open(f"{stage.path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = stage.start()
        return "starts" if stage.listens(running) else f"does not start: {running.last_words()}"


def _closed_to_writers(stage: "Stage") -> str:
    """Over a dead server's file that nobody may write to."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stage.path))
    stage.path.chmod(0o500)
    running = stage.start()
    return "starts" if stage.listens(running) else f"does not start: {running.last_words()}"


def _sway(at: At) -> List[str]:
    """Not as root, which it refuses."""
    as_user = [tool("setpriv"), "--reuid", "www-data", "--regid", "www-data", "--clear-groups"]
    return [*as_user, tool("sway"), "-c", "/dev/null"]


def _redirected(stage: "Stage") -> str:
    """A file in the socket's place says where it is."""
    target = stage.directory / "elsewhere"
    stage.path.write_text(f"%Assuan%\nsocket={target}\n")
    stage.start()
    until(lambda: behind(target), 10)
    ask = ["gpg-connect-agent", "--no-autostart", "--homedir", str(stage.directory), "GETINFO pid", "/bye"]
    answer = subprocess.run(ask, capture_output=True, timeout=20).stdout.decode()
    where = "it listens where the file says" if behind(target) else "it does not listen there"
    how = "gpg-connect-agent reaches it" if "OK" in answer else "gpg-connect-agent does not reach it"
    left = "the file stays" if stage.path.is_file() else "the file is gone"
    return f"{where} (mode {target.stat().st_mode & 0o777:04o}), {left}, {how}"


def _its_other_sockets(stage: "Stage") -> str:
    stage.listens(stage.start())
    return " · ".join(line.replace(" root:root", "") for line in socket_files(stage.directory))


PROGRAMS = [
    Program("Xvfb", of_debian("xvfb"), _xvfb, file=f".X11-unix/X{_DISPLAY}", others=[
        ("Xvfb: its names", _names_of_x),
        ("Xvfb, its lock names a process that has ended", _x_over_a_lock(_ended)),
        ("Xvfb, its lock names another program's process", _x_over_a_lock(os.getpid)),
        ("Xvfb, another has its abstract name", _x_beside_a_name),
    ]),
    Program("weston --socket", of_debian("weston"),
            command("weston", "--backend=headless-backend.so", "--no-config", "--socket=wayland-7"),
            file="wayland-7", environment={"XDG_RUNTIME_DIR": "{}"}, others=[
                ("weston, another holds wayland-7.lock (flock)", _beside_a_lock),
                ("weston, over a dead file of mode 0500", _closed_to_writers),
            ]),
    Program("sway, SWAYSOCK", of_debian("sway"), _sway, user="www-data", environment={
        "SWAYSOCK": "{}", "WLR_BACKENDS": "headless", "WLR_LIBINPUT_NO_DEVICES": "1",
        "WLR_RENDERER": "pixman",
    }),
    Program("PipeWire", of_debian("pipewire-bin"), command("pipewire"), file="pipewire-0",
            environment={"PIPEWIRE_RUNTIME_DIR": "{}"}),
    Program("gpg-agent", of_debian("gpg-agent"),
            command("gpg-agent", "--daemon", "--no-detach", "--homedir", "{}", "sleep", "60"),
            file="S.gpg-agent", others=[
                ("gpg-agent: its sockets", _its_other_sockets),
                ("gpg-agent, S.gpg-agent is a redirection", _redirected),
            ]),
    Program("ssh-agent", of_debian("openssh-client"), command("ssh-agent", "-D", "-a", "{}"),
            names=[AT_NAME]),
    Program("tmux -S", of_debian("tmux"), command("tmux", "-D", "-S", "{}", "-f", "/dev/null"),
            names=[AT_NAME]),
    Program("dbus-daemon", of_debian("dbus"),
            command("dbus-daemon", "--session", "--nofork", "--address={}"), path="unix:path={}",
            names=[("`unix:abstract=NAME`", "unix:abstract={}")]),
]
