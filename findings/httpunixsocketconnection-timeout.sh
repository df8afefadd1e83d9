#!/bin/sh
# httpunixsocketconnection 1.0.1 (PyPI): http.client over a Unix socket. Its connection takes
# `timeout`, as the class that it extends does. A good guess: a server that accepts and never
# answers makes TimeoutError after that time. Seen: the numbers reach the other class one place off,
# so the timeout becomes the port, and the block size becomes the timeout: 8,192 seconds, unless
# another block size is given.
. "$(dirname "$0")/common.sh"
python_packages httpunixsocketconnection==1.0.1
cat >run.py <<'END'
import socket, threading
from httpunixsocketconnection import HTTPUnixSocketConnection

server = socket.socket(socket.AF_UNIX)
server.bind("s")
server.listen()
connection = HTTPUnixSocketConnection("s", timeout=1)

def ask():
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except TimeoutError:
        pass

thread = threading.Thread(target=ask, daemon=True)
thread.start()
thread.join(5)
print(f"timeout: {connection.timeout}, port: {connection.port}")
print("the socket's timeout:", connection.sock.gettimeout())
print("it still waits after 5 s:", thread.is_alive())
END
verdict "$("$python" run.py)" "timeout: 8192, port: 1
the socket's timeout: 8192.0
it still waits after 5 s: True"
