#!/bin/sh
# aiohttp 3.14.5 (PyPI), a session with a UnixConnector and trust_env=True, where HTTP_PROXY is set, as in
# many companies and builds. All of the connector's requests go to its socket. A good guess: a proxy has
# no part in that, as with curl's --unix-socket and httpx's uds. Seen: they do go to the socket, but in
# the form that the proxy would get, `GET http://host/path`; a server that routes by what it is asked for
# answers 404 on that machine and on no other. NO_PROXY with the host's name mends it.
. "$(dirname "$0")/common.sh"
python_packages aiohttp==3.14.5
cat >run.py <<'END'
import asyncio, os
import aiohttp


async def serve(reader, writer):
    asked = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0]
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(asked)}\r\n\r\n{asked}".encode())
    writer.close()


async def ask(what):
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector("s"), trust_env=True) as session:
        async with session.get("http://localhost/version") as answer:
            print(f"{what}: {await answer.text()}")


async def main():
    async with await asyncio.start_unix_server(serve, "s"):
        for name in list(os.environ):
            if name.lower().endswith("_proxy"):
                del os.environ[name]
        await ask("without a proxy")
        os.environ["HTTP_PROXY"] = "http://127.0.0.1:9"
        await ask("HTTP_PROXY is set")
        os.environ["NO_PROXY"] = "localhost"
        await ask("NO_PROXY, too")


asyncio.run(main())
END
verdict "$("$python" run.py)" "without a proxy: GET /version HTTP/1.1
HTTP_PROXY is set: GET http://localhost/version HTTP/1.1
NO_PROXY, too: GET /version HTTP/1.1"
