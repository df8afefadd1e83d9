"""The two parties of pair.py, over udsock.Socket."""

import runpy
import socket
from pathlib import Path

import udsock

socket.socket = udsock.Socket
runpy.run_path(str(Path(__file__).with_name("pair.py")), run_name="__main__")
