"""How udsock.aio ends: loops that are left, and interrupts."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import warnings
from typing import Any

import pytest
from aio_support import Recorder, closed, connected, run_clean, until

import udsock
from udsock import aio


def test_a_transport_that_is_left_open_warns() -> None:
    async def main() -> None:
        transport, _, peer = await connected()
        peer.close()
        transport.pause_reading()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_clean(main)
        gc.collect()
    messages = [str(warning.message) for warning in caught]
    assert [m for m in messages if m.startswith("unclosed transport <StreamConnection open")]


def test_a_server_that_is_left_open_warns_and_its_file_goes(path: str) -> None:
    async def main() -> None:
        await aio.create_server(asyncio.Protocol, path)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_clean(main)
        gc.collect()
    assert [w for w in caught if str(w.message).startswith("unclosed server <Server")]
    assert not os.path.exists(path)


def test_an_interrupt_in_a_callback_loses_no_other_s_events() -> None:
    class Interrupting(Recorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if data == b"interrupt":
                raise KeyboardInterrupt

    loop = asyncio.new_event_loop()

    async def make() -> Any:
        made = []
        for _ in range(10):
            left, right = udsock.pair()
            transport, protocol = await aio.create_connection(Interrupting, sock=left)
            made.append((transport, protocol, right))
        return made

    made = loop.run_until_complete(make())
    for number, (_, _, peer) in enumerate(made):
        peer.send(b"interrupt" if number == 4 else b"hello")
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()

    async def end() -> None:
        await until(lambda: all(protocol.data for _, protocol, _ in made))
        for transport, protocol, peer in made:
            assert await closed(transport, protocol) is None
            peer.close()

    loop.run_until_complete(asyncio.wait_for(end(), 20))
    loop.close()


def test_ctrl_c_ends_a_server(path: str) -> None:
    program = """
        import asyncio, sys
        from udsock import aio

        async def serve(reader, writer):
            writer.write(b"here")
            try:
                await reader.read()
            finally:
                writer.close()

        async def main():
            # (The development mode complains of a busy machine.)
            asyncio.get_running_loop().slow_callback_duration = 60
            server = await aio.start_server(serve, sys.argv[1])
            async with server:
                await server.serve_forever()

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
    """
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(program), path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        with udsock.open_client(path, timeout=20, retry=True) as client:
            assert client.recv(4) == b"here"
            server.send_signal(signal.SIGINT)
            # It does not wait for its clients.
            assert client.recv(4) == b""
            out, err = server.communicate(timeout=20)
    assert (out, err, server.returncode) == (b"interrupted\n", b"", 0)
    assert not os.path.exists(path)
