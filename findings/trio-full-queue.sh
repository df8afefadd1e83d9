#!/bin/sh
# trio 0.35.0 (PyPI), open_unix_socket of a path whose server has a full queue. Linux answers such an
# attempt with EAGAIN, unlike EINPROGRESS not an attempt that goes on by itself. A good guess: trio
# waits for a place in the queue, or raises. Seen: it returns a stream at once, as if it were connected,
# and the first send raises BrokenResourceError (ENOTCONN), as if the server had gone. The server never
# sees anybody. Whoever can try again has to do so at the first send, not at the connect.
. "$(dirname "$0")/common.sh"
python_packages trio==0.35.0
cat >run.py <<'END'
import socket
import trio

server = socket.socket(socket.AF_UNIX)
server.bind("s")
server.listen(0)
first = socket.socket(socket.AF_UNIX)
first.connect("s")


async def main():
    stream = await trio.open_unix_socket("s")
    print("the queue is full: connected")
    try:
        await stream.send_all(b"hello")
        print("sent")
    except trio.BrokenResourceError as error:
        print("the first send:", error.__cause__.strerror)


trio.run(main)
server.accept()
server.setblocking(False)
try:
    server.accept()
    print("the server has it")
except BlockingIOError:
    print("the server has nobody else")
END
verdict "$("$python" run.py)" "the queue is full: connected
the first send: Transport endpoint is not connected
the server has nobody else"
