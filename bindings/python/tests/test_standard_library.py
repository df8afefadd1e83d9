"""What the standard library has for sockets works with ours, and with its own at the other end."""

from __future__ import annotations

import asyncio
import http.client
import http.server
import os
import selectors
import socket
import socketserver
import ssl
import threading
from typing import Any, Iterator

import pytest
import udsock

from conftest import CONNECTED, KINDS


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.swapcase())

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class OverOurs:
    """A server of socketserver's, with a socket of ours put into its place."""

    socket: Any

    def server_bind(self) -> None:
        kind = self.socket.type
        self.socket.close()
        self.socket = udsock.Socket(socket.AF_UNIX, kind)
        super().server_bind()  # type: ignore[misc]


class Server(OverOurs, socketserver.ThreadingUnixStreamServer):
    daemon_threads = False


class DatagramServer(OverOurs, socketserver.UnixDatagramServer):
    pass


class Connection(http.client.HTTPConnection):
    def __init__(self, client: Any) -> None:
        super().__init__("localhost", timeout=10)
        self.sock = client


@pytest.fixture
def serve() -> Iterator[Any]:
    running: list[tuple[Any, threading.Thread]] = []

    def start(server: Any) -> None:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        running.append((server, thread))

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def plain_client(path: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    return client


@pytest.mark.parametrize("theirs", [False, True], ids=["our client", "their client"])
@pytest.mark.parametrize("size", [0, 5, 3_000_000])
def test_http(theirs: bool, size: int, path: str, serve: Any) -> None:
    serve(Server(path, Handler))
    body = b"aBc" * (size // 3 + 1)
    connection = Connection(plain_client(path) if theirs else udsock.open_client(path, timeout=10))
    for _ in range(3):
        connection.request("POST", "/", body)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, body.swapcase())
    connection.close()


def test_our_client_of_their_http_server(path: str, serve: Any) -> None:
    serve(socketserver.ThreadingUnixStreamServer(path, Handler))
    connection = Connection(udsock.open_client(path, timeout=10))
    connection.request("POST", "/", b"body")
    assert connection.getresponse().read() == b"BODY"
    connection.close()


class Shout(socketserver.DatagramRequestHandler):
    def handle(self) -> None:
        self.wfile.write(self.rfile.read().upper())


def test_a_datagram_server(path: str, serve: Any) -> None:
    serve(DatagramServer(path, Shout))
    with udsock.open_datagram("@") as client, socket.socket(socket.AF_UNIX, 2) as their_client:
        client.settimeout(10)
        their_client.settimeout(10)
        their_client.bind("")
        for one in (client, their_client):
            one.sendto(b"shout", path)
            assert one.recvfrom(99) == (b"SHOUT", path)


def test_selectors(path: str) -> None:
    with udsock.open_server(path) as server, selectors.DefaultSelector() as selector:
        server.setblocking(False)
        selector.register(server, selectors.EVENT_READ)
        clients = [udsock.open_client(path, timeout=10) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        echoed = 0
        while echoed < len(clients):
            for key, _ in selector.select(10):
                one: Any = key.fileobj
                if one is server:
                    peer, _ = server.accept()
                    peer.setblocking(False)
                    selector.register(peer, selectors.EVENT_READ)
                else:
                    one.sendall(one.recv(99))
                    selector.unregister(one)
                    one.close()
                    echoed += 1
        for number, client in enumerate(clients):
            assert client.recv(99) == b"%d" % number
            assert client.recv(99) == b""
            client.close()


class Tls:
    """A TLS connection that goes through memory, over a socket."""

    def __init__(self, end: Any, is_server: bool) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        # Needs no certificate.
        context.set_ciphers("AECDH-AES256-SHA:@SECLEVEL=0")
        self.end = end
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=is_server)

    def do(self, call: Any, *arguments: Any) -> Any:
        while True:
            try:
                result = call(*arguments)
            except ssl.SSLWantReadError:
                self.end.sendall(self.outgoing.read())
                self.incoming.write(self.end.recv(16384))
                continue
            self.end.sendall(self.outgoing.read())
            return result


def test_tls_through_memory() -> None:
    one, other = udsock.pair()
    with one, other:
        server, client = Tls(one, True), Tls(other, False)
        data = os.urandom(100_000)

        def serve() -> None:
            server.do(server.tls.do_handshake)
            got = b""
            while len(got) < len(data):
                got += server.do(server.tls.read, 16384)
            server.do(server.tls.write, b"%d" % len(got))

        thread = threading.Thread(target=serve)
        thread.start()
        client.do(client.tls.do_handshake)
        sent = 0
        while sent < len(data):
            sent += client.do(client.tls.write, data[sent:])
        assert client.do(client.tls.read, 99) == b"100000"
        thread.join()


def test_asyncio_takes_our_sockets(path: str) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()

    async def main() -> bytes:
        listening: Any = udsock.open_server(path)
        listening.setblocking(False)
        server = await asyncio.start_unix_server(echo, sock=listening)
        client: Any = udsock.open_client(path)
        client.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=client)
        writer.write(b"line\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return answer

    assert asyncio.run(main()) == b"line\n"


@pytest.mark.parametrize("kind", CONNECTED)
@pytest.mark.parametrize("ours_serves", [False, True])
def test_connections_with_their_sockets(kind: int, ours_serves: bool, path: str) -> None:
    make: Any = udsock.Socket if ours_serves else socket.socket
    call: Any = socket.socket if ours_serves else udsock.Socket
    with make(socket.AF_UNIX, kind) as server, call(socket.AF_UNIX, kind) as client:
        server.bind(path)
        server.listen()
        client.connect(path)
        peer, address = server.accept()
        with peer:
            assert address == ""
            for one, other in [(client, peer), (peer, client)]:
                one.sendmsg([b"with ", b"one"], [(1, 1, one.fileno().to_bytes(4, "little"))])
                data, ((level, kind_, packed),), flags, _ = other.recvmsg(99, 99)
                assert (data, level, kind_, len(packed)) == (b"with one", 1, 1, 4)
                os.close(int.from_bytes(packed, "little"))
            data = os.urandom(100_000)
            client.sendall(data)
            got = peer.recv(200_000)
            while len(got) < len(data):
                got += peer.recv(200_000)
            assert got == data
            client.shutdown(socket.SHUT_WR)
            assert peer.recv(9) == b""


@pytest.mark.parametrize("kind", KINDS)
def test_their_end_in_our_hands(kind: int) -> None:
    theirs, other = socket.socketpair(socket.AF_UNIX, kind)
    with other, udsock.Socket(fileno=theirs.detach()) as ours:
        assert os.get_blocking(ours.fileno())
        ours.settimeout(0.01)
        with pytest.raises(TimeoutError):
            ours.recv(9)
        other.send(b"to us")
        assert ours.recv(9, socket.MSG_PEEK) == ours.recv(9) == b"to us"
        assert os.get_blocking(ours.fileno())
