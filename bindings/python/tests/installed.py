"""Run where the wheel was installed, without the checkout: every kind, and where the library is."""

from __future__ import annotations

import importlib.metadata
import sys
import sysconfig
from pathlib import Path

import udsock
from udsock import _accelerator, _library

path = sys.argv[1]
assert Path(_library.find()).parent == Path(udsock.__file__).parent, _library.find()
assert Path(udsock.__file__).is_relative_to(sys.prefix), udsock.__file__
assert udsock.library_version() == udsock.__version__ == importlib.metadata.version("udsock")
wheel = importlib.metadata.distribution("udsock").read_text("WHEEL") or ""
platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
python = "py3-none" if _accelerator.fast is None else "cp311-abi3"
assert f"Tag: {python}-{platform}\n" in wheel, wheel

for kind in (udsock.STREAM, udsock.SEQPACKET):
    with udsock.open_server(path, kind) as server, udsock.open_client(path, kind) as client:
        with server.accept()[0] as peer:
            client.sendall(b"hello")
            peer.sendall(peer.recv(99).upper())
        assert client.recv(99) == b"HELLO"
with udsock.open_datagram(path) as receiver, udsock.open_datagram("@") as sender:
    sender.sendto(b"hello", path)
    data, address = receiver.recvfrom(99)
    assert (data, address) == (b"hello", sender.getsockname())
by = "by ctypes" if _accelerator.fast is None else "with the accelerator"
print(f"installed: every kind works, {by}")
