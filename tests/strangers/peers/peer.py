"""The peers in Python, in the shapes that the manual of socket has.

    python3 peer.py ROLE ADDRESS [LOCAL ADDRESS]

Addresses are written as for the library. Servers of datagrams say "ready"; servers run
until they are killed.
"""

import os
import re
import shutil
import socket
import struct
import sys
import threading

# What the clients and servers of messages exchange.
MESSAGES = [b"hello", b"", bytes(range(256)) * 150]

SIZE = 1 << 16


def stream_server(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(address)
        server.listen()
        while True:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(SIZE):
                    connection.sendall(data)


def stream_client(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(address)

        def send():
            client.sendall(sys.stdin.buffer.read())
            client.shutdown(socket.SHUT_WR)

        threading.Thread(target=send).start()
        shutil.copyfileobj(client.makefile("rb"), sys.stdout.buffer)


def datagram_server(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(address)
        print("ready", flush=True)
        while True:
            data, sender = server.recvfrom(SIZE)
            server.sendto(data, sender)


def datagram_client(address, local):
    """Bound to a path, to an abstract name, or to what the kernel picks for ""."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.bind(local)
        for message in MESSAGES:
            client.sendto(message, address)
            assert client.recvfrom(SIZE) == (message, address)
    if isinstance(local, str) and local:
        os.unlink(local)


def seqpacket_server(address):
    """To recv, an empty message is like the end: how many to expect has to be known."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(address)
        server.listen()
        while True:
            connection, _ = server.accept()
            with connection:
                for _ in MESSAGES:
                    connection.send(connection.recv(SIZE))


def seqpacket_client(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(address)
        for message in MESSAGES:
            client.send(message)
        for message in MESSAGES:
            assert client.recv(SIZE) == message


def seqpacket_reader(address):
    """With credentials beside each message, Python can tell an empty one from the end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        client.connect(address)
        print("ready", flush=True)
        while True:
            data, ancillary, _, _ = client.recvmsg(SIZE, socket.CMSG_SPACE(12))
            if not ancillary:
                break
            pid, _, _ = struct.unpack("iII", ancillary[0][2])
            print(len(data), pid)
        assert data == b""
        print("end")


def name(text):
    """A path as it is, an abstract name as bytes."""
    if not text.startswith("@"):
        return text
    escape = re.compile(rb"\\x(..)|\\(0)|\\(\\)")
    return b"\0" + escape.sub(
        lambda m: bytes.fromhex(m[1].decode()) if m[1] else b"\0" if m[2] else b"\\",
        text[1:].encode(),
    )


role, *addresses = sys.argv[1:]
globals()[role.replace("-", "_")](*map(name, addresses))
