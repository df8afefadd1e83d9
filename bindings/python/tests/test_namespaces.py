"""Peers that a server in a container does not see, or has no numbers for; and sockets that
others have, too."""

from __future__ import annotations

import ast
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import udsock
from udsock import Credentials

from conftest import CONNECTED

SO_TIMESTAMP = 29

SERVER = """
import os, select, sys, udsock
kind, address = int(sys.argv[1]), sys.argv[2]
with udsock.open_server(address, kind, mode=0o666) as server:
    server.receive_credentials = True
    server.settimeout(20)
    print("ready", flush=True)
    for take in (server.accept_with_credentials, lambda: (server.accept()[0], None)):
        client, who = take()
        with client:
            assert who in (None, client.peer_credentials)
            pidfd = client.peer_pidfd()
            assert select.select([pidfd], [], [], 0) == ([], [], [])
            os.close(pidfd)
            sender = client.recv_message(1).credentials
            assert client.recv_message(1).credentials == sender
            print(repr((tuple(client.peer_credentials), client.peer_groups, tuple(sender))))
            sys.stdout.flush()
"""


def serve(flags: list[str], kind: int, address: str) -> subprocess.Popen[str]:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("namespaces take root and unshare(1)")
    command = ["unshare", *flags, "--fork", "--kill-child", sys.executable, "-c", SERVER]
    return subprocess.Popen(
        [*command, str(kind), address],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize("kind", CONNECTED)
@pytest.mark.parametrize("flags", [["--pid"], ["--pid", "--user", "--map-root-user"]])
def test_whom_a_container_does_not_see_it_still_knows(
    tmp_path: Path, kind: int, flags: list[str]
) -> None:
    address = str(tmp_path / "s")
    with serve(flags, kind, address) as server:
        assert server.stdout
        if server.stdout.readline() != "ready\n":
            assert server.wait() != 0
            pytest.skip("no namespaces can be made")
        for _ in range(2):
            with udsock.open_client(address, kind) as client:
                for data in (b"1", b"2"):
                    client.send(data)
                peer, groups, sender = ast.literal_eval(server.stdout.readline())
                assert peer == sender == (None, 0, 0)
                mapped = [0 if group == 0 else 0xFFFFFFFF for group in os.getgroups()]
                assert sorted(groups) == sorted(mapped if "--user" in flags else os.getgroups())
        assert server.wait(20) == 0


def test_a_retry_ends_where_a_long_path_can_not_be_reached(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from udsock import aio
try:
    asyncio.run(asyncio.wait_for(aio.open_connection(sys.argv[1], retry=True), 10))
except FileNotFoundError as error:
    assert "/proc" in str(error), error
    print("said")
"""
    without_proc = 'mount -t tmpfs none /proc && exec "$@"'
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("namespaces take root and unshare(1)")
    command = ["unshare", "--mount", "sh", "-c", without_proc, "sh", sys.executable, "-c", program]
    directory = tmp_path / ("d" * 110)
    directory.mkdir()
    (directory / "s").touch()
    done = subprocess.run(
        [*command, str(directory / "s")],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if "mount" in done.stderr:
        pytest.skip(f"/proc can't be hidden: {done.stderr}")
    assert done.stdout == "said\n", done.stderr


def test_an_empty_message_is_told_whoever_else_has_the_socket() -> None:
    for form in (SO_TIMESTAMP, 35, 63, 64):
        sender, receiver = udsock.pair(udsock.SEQPACKET)
        with sender, receiver, socket.socket(fileno=os.dup(receiver.fileno())) as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, form, 0)
            for data in (b"", b"x", b""):
                sender.send(data)
            sender.close()
            receiver.settimeout(20)
            assert [receiver.recv_message(10).data for _ in range(3)] == [b"", b"x", b""]
            with pytest.raises(udsock.EndOfStream):
                receiver.recv_message(10)


def test_the_options_of_an_adopted_socket_say_what_holds() -> None:
    for passes in (False, True):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, passes)
            with udsock.adopt(ours.detach()) as adopted:
                assert adopted.receive_credentials is passes
                assert adopted.receive_descriptors is True
                adopted.receive_credentials = not passes
                fd = adopted.detach()
            with socket.socket(fileno=fd) as back:
                assert back.getsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED) == passes
                assert back.getsockopt(socket.SOL_SOCKET, SO_TIMESTAMP) == 0


def test_credentials_are_known_one_by_one() -> None:
    ours, theirs = udsock.pair()
    with ours, theirs:
        assert ours.peer_credentials == Credentials(os.getpid(), os.geteuid(), os.getegid())
