#!/bin/sh
# varlink 31.0.0 (PyPI). A server is started at a path where another one of the same library listens.
# A good guess: the second one fails, and the first one goes on. Seen: the second one fails with
# EADDRINUSE, as it should, and on its way out it removes the socket file of the first one, which
# runs on and can't be reached any more. So a start by mistake takes a running service away.
. "$(dirname "$0")/common.sh"
python_packages varlink==31.0.0
cat >run.py <<'END'
import os, socket, varlink

class Handler(varlink.RequestHandler):
    service = varlink.Service(vendor="v", product="p", version="1", url="u", interface_dir=".")

first = varlink.ThreadingServer("unix:s", Handler)
socket.socket(socket.AF_UNIX).connect("s")
print("the first server: reachable")
try:
    varlink.ThreadingServer("unix:s", Handler)
except OSError as error:
    print("the second server:", error.strerror)
print("the first server's file is there:", os.path.exists("s"))
END
verdict "$("$python" run.py)" "the first server: reachable
the second server: Address already in use
the first server's file is there: False"
