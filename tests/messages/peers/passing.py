"""Messages with descriptors and credentials: passing.py ROLE KIND SERVER LOCAL [FILE ...]

give: sends the files' descriptors with one message.
take: says hello, takes one message, and prints it and what is in the files that came.
who: says hello, takes one message, and prints it and its sender's pid, uid and gid.
"""

import os
import socket
import struct
import sys

KINDS = {
    "stream": socket.SOCK_STREAM,
    "dgram": socket.SOCK_DGRAM,
    "seqpacket": socket.SOCK_SEQPACKET,
}


def give(peer, files):
    descriptors = [os.open(file, os.O_RDONLY) for file in files]
    socket.send_fds(peer, [b"take these"], descriptors)


def take(peer, _):
    peer.send(b"hello")
    data, descriptors, flags, _ = socket.recv_fds(peer, 100, 253)
    assert not flags & socket.MSG_CTRUNC
    print(data.decode())
    for descriptor in descriptors:
        print(os.read(descriptor, 100).decode())


def who(peer, _):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    peer.send(b"hello")
    data, ancillary, _, _ = peer.recvmsg(100, socket.CMSG_SPACE(12))
    [(_, kind, content)] = ancillary
    assert kind == socket.SCM_CREDENTIALS
    print(data.decode())
    print(*struct.unpack("iII", content))


role, kind, server, local, *files = sys.argv[1:]
with socket.socket(socket.AF_UNIX, KINDS[kind]) as peer:
    peer.bind(local)
    peer.connect(server)
    {"give": give, "take": take, "who": who}[role](peer, files)
