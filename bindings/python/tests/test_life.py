"""From open to close: names, files, errors, descriptors."""

from __future__ import annotations

import asyncio
import copy
import errno
import gc
import inspect
import os
import pickle
import select
import socket
import stat
import warnings
from pathlib import Path
from typing import Any, Callable, get_type_hints

import pytest
import udsock
from udsock import aio

from aio_support import every_loop, run_clean
from conftest import CONNECTED, KINDS, run


@pytest.mark.parametrize("kind", CONNECTED)
def test_a_server_and_its_client(kind: int, path: str) -> None:
    with udsock.open_server(path, kind, mode=0o600) as server:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert server.listening and server.owns_file
        assert (server.local_address, server.getsockname()) == (path, path)
        with udsock.open_client(path, kind, local_address="@", timeout=5) as client:
            accepted, address = server.accept()
            with accepted:
                assert address == client.getsockname()
                assert isinstance(address, bytes) and address.startswith(b"\0")
                assert (client.type, client.family, client.proto) == (kind, socket.AF_UNIX, 0)
                assert client.remote_address == path
                client.sendall(b"hello")
                assert accepted.recv(9) == b"hello"
    assert not os.path.exists(path)


@pytest.mark.parametrize("address", ["@", "@named-\\x01", b"\0bytes\xff\0x", "\0text", "plain"])
def test_datagrams_are_answered(address: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with udsock.open_datagram(address) as one, udsock.open_datagram("@") as other:
        assert other.sendto(b"question", one.getsockname()) == 8
        data, sender = one.recvfrom(100)
        assert (data, sender) == (b"question", other.getsockname())
        assert sender is not None
        assert one.sendto(b"answer", 0, sender) == 6
        assert other.recvfrom(3) == (b"ans", one.getsockname())


def test_a_path_that_was_lost_is_had_back(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with udsock.open_server(path, restore_file=True) as server:
        os.unlink(path)
        assert server.owns_file and server.restored == 1
        udsock.open_client(path).close()
    with udsock.Socket() as bound:
        bound.bind(path, restore_file=True)
        os.unlink(path)
        bound.listen()
        assert bound.owns_file
    assert os.listdir(tmp_path) == []
    with pytest.raises(OSError, match="restore_file=True makes no sense"):
        udsock.open_server("@name", restore_file=True)


def test_a_padded_name_and_advice_for_who_asks_for_another() -> None:
    name = b"\0udsock-python-%d" % os.getpid()
    padded = name.ljust(108, b"\0")
    text = "@" + name[1:].decode() + "\\z"
    with socket.socket(socket.AF_UNIX) as raw:
        raw.bind(padded)
        raw.listen()
        for address in (padded, text):
            with udsock.open_client(address) as client:
                assert client.getpeername() == padded
        with pytest.raises(ConnectionRefusedError) as refusal:
            udsock.open_client(name)
        assert f"a socket named {text} is there: write that" in str(refusal.value)
    with udsock.open_server(text) as server:
        assert server.local_address == text
        assert server.getsockname() == padded
        # Two characters that stand for themselves.
    with udsock.open_server("@z\\\\z-%d" % os.getpid()) as server:
        assert server.getsockname() == b"\0z\\z-%d" % os.getpid()


def test_a_long_path_works(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 200) / ("e" * 200)
    path = str(directory / "socket")
    with udsock.open_server(path, make_parents=True) as server:
        assert udsock.inspect(path).reach is udsock.Reach.FEW
        with udsock.open_client(path) as client, server.accept()[0] as accepted:
            assert client.getpeername() == accepted.getsockname() == server.getsockname() == path


def test_a_path_object_is_an_address(tmp_path: Path) -> None:
    with udsock.open_server(tmp_path / "socket"), udsock.open_client(tmp_path / "socket"):
        pass


@pytest.mark.parametrize("address", ["a\0b", "\0", b"\0"])
def test_a_name_with_a_nul_where_none_may_be(address: Any) -> None:
    with udsock.Socket() as one, pytest.raises(ValueError, match="null byte|can't be empty"):
        one.bind(address)


@pytest.mark.parametrize("address", [3, None, ("host", 1), object()])
def test_what_is_no_address(address: Any) -> None:
    with udsock.Socket() as one, pytest.raises(TypeError, match="an address is"):
        one.connect(address)


Opener = Callable[[str], Any]


def refused(path: str) -> None:
    Path(path).touch()


def stale(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(path)


@pytest.mark.parametrize(
    ("prepare", "attempt", "error"),
    [
        (None, udsock.open_client, FileNotFoundError),
        (stale, udsock.open_client, ConnectionRefusedError),
        (refused, udsock.open_client, ConnectionRefusedError),
        (refused, udsock.open_server, FileExistsError),
        (refused, udsock.open_datagram, FileExistsError),
        (refused, udsock.Socket().connect, ConnectionRefusedError),
        (os.mkdir, udsock.open_server, FileExistsError),
    ],
)
def test_errors_say_what_where_and_why(
    prepare: Any, attempt: Opener, error: type[OSError], path: str
) -> None:
    if prepare is not None:
        prepare(path)
    with pytest.raises(error) as caught:
        attempt(path)
    assert caught.value.filename == path
    assert path in str(caught.value.strerror)
    assert caught.value.errno in errno.errorcode
    if isinstance(getattr(attempt, "__self__", None), udsock.Socket):
        attempt.__self__.close()  # type: ignore[attr-defined]


def test_errors_of_other_classes(path: str) -> None:
    with udsock.open_server(path):
        with pytest.raises(OSError, match="live stream server") as in_use:
            udsock.open_server(path)
        assert in_use.value.errno == errno.EADDRINUSE
        with pytest.raises(OSError) as other_kind:
            udsock.open_client(path, udsock.SEQPACKET)
        assert other_kind.value.errno == errno.EPROTOTYPE
    with pytest.raises(NotADirectoryError):
        udsock.open_client(__file__ + "/x")
    with pytest.raises(OSError) as too_long:
        udsock.open_client("/" + "x" * 5000)
    assert too_long.value.errno == errno.ENAMETOOLONG
    with pytest.raises(TimeoutError) as timed_out:
        udsock.open_client(path, retry=True, timeout=0.01)
    assert timed_out.value.filename == path
    with udsock.Socket() as unbound, pytest.raises(OSError) as invalid:
        unbound.listen()
    assert invalid.value.errno == errno.EINVAL


def test_connect_ex(path: str) -> None:
    with udsock.Socket() as client:
        assert client.connect_ex(path) == errno.ENOENT
        with udsock.open_server(path):
            assert client.connect_ex(path) == 0
            assert client.connect_ex(path) == errno.EISCONN


def test_a_full_queue(path: str) -> None:
    with udsock.open_server(path, backlog=1), udsock.Socket() as late:
        early = [udsock.open_client(path) for _ in range(2)]
        late.settimeout(0)
        assert late.connect_ex(path) == errno.EAGAIN
        with pytest.raises(BlockingIOError):
            late.connect(path)
        late.settimeout(0.01)
        assert late.connect_ex(path) == errno.EAGAIN
        with pytest.raises(TimeoutError):
            late.connect(path)
        for client in early:
            client.close()


def test_a_dead_servers_file_is_removed_unless_told(path: str) -> None:
    stale(path)
    with pytest.raises(OSError, match=path):
        udsock.open_server(path, reclaim=False)
    with udsock.open_server(path, keep_file=True):
        assert udsock.inspect(path).state is udsock.State.LIVE
    assert udsock.inspect(path).state is udsock.State.STALE


def test_replace_and_disown(path: str) -> None:
    with udsock.open_server(path) as old, udsock.open_server(path, replace=True) as new:
        assert (old.owns_file, new.owns_file) == (False, True)
        new.disown()
    assert os.path.exists(path)


def test_bind_in_steps(path: str) -> None:
    with udsock.Socket() as server:
        server.bind(path, mode=0o640, user=os.getuid(), group=str(os.getgid()))
        server.listen(5)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
        with pytest.raises(OSError):
            server.bind(path)
    with udsock.Socket() as server, pytest.raises(OSError, match="no such user"):
        server.bind(path, user="nobody-of-this-name")


def test_inspect(path: str) -> None:
    assert udsock.inspect(path).state is udsock.State.ABSENT
    with udsock.open_server(path, udsock.SEQPACKET, mode=0o604):
        found = udsock.inspect(path)
        assert (found.state, found.kind, found.mode) == (udsock.State.LIVE, 5, 0o604)
        assert (found.pid, found.uid, found.gid) == (os.getpid(), os.getuid(), os.getgid())
        assert (found.device, found.inode) == (os.stat(path).st_dev, os.stat(path).st_ino)
    with udsock.open_server("@inspected"):
        found = udsock.inspect("@inspected")
        assert (found.state, found.uid, found.inode) == (udsock.State.LIVE, None, None)
    assert udsock.inspect(__file__).state is udsock.State.NOT_A_SOCKET
    with pytest.raises(OSError):
        udsock.inspect("@")


@pytest.mark.parametrize("kind", KINDS)
def test_adopt_dup_and_detach(kind: int) -> None:
    theirs, far = socket.socketpair(socket.AF_UNIX, kind)
    fd = theirs.detach()
    with far, udsock.adopt(fd) as ours:
        assert (ours.fileno(), ours.type) == (fd, kind)
        with pytest.raises(FileExistsError):
            udsock.adopt(fd)
        copy = ours.dup()
        assert copy.fileno() != fd and copy.type == kind
        back = socket.socket(fileno=copy.detach())
        assert (copy.fileno(), copy.detach(), back.type) == (-1, -1, kind)
        with back:
            back.sendall(b"through the copy")
            assert far.recv(99) == b"through the copy"
        far.send(b"to the original")
        assert ours.recv(99) == b"to the original"


def test_detach_leaves_the_file_and_a_blocking_descriptor(path: str) -> None:
    with udsock.open_server(path) as server:
        fd = server.detach()
    assert os.get_blocking(fd)
    with socket.socket(fileno=fd) as theirs, udsock.open_client(path):
        theirs.accept()[0].close()
    assert os.path.exists(path)


@pytest.mark.parametrize(
    ("fileno", "error"),
    [(-1, ValueError), (2**32, OverflowError), (1.5, TypeError), ("1", TypeError), (9999, OSError)],
)
def test_no_descriptor(fileno: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        udsock.Socket(fileno=fileno)
    with pytest.raises(error):
        udsock.adopt(fileno)
    with open(os.devnull) as file, pytest.raises(OSError, match="non-socket"):
        udsock.adopt(file.fileno())


def test_the_constructor(monkeypatch: Any) -> None:
    with udsock.Socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as one:
        assert (one.type, one.gettimeout()) == (socket.SOCK_DGRAM, 0.0)
        assert one.receive_descriptors
    socket.setdefaulttimeout(7)
    try:
        with udsock.Socket() as one:
            assert one.gettimeout() == 7.0
    finally:
        socket.setdefaulttimeout(None)
    for arguments, number in [
        ((socket.AF_INET,), errno.EAFNOSUPPORT),
        ((socket.AF_UNIX, socket.SOCK_RAW), errno.ESOCKTNOSUPPORT),
        ((socket.AF_UNIX, socket.SOCK_STREAM, 99), errno.EPROTONOSUPPORT),
    ]:
        with pytest.raises(OSError) as caught:
            udsock.Socket(*arguments)
        assert caught.value.errno == number


def test_repr_and_resource_warning(path: str) -> None:
    server = udsock.open_server(path)
    text = repr(server)
    assert "udsock.Socket fd=" in text and f"laddr={path!r}" in text
    with pytest.warns(ResourceWarning) as warned:
        del server
        gc.collect()
    assert text in str(warned[0].message)
    assert not os.path.exists(path)
    one, other = udsock.pair()
    one.close()
    other.close()
    assert "[closed]" in repr(one) and "fd=-1" in repr(one)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del one
        gc.collect()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_and_copying_are_refused(protocol: int) -> None:
    one, other = udsock.pair()
    with one, other, udsock.Poller() as poller:
        for name, what in (("Socket", one), ("Poller", poller)):
            with pytest.raises(TypeError, match=f"cannot pickle '{name}'"):
                pickle.dumps(what, protocol)
            for make_copy in (copy.copy, copy.deepcopy):
                with pytest.raises(TypeError, match=f"cannot pickle '{name}'"):
                    make_copy(what)
        # (Had there been a copy, its end would have closed the poller.)
        gc.collect()
        poller.add(one)


def test_one_that_was_never_opened_is_a_closed_one() -> None:
    class Late(udsock.Socket):
        def __init__(self) -> None:
            pass

    with Late() as late:
        assert repr(late).startswith("<udsock.Late [closed] fd=-1")
        assert (late.type, late.timeout, late.getblocking()) == (udsock.STREAM, None, True)
        calls: list[Callable[[], Any]] = [
            lambda: late.send(b"x"),
            lambda: late.sendall(b""),
            lambda: late.recv(1),
            late.accept,
            late.dup,
        ]
        for call in calls:
            with pytest.raises(OSError) as refusal:
                call()
            assert refusal.value.errno == errno.EBADF


def test_everything_says_what_it_does() -> None:
    """help() says it, and inspect what it takes."""
    for kind in (udsock.Socket, udsock.Poller, aio.SeqpacketConnection, aio.Server):
        for name in dir(kind):
            what = inspect.getattr_static(kind, name)
            if not name.startswith("_") and (callable(what) or isinstance(what, property)):
                assert inspect.getdoc(getattr(kind, name)), name
                if callable(what):
                    inspect.signature(getattr(kind, name))
                if inspect.isfunction(what):
                    get_type_hints(what)


def test_select_and_poll_take_it() -> None:
    one, other = udsock.pair()
    with one, other:
        one.send(b"x")
        assert select.select([one, other], [one], [], 5) == ([other], [one], [])
        poll = select.poll()
        poll.register(other, select.POLLIN)
        assert poll.poll(5000) == [(other.fileno(), select.POLLIN)]


def test_makefile_outlives_the_socket() -> None:
    one, other = udsock.pair()
    with other:
        file = one.makefile("rw", encoding="utf-8", newline="\n")
        one.close()
        other.sendall("grüß\n".encode())
        assert file.readline() == "grüß\n"
        file.write("back")
        file.flush()
        assert other.recv(9) == b"back"
        assert one.fileno() >= 0
        file.close()
        assert one.fileno() == -1
        assert other.recv(9) == b""


def test_sendfile(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"0123456789")
    one, other = udsock.pair()
    with one, other, open(tmp_path / "data", "rb") as file:
        assert one.sendfile(file, 2, 5) == 5
        assert (file.tell(), other.recv(99)) == (7, b"23456")


# ---- As a socket.socket


def test_a_standard_socket_has_the_file(path: str) -> None:
    server = udsock.open_server(path, mode=0o600)
    standard = server.as_socket()
    assert isinstance(standard, socket.socket)
    assert server.fileno() == -1
    server.close()
    assert os.path.exists(path)
    assert standard.getsockname() == path and standard.gettimeout() is None
    with udsock.open_client(path) as client:
        accepted, _ = standard.accept()
        with accepted:
            client.send(b"hello")
            assert accepted.recv(100) == b"hello"
    standard.close()
    standard.close()
    assert not os.path.exists(path)
    with pytest.raises(OSError):
        server.as_socket()


def test_a_standard_socket_waits_for_its_files(path: str) -> None:
    server = udsock.open_server(path).as_socket()
    with server.makefile("rb"):
        server.close()
        assert os.path.exists(path)
    assert not os.path.exists(path)


@every_loop
def test_a_loop_s_server_at_a_standard_socket_removes_the_file(path: str, loop_kind: str) -> None:
    async def main() -> None:
        standard = udsock.open_server(path).as_socket()
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, sock=standard)
        udsock.open_client(path).close()
        assert os.path.exists(path)
        # As uvicorn does it: uvloop has taken the descriptor out by then.
        server.close()
        standard.close()
        assert not os.path.exists(path)
        await server.wait_closed()

    run_clean(main, loop_kind)


def test_a_standard_socket_whose_descriptor_is_taken_leaves_its_file(path: str) -> None:
    standard = udsock.open_server(path).as_socket()
    fd = standard.detach()
    standard.close()
    with socket.socket(fileno=fd) as other, udsock.open_client(path):
        other.accept()[0].close()
    assert os.path.exists(path)


def test_a_standard_socket_that_is_left_open_warns_and_its_file_goes(path: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        udsock.open_server(path).as_socket()
        gc.collect()
    assert not os.path.exists(path)


def test_a_standard_socket_in_a_child_leaves_the_file(path: str) -> None:
    with udsock.open_server(path).as_socket() as standard:
        child = os.fork()
        if child == 0:
            standard.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert os.path.exists(path)
    assert not os.path.exists(path)


def test_a_copy_of_a_standard_socket_has_no_file(path: str) -> None:
    with udsock.open_server(path).as_socket() as standard:
        with standard.dup() as copy:
            os.close(copy.detach())
        standard.dup().close()
        assert os.path.exists(path)
    assert not os.path.exists(path)


def test_a_standard_socket_goes_to_another_process(path: str) -> None:
    """As uvicorn gives its own to its workers."""
    program = """
        import multiprocessing, operator, os, sys
        import udsock

        with udsock.open_server(sys.argv[1]).as_socket() as standard:
            worker = multiprocessing.get_context("spawn").Process(
                target=operator.methodcaller("accept"), args=(standard,)
            )
            with udsock.open_client(sys.argv[1], timeout=30) as client:
                worker.start()
                assert client.recv(1) == b""
            worker.join()
            assert worker.exitcode == 0
            assert os.path.exists(sys.argv[1])
        assert not os.path.exists(sys.argv[1])
    """
    ran = run(program, path)
    assert ran.returncode == 0, ran.stderr


def test_without_a_file_it_is_a_plain_one() -> None:
    left, right = udsock.pair()
    left.settimeout(0.5)
    with left.as_socket() as plain, right:
        assert type(plain) is socket.socket and plain.gettimeout() == 0.5
        right.send(b"hello")
        assert plain.recv(100) == b"hello"
    assert left.fileno() == -1
