"""A peer that says who it is, and who the kernel says the other one is.

    python3 credentials.py client|server stream|seqpacket PATH [UID GID GROUP...]

Prints "pid uid gid groups" of itself and then of its peer, a line each; a server says
"ready" before. Then it stays until its standard input ends.
"""

import os
import socket
import struct
import sys

SO_PEERGROUPS = 59


def text(pid, uid, gid, groups):
    return f"{pid} {uid} {gid} {','.join(map(str, sorted(groups)))}"


def peer_of(connection):
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII")
    )
    groups = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)
    return *struct.unpack("iII", credentials), struct.unpack(f"{len(groups) // 4}I", groups)


role, kind, path, *user = sys.argv[1:]
if user:
    uid, gid, *groups = map(int, user)
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)

endpoint = socket.socket(
    socket.AF_UNIX, {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET}[kind]
)
if role == "server":
    endpoint.bind(path)
    endpoint.listen()
    print("ready", flush=True)
    connection, _ = endpoint.accept()
else:
    endpoint.connect(path)
    connection = endpoint

print(text(os.getpid(), os.geteuid(), os.getegid(), os.getgroups()))
print(text(*peer_of(connection)), flush=True)
sys.stdin.read()
