"""The peers in Python: those that talk through socket.socket, through udsock.Socket.

    python3 peer.py PROGRAM ROLE ADDRESS [LOCAL ADDRESS]
"""

import os
import runpy
import socket
import sys

import udsock

socket.socket = udsock.Socket
# A socket of ours removes its file by itself.
os.unlink = lambda path: None
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
