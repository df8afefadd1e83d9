"""What takes a process of its own: exits, forks, activation, the README's programs."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import run

EXITS = {
    "return": ("", 0),
    "KeyboardInterrupt": ("os.kill(os.getpid(), signal.SIGINT); time.sleep(50)", -signal.SIGINT),
    "SIGTERM": (
        "udsock.cleanup_on_signal(signal.SIGTERM); os.kill(os.getpid(), signal.SIGTERM)",
        -signal.SIGTERM,
    ),
    "cleanup": ("assert udsock.cleanup() == 1; os._exit(0)", 0),
    "exception": ("raise SystemExit(3)", 3),
}


@pytest.mark.parametrize("name", EXITS)
def test_the_file_goes_with_the_process(name: str, path: str) -> None:
    ending, code = EXITS[name]
    program = "import os, signal, sys, time, udsock\nserver = udsock.open_server(sys.argv[1])\n"
    ran = run(program + ending, path)
    assert ran.returncode == code, ran.stderr
    assert not os.path.exists(path)


def test_activation(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        program = """
            import os, sys
            fd = int(sys.argv[1])
            os.dup2(fd, 3)
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
            import udsock
            ((name, server),) = udsock.activated()
            assert (name, server.listening, server.getsockname()) == ("web", True, sys.argv[2])
            assert udsock.activated() == []
            server.close()
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="many")
            try:
                udsock.activated()
            except OSError as error:
                print(error)
        """
        ran = run(program, str(listener.fileno()), path, pass_fds=[listener.fileno()])
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "LISTEN_FDS" in ran.stdout
    assert os.path.exists(path)


def test_the_readmes_programs(path: str) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text().replace("/tmp/echo.sock", path)
    server, client, *_ = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(server.splitlines()) < 20
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", server]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        ran = run("import udsock\n" + client.replace("timeout=1.0", "timeout=40"))
        process.send_signal(signal.SIGINT)
    assert (ran.stdout, ran.stderr) == ("b'hello'\n", "")
    assert not os.path.exists(path)


def test_a_library_that_is_not_there(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("UDSOCK_LIBRARY", str(tmp_path / "none.so"))
    ran = run("import udsock")
    assert "ImportError" in ran.stderr and "none.so can't be used" in ran.stderr
    monkeypatch.setenv("UDSOCK_LIBRARY", "libc.so.6")
    assert "udsock_version" in run("import udsock").stderr


FORKING = """
    import os, sys, udsock
    server = udsock.open_server(sys.argv[1])
    one, other = udsock.pair()
    child = os.fork()
    if child == 0:
        one.sendall(b"from the child")
        server.close()
        assert os.path.exists(sys.argv[1])
        one.close()
        other.close()
        os._exit(0)
    assert other.recv(99) == b"from the child"
    _, status = os.waitpid(child, 0)
    assert status == 0
    with udsock.open_client(sys.argv[1]), server.accept()[0]:
        pass
    server.close()
    assert not os.path.exists(sys.argv[1])
    one.close()
    other.close()
"""


def test_after_a_fork_the_file_is_the_parents(path: str) -> None:
    ran = run(FORKING, path)
    assert (ran.returncode, ran.stderr) == (0, "")


MULTIPROCESSING = """
    import multiprocessing, sys, udsock

    def serve(server):
        with server.accept()[0] as peer:
            peer.sendall(peer.recv(99).upper())

    if __name__ == "__main__":
        context = multiprocessing.get_context("fork")
        with udsock.open_server(sys.argv[1]) as server:
            children = [context.Process(target=serve, args=(server,)) for _ in range(3)]
            for child in children:
                child.start()
            for child in children:
                with udsock.open_client(sys.argv[1], timeout=20) as client:
                    client.sendall(b"hello")
                    assert client.recv(99) == b"HELLO"
            for child in children:
                child.join()
                assert child.exitcode == 0
                child.close()
            try:
                multiprocessing.get_context("spawn").Process(target=print, args=(server,)).start()
            except TypeError as error:
                print(error)
"""


def test_multiprocessing(path: str, tmp_path: Any) -> None:
    ran = run(MULTIPROCESSING, path)
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", "cannot pickle 'Socket' object\n")
    assert not os.path.exists(path)


def test_a_child_has_a_loop_of_its_own_whatever_the_threads_of_its_parent_do() -> None:
    program = """
        import asyncio, os, signal, threading
        import udsock
        from udsock import aio

        async def connect():
            left, right = udsock.pair()
            transport, _ = await aio.create_connection(asyncio.Protocol, sock=left)
            transport.abort()
            right.close()

        def make_loops():
            while not done:
                asyncio.run(connect())

        done = []
        threads = [threading.Thread(target=make_loops) for _ in range(3)]
        for thread in threads:
            thread.start()
        statuses = []
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                asyncio.run(connect())
                os._exit(0)
            statuses.append(os.waitpid(child, 0)[1])
            if statuses[-1]:
                break
        done.append(True)
        for thread in threads:
            thread.join()
        assert not any(statuses), statuses
    """
    ran = run(program)
    assert ran.returncode == 0, ran.stderr
