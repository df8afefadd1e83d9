"""asyncio over this library: asyncio's names, with a path where it has a host and a port.

    reader, writer = await udsock.aio.open_connection("/run/app.sock")

The transports of an event loop share one poller.
"""

from __future__ import annotations

from ._connect import create_connection, create_server
from ._datagram import create_datagram_endpoint
from ._seqpacket import SeqpacketConnection, open_seqpacket_connection, start_seqpacket_server
from ._server import Server
from ._streams import open_connection, start_server
from ._tls import start_tls

__all__ = [
    "SeqpacketConnection",
    "Server",
    "create_connection",
    "create_datagram_endpoint",
    "create_server",
    "open_connection",
    "open_seqpacket_connection",
    "start_seqpacket_server",
    "start_server",
    "start_tls",
]
