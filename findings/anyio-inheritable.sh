#!/bin/sh
# anyio 4.16.0 (PyPI), UNIXSocketStream.receive_fds. Since PEP 446 whatever opens a descriptor in
# Python makes it non-inheritable, so a good guess is that received ones are, too. Seen: they are
# inheritable (recvmsg is called without MSG_CMSG_CLOEXEC, on asyncio and on trio alike), so a child
# that is started with close_fds=False, or by a C library, has a copy: the connection behind a
# descriptor that was passed does not end when the receiver closes it.
. "$(dirname "$0")/common.sh"
python_packages anyio==4.16.0 trio==0.35.0
cat >run.py <<'END'
import os, sys, anyio

async def main(path):
    async def serve(stream):
        _, (descriptor,) = await stream.receive_fds(5, 1)
        print(sys.argv[1] + ": inheritable:", os.get_inheritable(descriptor))
        scope.cancel()

    async with await anyio.create_unix_listener(path) as listener:
        async with anyio.create_task_group() as group:
            scope = group.cancel_scope
            group.start_soon(listener.serve, serve)
            client = await anyio.connect_unix(path)
            await client.send_fds(b"hello", [0])
            await anyio.sleep(10)

anyio.run(main, sys.argv[1] + ".sock", backend=sys.argv[1])
END
verdict "$("$python" run.py asyncio && "$python" run.py trio)" "asyncio: inheritable: True
trio: inheritable: True"
