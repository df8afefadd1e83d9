#!/bin/sh
# uvloop 0.23.0 (PyPI), loop.create_server(sock=...) and server.close(), with a class derived from
# socket.socket, whose close() also removes the socket's file. A good guess: the server closes it, as
# asyncio does. Seen: it takes the descriptor away by detach() and closes that itself; close() is never
# called, and the file is left.
. "$(dirname "$0")/common.sh"
python_packages uvloop==0.23.0
cat >close.py <<'END'
import asyncio
import os
import socket

import uvloop


class Socket(socket.socket):
    def close(self):
        os.unlink("socket")
        super().close()


async def main():
    sock = Socket(socket.AF_UNIX)
    sock.bind("socket")
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, sock=sock)
    server.close()
    await asyncio.sleep(0.5)
    return f"descriptor {sock.fileno()}, the file is {'left' if os.path.exists('socket') else 'gone'}"


print("asyncio:", asyncio.run(main()))
print("uvloop:", uvloop.run(main()))
END
verdict "$("$python" close.py)" "asyncio: descriptor -1, the file is gone
uvloop: descriptor -1, the file is left"
