"""An echo server over an asyncio protocol, on our transports: udsock_asyncio.py ADDRESS"""

import asyncio
import sys

import udsock.aio


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main(address):
    server = await udsock.aio.create_server(Echo, address)
    await server.serve_forever()


asyncio.run(main(sys.argv[1]))
