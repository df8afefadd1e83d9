"""Rows for what belongs to systemd."""

import os
from typing import List

from program import AT_NAME, At, NotHere, Program, Start, command, of_debian, tool


def _systemd(program: str, place: str) -> Start:
    """Where its sockets always are, in a /run of its own, the address's directory is mounted."""

    def start(at: At) -> List[str]:
        path = f"/lib/systemd/{program}"
        if not os.path.exists(path):
            raise NotHere(program)
        script = (f"mount --make-rprivate / && mount -t tmpfs none /run && mkdir -p {place} && "
                  f"mount --bind {at.address} {place} && exec {path}")
        return [tool("unshare"), "-m", "sh", "-c", script]

    return start


PROGRAMS = [
    Program("systemd-userdbd (varlink)", of_debian("systemd-userdbd"),
            _systemd("systemd-userdbd", "/run/systemd/userdb"), file="io.systemd.Multiplexer"),
    Program("systemd-journald (varlink)", of_debian("systemd"),
            _systemd("systemd-journald", "/run/systemd/journal"), file="io.systemd.journal"),
    Program("systemd-socket-activate", of_debian("systemd"),
            command("systemd-socket-activate", "-l", "{}", "cat"), names=[AT_NAME]),
]
