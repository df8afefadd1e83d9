"""What the library does by itself comes to `logging`."""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
from pathlib import Path
from typing import Any, Iterator, List

import pytest
import udsock
from udsock import Logged, LogRecord

from conftest import run


@pytest.fixture(autouse=True)
def everything_is_told() -> Iterator[None]:
    udsock.set_log_level(logging.DEBUG)
    yield
    udsock.set_log_level(logging.WARNING)


def leave_dead(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)


def told(caplog: Any, path: str) -> List[Any]:
    records = [record for record in caplog.records if record.name == "udsock"]
    return [record for record in records if record.udsock.path == path]


def handler_that(statement: str) -> str:
    """A program's handler of the logger, which does this for each record from INFO on."""
    return f"""
import logging, sys
class Handler(logging.Handler):
    def emit(self, record):
        {statement}
logging.getLogger("udsock").addHandler(Handler())
logging.getLogger("udsock").setLevel(logging.INFO)
"""


def test_what_happened_and_to_what(path: str, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "udsock")
    leave_dead(path)
    with udsock.open_server(path) as server:
        with pytest.raises(FileNotFoundError):
            udsock.open_client(path + "-none")
        server.allow_user(os.getuid() + 1)
        server.settimeout(0)
        with udsock.open_client(path), pytest.raises(BlockingIOError):
            server.accept()
    first, second = told(caplog, path)
    assert (first.levelno, first.udsock) == (
        logging.INFO,
        LogRecord(Logged.RECLAIMED, None, None, None, None, path),
    )
    assert first.getMessage() == f"{path}: removed the file of a server that has gone"
    refused = second.udsock
    assert refused.handle is not None
    assert refused._replace(handle=1) == LogRecord(
        Logged.REFUSED, errno.EACCES, 1, os.getpid(), os.getuid(), path
    )
    assert told(caplog, path + "-none") == []


def test_the_level_may_change_at_any_time(path: str, caplog: Any) -> None:
    logger = logging.getLogger("udsock")
    for level, count in [(logging.DEBUG, 1), (logging.INFO, 1), (logging.DEBUG, 2)]:
        caplog.set_level(level, "udsock")
        with pytest.raises(FileNotFoundError) as failed:
            udsock.open_client(path)
        records = told(caplog, path)
        assert len(records) == count, level
        assert records[-1].udsock.event is Logged.CALL_FAILED
        assert records[-1].udsock.errno == failed.value.errno
    assert logger.isEnabledFor(logging.DEBUG)


