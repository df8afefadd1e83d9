"""Waiting: timeouts, signals, and threads that close."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from typing import Any, Callable, Iterator

import pytest
import udsock

from conftest import KINDS, run

MORE_FLAGS = 1 << 30
"""One that the library does not know, and the kernel ignores."""

Call = Callable[[], Any]


class Waits:
    """Calls that wait, each with what ends the wait."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.stack = ExitStack()

    def receiving(self, call: Callable[[Any], Any], kind: int = 1) -> tuple[Any, Call, Call]:
        one, other = map(self.stack.enter_context, udsock.pair(kind))
        return other, lambda: call(other), lambda: one.sendall(b"x" * 8)

    def sending(self, call: Callable[[Any], Any]) -> tuple[Any, Call, Call]:
        one, other = map(self.stack.enter_context, udsock.pair())
        one.settimeout(0)
        with pytest.raises(BlockingIOError):
            while True:
                one.send(b"x" * 65536)
        one.settimeout(None)

        def drain() -> None:
            other.settimeout(0.2)
            with pytest.raises(TimeoutError):
                while True:
                    other.recv(2**20)

        return one, lambda: call(one), drain

    def accepting(self) -> tuple[Any, Call, Call]:
        server = self.stack.enter_context(udsock.open_server(self.path))
        client = self.stack.enter_context(udsock.Socket())
        return server, lambda: server.accept()[0].close(), lambda: client.connect(self.path)

    def connecting(self) -> tuple[Any, Call, Call]:
        server = self.stack.enter_context(udsock.open_server(self.path, backlog=1))
        for _ in range(2):
            self.stack.enter_context(udsock.open_client(self.path))
        late = self.stack.enter_context(udsock.Socket())
        return late, lambda: late.connect(self.path), lambda: server.accept()[0].close()

    def sending_to(self) -> tuple[Any, Call, Call]:
        receiver = self.stack.enter_context(udsock.open_datagram("@"))
        sender = self.stack.enter_context(udsock.open_datagram())
        sender.settimeout(0)
        with pytest.raises(BlockingIOError):
            while True:
                sender.sendto(b"x", receiver.getsockname())
        sender.settimeout(None)
        name = receiver.getsockname()
        return sender, lambda: sender.sendto(b"x", name), lambda: receiver.recv(1)


MAKE: dict[str, Callable[[Waits], tuple[Any, Call, Call]]] = {
    "recv": lambda waits: waits.receiving(lambda end: end.recv(8)),
    "recv_into": lambda waits: waits.receiving(lambda end: end.recv_into(bytearray(8))),
    "recvfrom": lambda waits: waits.receiving(lambda end: end.recvfrom(8), udsock.DGRAM),
    "recvfrom_into": lambda waits: waits.receiving(lambda end: end.recvfrom_into(bytearray(8))),
    "recvmsg": lambda waits: waits.receiving(lambda end: end.recvmsg(8), udsock.SEQPACKET),
    "recv_message": lambda waits: waits.receiving(lambda end: end.recv_message(), udsock.DGRAM),
    "recv_batch": lambda waits: waits.receiving(lambda end: end.recv_batch(9, 9), udsock.DGRAM),
    "recv_exact": lambda waits: waits.receiving(lambda end: end.recv_exact(8)),
    "wait for all": lambda waits: waits.receiving(lambda end: end.recv(8, socket.MSG_WAITALL)),
    "peek": lambda waits: waits.receiving(lambda end: end.recv(8, socket.MSG_PEEK)),
    "send": lambda waits: waits.sending(lambda end: end.send(b"x")),
    "sendall": lambda waits: waits.sending(lambda end: end.sendall(b"x")),
    "sendmsg": lambda waits: waits.sending(lambda end: end.sendmsg([b"x"])),
    "send_batch": lambda waits: waits.sending(lambda end: end.send_batch([b"x"])),
    "sendto": Waits.sending_to,
    "accept": Waits.accepting,
    "connect": Waits.connecting,
}


@pytest.fixture(params=MAKE)
def wait(request: Any, path: str) -> Iterator[tuple[Any, Call, Call]]:
    waits = Waits(path)
    with waits.stack:
        yield MAKE[request.param](waits)


@pytest.fixture
def alarm() -> Iterator[Callable[[Callable[[], None]], None]]:
    """A signal that comes every few milliseconds, and what it does."""
    before = signal.getsignal(signal.SIGALRM)

    def start(handler: Callable[[], None]) -> None:
        signal.signal(signal.SIGALRM, lambda *_: handler())
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)

    yield start
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_exception_of_a_handler_leaves_at_once(wait: Any, alarm: Any) -> None:
    _, call, release = wait

    def interrupt() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        alarm(interrupt)
        call()
    release()
    call()


def test_a_handler_that_returns_lets_the_call_go_on(wait: Any, alarm: Any) -> None:
    _, call, release = wait
    signals = 0

    def third_time() -> None:
        nonlocal signals
        signals += 1
        if signals == 3:
            release()

    alarm(third_time)
    call()
    assert signals >= 3


def test_the_timeout_holds_over_signals(wait: Any, alarm: Any) -> None:
    one, call, _ = wait
    one.settimeout(0.1)
    alarm(lambda: None)
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        result = call()
        # A batch tells the fate of each message.
        raise result[0]
    assert time.monotonic() - begin >= 0.1


