"""An echo server over an asyncio protocol: asyncio_server.py asyncio|uvloop ADDRESS"""

import asyncio
import sys


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main(address):
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(Echo, address, backlog=4096)
    await server.serve_forever()


if sys.argv[1] == "uvloop":
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
asyncio.run(main(sys.argv[2]))
