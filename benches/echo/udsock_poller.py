"""An echo server over udsock.Poller: udsock_poller.py ADDRESS"""

import sys

import udsock
from udsock import Poller


def main(address):
    with udsock.open_server(address) as server, Poller() as poller:
        poller.add(server)
        received, gone = Poller.RECEIVED, (Poller.ENDED, Poller.FAILED)
        items, pack, size = poller.items, Poller.ITEM.pack_into, Poller.ITEM.size
        while True:
            count = 0
            for socket, token, kind, code, offset, length, _, _ in poller.wait_raw():
                if kind == received:
                    pack(items, count * size, socket, offset, length, 0, 0, 0, 0, 0)
                    count += 1
                elif kind in gone and socket != server.handle:
                    poller.drop(socket)
            if count:  # Of a client that has gone before its answer an event will tell.
                poller.send_raw(count)


main(sys.argv[1])
