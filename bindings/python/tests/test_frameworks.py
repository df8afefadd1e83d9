"""The programs of docs/with-your-framework.md, as they stand there.

Those whose framework is not installed are skipped; `cargo test --test bindings_python` installs
them all (frameworks.txt).
"""

from __future__ import annotations

import http.client
import http.server
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
import udsock

PAGE = Path(__file__).resolve().parents[3] / "docs/with-your-framework.md"

if not PAGE.exists():
    pytest.skip("not in a checkout, which alone has docs/", allow_module_level=True)

PROGRAMS: Dict[str, str] = {
    match[1]: match[0]
    for match in re.finditer(r"(?<=```python\n)# (\w+\.py)\n.*?(?=```)", PAGE.read_text(), re.S)
}

STREAMS = ["trio_server.py", "anyio_server.py"]
GRPC = ["grpclib_server.py", "grpc_server.py"]
SERVERS = [name for name in PROGRAMS if name.endswith("_server.py")]
CLIENTS = [name for name in PROGRAMS if name.endswith("_client.py")]
CLIENTS_OF_HTTP = ["httpx_client.py", "aiohttp_client.py", "requests_client.py", "docker_client.py"]
OTHER_CLIENTS = ["redis_client.py", "asyncpg_client.py", "grpc_client.py"]

Start = Callable[[str, str], "subprocess.Popen[str]"]


def test_no_program_is_forgotten() -> None:
    assert len(PROGRAMS) == PAGE.read_text().count("```python")
    assert len(SERVERS) >= 12
    assert sorted(SERVERS + CLIENTS) == sorted(PROGRAMS)
    assert sorted(CLIENTS_OF_HTTP + OTHER_CLIENTS) == sorted(CLIENTS)


def needs(name: str) -> None:
    framework = name.partition("_")[0]
    if importlib.util.find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    if sys.version_info < (3, 10):
        pytest.skip("the programs on this page are for Python 3.10 and later")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: List[Any] = []

    def spawn(name: str, path: str) -> "subprocess.Popen[str]":
        (tmp_path / name).write_text(PROGRAMS[name])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with open(tmp_path / f"{name}.log", "w") as log:
            process = subprocess.Popen(
                [sys.executable, str(tmp_path / name), path],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
                cwd=tmp_path,
            )
        started.append(process)
        return process

    yield spawn
    for process in started:
        with process:
            process.kill()
    for log in tmp_path.glob("*.log"):
        print(log.read_text(), file=sys.stderr)


class Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = udsock.open_client(self.path, timeout=30, retry=True)


def get(path: str, target: str = "/") -> bytes:
    connection = Connection(path)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()
    finally:
        connection.close()


def is_served(name: str, path: str, start: Start) -> None:
    if name in GRPC:
        assert start("grpc_client.py", path).communicate(timeout=60)[0] == "hello\n"
    elif name in STREAMS:
        with udsock.open_client(path, timeout=30, retry=True) as client:
            client.sendall(b"hello")
            assert client.recv_exact(5) == b"hello"
    else:
        assert get(path) == b"hello"


@pytest.mark.parametrize("name", SERVERS)
def test_a_server(name: str, path: str, start: Start) -> None:
    needs(name)
    # A dead server's file is there.
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    server = start(name, path)
    for _ in range(3):
        is_served(name, path, start)
    assert os.stat(path).st_mode & 0o777 == 0o660
    if name == "aiohttp_server.py":
        assert get(path, "/source").decode() == PROGRAMS[name]
    # One that hangs up, and one that stays.
    udsock.open_client(path).close()
    with udsock.open_client(path):
        is_served(name, path, start)
    server.send_signal(signal.SIGTERM)
    server.wait(30)
    assert not os.path.exists(path)


class Api(http.server.BaseHTTPRequestHandler):
    """Says hello, and as much of Docker's API as asks for the version."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        is_version = self.path in ("/version", "/v1.44/version")
        body = b'{"ApiVersion": "1.44", "Version": "hello"}' if is_version else b"hello"
        self.send_response(200 if is_version or self.path == "/" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.mark.parametrize("name", CLIENTS_OF_HTTP)
def test_a_client_of_http(name: str, path: str, start: Start) -> None:
    needs(name)

    def handle(client: Any) -> None:
        with client:
            Api(client, "", server)  # type: ignore[arg-type]

    def serve() -> None:
        with suppress(udsock.SocketClosed):
            while True:
                handling.append(threading.Thread(target=handle, args=(server.accept()[0],)))
                handling[-1].start()

    handling: List[threading.Thread] = []
    with udsock.open_server(path) as server:
        serving = threading.Thread(target=serve)
        serving.start()
        assert start(name, path).communicate(timeout=60)[0] == "hello\n"
    for thread in [serving, *handling]:
        thread.join()


def postgres() -> str:
    """The directory of PostgreSQL's programs, which Debian does not put where others are."""
    found = sorted(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    program = found[-1] if found else shutil.which("initdb")
    if program is None:
        if os.environ.get("UDSOCK_REQUIRE_PEERS"):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")
    return os.path.dirname(program)


def test_a_client_of_postgresql(start: Start) -> None:
    needs("asyncpg_client.py")
    programs = postgres()
    # PostgreSQL does not run as root.
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    with tempfile.TemporaryDirectory() as directory:
        if os.getuid() == 0:
            shutil.chown(directory, "nobody", "nogroup")
        else:
            user = []
        data = f"{directory}/data"
        create = [f"{programs}/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N"]
        subprocess.run(user + create, check=True, stdout=subprocess.DEVNULL, cwd=directory)
        command = [f"{programs}/postgres", "-D", data, "-k", directory, "-h", "", "-F"]
        with subprocess.Popen(user + command, stderr=subprocess.DEVNULL, cwd=directory) as server:
            try:
                path = f"{directory}/.s.PGSQL.5432"
                udsock.open_client(path, timeout=60, retry=True).close()
                assert start("asyncpg_client.py", path).communicate(timeout=60)[0] == "hello\n"
            finally:
                server.send_signal(signal.SIGINT)


def test_a_client_of_redis(path: str, start: Start) -> None:
    needs("redis_client.py")

    def serve() -> None:
        with server.accept()[0] as client:
            asked = b""
            while data := client.recv(4096):
                asked += data
                if b"ECHO" in asked and asked.endswith(b"hello\r\n"):
                    client.sendall(b"$5\r\nhello\r\n")
                elif data:
                    # What it says first about itself.
                    client.sendall(b"+OK\r\n" * data.count(b"CLIENT"))

    with udsock.open_server(path) as server:
        server.settimeout(30)
        serving = threading.Thread(target=serve)
        serving.start()
        assert start("redis_client.py", path).communicate(timeout=30)[0] == "hello\n"
        serving.join()
