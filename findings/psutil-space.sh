#!/bin/sh
# psutil 7.2.2 (PyPI), net_connections(kind="unix"), whose laddr is the path of a socket. Paths may have
# spaces in them, and many programs put a socket into a folder that a person has named. A good guess:
# laddr is the path. Seen: with a space in it laddr is '', as of a socket without a name, since the lines
# of /proc/net/unix are split at spaces. Who looks for the process that has a path does not find it.
# (sock_diag(7) has the whole name; `ss -xlp` shows it.)
. "$(dirname "$0")/common.sh"
python_packages psutil==7.2.2
cat >run.py <<'END'
import socket
import psutil

for path in ("plain.sock", "with space.sock"):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        print(f"{path}:", [it.laddr for it in psutil.Process().net_connections("unix")])
END
verdict "$("$python" run.py)" "plain.sock: ['plain.sock']
with space.sock: ['']"