def test_nothing_is_waited_for_without_time(wait: Any) -> None:
    one, call, _ = wait
    one.setblocking(False)
    with pytest.raises(BlockingIOError):
        call()


def test_close_ends_the_waits_of_other_threads(wait: Any) -> None:
    one, call, _ = wait
    caught: list[OSError] = []

    def run() -> None:
        with pytest.raises(OSError) as error:
            call()
        caught.append(error.value)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.05)
    one.close()
    thread.join()
    assert [error.errno for error in caught] == [errno.EBADF]


@pytest.mark.parametrize("kind", KINDS)
def test_tiny_timeouts_are_not_none(kind: int) -> None:
    one, other = udsock.pair(kind)
    with one, other:
        one.settimeout(1e-9)
        with pytest.raises(TimeoutError):
            one.recv(1)
        one.settimeout(1e300)
        other.send(b"x")
        assert one.recv(1) == b"x"


@pytest.mark.parametrize("timeout", [None, 30.0])
def test_what_came_before_a_handler_s_exception_is_had(timeout: Any, alarm: Any) -> None:
    class Stop(Exception):
        pass

    signals = 0

    def stop() -> None:
        nonlocal signals
        signals += 1
        if signals == 3:
            raise Stop

    one, other = udsock.pair()
    with one, other:
        other.settimeout(timeout)
        for sent in (b"", b"some"):
            signals = 0
            one.sendall(sent)
            alarm(stop)
            with pytest.raises(Stop) as stopped:
                other.recv_exact(8)
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert stopped.value.partial == sent  # type: ignore[attr-defined]
        one.sendall(b"rest")
        assert other.recv_exact(4) == b"rest"


def test_sendall_and_recv_exact_lose_nothing_to_signals(alarm: Any) -> None:
    one, other = udsock.pair()
    data = os.urandom(8 << 20)
    got: list[bytes] = []

    def receive() -> None:
        for _ in range(8):
            time.sleep(0.03)
            got.append(other.recv_exact(1 << 20))

    with one, other:
        thread = threading.Thread(target=receive)
        thread.start()
        alarm(lambda: None)
        one.sendall(data)
        thread.join()
        assert b"".join(got) == data

        got.clear()

        def send() -> None:
            one.sendall(data)
            one.close()

        thread = threading.Thread(target=send)
        thread.start()
        while part := other.recv(100_003, socket.MSG_WAITALL):
            got.append(part)
        thread.join()
        assert b"".join(got) == data


@pytest.mark.parametrize(
    "call", ["server.accept()", "ours.recv(1)", "ours.sendall(bytes(1 << 26))", "ours.recv(1, 2)"]
)
def test_control_c(call: str, path: str) -> None:
    program = f"""import sys, udsock
server = udsock.open_server(sys.argv[1])
ours, far = udsock.pair()
print("ready", flush=True)
{call}
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", program, path]
    with subprocess.Popen(arguments, stdout=-1, stderr=-1, env=environment) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in process.stderr.read()
        assert process.wait() == -signal.SIGINT
    assert not os.path.exists(path)


@pytest.mark.parametrize("timeout", [-1, -0.001, -0.0001])
def test_a_time_below_nothing_is_refused(path: str, timeout: float) -> None:
    with udsock.open_server(path) as server, udsock.Poller() as poller:
        for wait in (
            server.settimeout,
            poller.wait,
            poller.wait_raw,
            lambda timeout: udsock.open_client(path, timeout=timeout),
            lambda timeout: udsock.open_client(path + "-none", timeout=timeout, retry=True),
        ):
            with pytest.raises(ValueError, match="out of range"):
                wait(timeout)
        assert server.gettimeout() is None


def test_a_default_timeout_is_not_that_of_a_socket_with_its_own() -> None:
    one, other = udsock.socketpair()
    socket.setdefaulttimeout(20)
    try:
        with one, other:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(1, socket.MSG_PEEK)
            with pytest.raises(BlockingIOError):
                while True:
                    one.send(bytes(10_000), MORE_FLAGS)
    finally:
        socket.setdefaulttimeout(None)


def test_an_option_changes_nobody_s_mode() -> None:
    """Not that of a descriptor that others share, whatever is the default timeout."""
    theirs, other = socket.socketpair(socket.AF_UNIX)
    socket.setdefaulttimeout(20)
    try:
        with theirs, other, udsock.adopt(os.dup(theirs.fileno())) as ours:
            assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
            other.send(b"x")
            assert ours.recv(1, socket.MSG_PEEK) == b"x"
            assert os.get_blocking(theirs.fileno())
    finally:
        socket.setdefaulttimeout(None)


def test_what_others_put_in_the_place_of_socket_does_not_wait() -> None:
    """As gevent's and eventlet's, which wait by themselves, and take `select.poll` away."""
    done = run(
        """
        import select, socket

        class Green(socket.socket):
            def recv_into(self, *arguments):
                raise SystemExit("it would wait for ever")

        socket.socket = Green
        del select.poll
        import udsock
        one, other = udsock.pair()
        with one, other:
            one.settimeout(0.01)
            try:
                one.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                print("time is over")
        """
    )
    assert (done.stdout, done.stderr) == ("time is over\n", "")
