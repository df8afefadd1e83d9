"""A server that says, when asked, whether anybody came.

    python3 server.py KIND ADDRESS

It says its process number once it serves, and at the end of its input what it found.
"""

import os
import socket
import sys

KINDS = {
    "stream": socket.SOCK_STREAM,
    "datagram": socket.SOCK_DGRAM,
    "seqpacket": socket.SOCK_SEQPACKET,
}

kind, address = sys.argv[1:]
with socket.socket(socket.AF_UNIX, KINDS[kind]) as server:
    server.bind(address)
    if kind != "datagram":
        server.listen()
    print(os.getpid(), flush=True)
    sys.stdin.read()
    server.setblocking(False)
    try:
        if kind == "datagram":
            server.recv(1)
        else:
            server.accept()
        print("somebody came")
    except BlockingIOError:
        print("nobody came")