def test_it_comes_on_the_thread_on_which_it_happened(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "udsock")
    paths = [str(tmp_path / str(number)) for number in range(8)]

    def reclaim(path: str) -> None:
        for _ in range(20):
            leave_dead(path)
            udsock.open_server(path).close()

    threads = [threading.Thread(target=reclaim, args=[path], name=path) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path in paths:
        records = told(caplog, path)
        assert len(records) == 20 and {record.threadName for record in records} == {path}


def test_a_handler_may_use_sockets(path: str, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "udsock")

    class Handler(logging.Handler):
        count = 0

        def emit(self, record: Any) -> None:
            Handler.count += 1
            leave_dead(path + "-2")
            udsock.open_server(path + "-2").close()

    handler = Handler()
    logging.getLogger("udsock").addHandler(handler)
    try:
        leave_dead(path)
        udsock.open_server(path).close()
    finally:
        logging.getLogger("udsock").removeHandler(handler)
    assert Handler.count == 1, "it is not told of what it does itself"


def test_below_warnings_nothing_is_told_unless_it_is_asked_for(path: str, caplog: Any) -> None:
    """Each event is a call of Python's, which a signal handler may run in the midst of."""
    caplog.set_level(logging.DEBUG, "udsock")
    udsock.set_log_level(logging.WARNING)
    leave_dead(path)
    server = udsock.open_server(path)
    os.unlink(path)
    server.close()
    assert [record.udsock.event for record in told(caplog, path)] == [Logged.FILE_GONE]


RECLAIM = """
import logging, os, socket, sys, udsock
udsock.set_log_level(logging.DEBUG)
def reclaim():
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(sys.argv[1])
    udsock.open_server(sys.argv[1]).close()
"""


def test_nothing_is_shown_where_nobody_asks(path: str) -> None:
    said = run(
        RECLAIM
        + """
reclaim()
import logging
server = udsock.open_server(sys.argv[1])
os.unlink(sys.argv[1])
server.close()
""",
        path,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_it_is_shown_where_somebody_does(path: str) -> None:
    ask = "import logging; logging.basicConfig(level=logging.INFO)\n"
    said = run(ask + RECLAIM + "reclaim()\n", path)
    told = f"INFO:udsock:{path}: removed the file of a server that has gone\n"
    assert (said.returncode, said.stderr) == (0, told)


def test_a_child_tells_too_and_the_end_waits_for_nobody(path: str) -> None:
    """A thread goes on being told while the interpreter ends."""
    said = run(
        RECLAIM
        + """
import logging, threading
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
if os.fork() == 0:
    reclaim()
    sys.exit()
os.wait()
begun = threading.Event()
def go_on():
    logging.getLogger("udsock").setLevel(logging.ERROR)
    while True:
        try:
            udsock.open_client("/nowhere/at/all")
        except OSError:
            begun.set()
for _ in range(4):
    threading.Thread(target=go_on, daemon=True).start()
begun.wait()
""",
        path,
    )
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == f"INFO:udsock:{path}: removed the file of a server that has gone\n"


def test_ctrl_c_in_a_handler_is_not_lost(path: str) -> None:
    said = run(
        RECLAIM
        + handler_that("raise KeyboardInterrupt")
        + """
import time
try:
    reclaim()
    for _ in range(400):
        time.sleep(0.05)
    print("lost")
except KeyboardInterrupt:
    print("seen")
""",
        path,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "seen\n", "")


def test_what_a_handler_of_a_signal_raises_is_not_lost(path: str) -> None:
    """Also if it runs in the midst of what is told, and a wait has begun since."""
    said = run(
        """
import logging, os, signal, sys, udsock
sys.setswitchinterval(1e-6)  # Else the callback has mostly ended before another thread runs.
udsock.set_log_level(logging.DEBUG)
class Handler(logging.Handler):
    def emit(self, record):
        if record.udsock.event == udsock.Logged.RECLAIMED:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):
                pass
logging.getLogger("udsock").addHandler(Handler())
logging.getLogger("udsock").setLevel(logging.DEBUG)
import socket
with socket.socket(socket.AF_UNIX) as dead:
    dead.bind(sys.argv[1])
try:
    with udsock.open_server(sys.argv[1]) as server:
        server.accept()
except KeyboardInterrupt:
    print("seen")
""",
        path,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "seen\n", "")


def test_who_goes_on_after_an_interruption_is_not_interrupted_again(path: str) -> None:
    """In the same place of the same function, where only the call is another one."""
    said = run(
        RECLAIM
        + handler_that("raise KeyboardInterrupt")
        + """
import udsock
one, other = udsock.pair()
seen = 0
try:
    reclaim()
except KeyboardInterrupt:
    seen += 1
other.settimeout(0.5 if seen else 30)
ended = False
while not ended:
    try:
        ended = other.recv(1) != b""
    except KeyboardInterrupt:
        seen += 1
        other.settimeout(0.5)
    except TimeoutError:
        ended = True
one.close()
other.close()
print(seen)
""",
        path,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "1\n", "")


@pytest.mark.parametrize("error", ["SystemExit(5)", "KeyboardInterrupt"])
def test_an_exit_is_not_lost_and_no_signal_kills(path: str, error: str) -> None:
    """Nobody has a handler for SIGINT; a program's own for another signal raises this."""
    said = run(
        RECLAIM
        + handler_that(f"raise {error}")
        + """
import signal, time, udsock
signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    reclaim()
    for _ in range(400):
        time.sleep(0.05)
    print("lost")
except (SystemExit, KeyboardInterrupt):
    print("seen")
""",
        path,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "seen\n", "")


def test_an_exit_is_the_threads_where_it_came_and_keeps_its_status(path: str) -> None:
    said = run(
        RECLAIM
        + handler_that("sys.exit(7)")
        + """
import threading, time, udsock
def work():
    reclaim()
    for _ in range(400):
        time.sleep(0.05)
    print("lost")
thread = threading.Thread(target=work)
thread.start()
thread.join()
print("the main thread goes on")
try:
    work()
finally:
    print("seen", flush=True)
""",
        path,
    )
    seen = "the main thread goes on\nseen\n"
    assert (said.returncode, said.stdout, said.stderr) == (7, seen, "")
