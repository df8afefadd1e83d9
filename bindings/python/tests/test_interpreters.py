"""Subinterpreters, which share the library with the main interpreter."""

from __future__ import annotations

import os
from pathlib import Path

from conftest import run

PROGRAM = """
    import logging, os, socket, sys, udsock
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters

    # (To standard output, and in whichever order.)
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="told of %(udsock)s")
    udsock.set_log_level(logging.INFO)

    def make_stale(name):
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(name)

    os.chdir(sys.argv[1])
    server = udsock.open_server("main")
    make_stale("stale within")
    within = interpreters.create()
    failure = interpreters.run_string(within, sys.argv[2])
    assert failure is None, failure
    interpreters.destroy(within)
    # The end of another interpreter is not that of this one's server, or of its log.
    assert server.owns_file and os.path.exists("main")
    assert not os.path.exists("within")
    make_stale("stale")
    udsock.open_server("stale").close()
    server.close()
"""

WITHIN = """
try:
    import _ctypes
except ImportError:
    print("no ctypes there")
else:
    import udsock
    server = udsock.open_server("within")
    with udsock.open_client("within") as client, server.accept()[0] as accepted:
        client.sendall(b"hello")
        assert accepted.recv(9) == b"hello"
    udsock.open_server("stale within").close()
    try:
        udsock.set_log_level(10)
    except RuntimeError as error:
        print(error)
"""

REFUSAL = "only the main interpreter can be told what the library does"


def test_the_end_of_a_subinterpreter_ends_nothing_else(tmp_path: Path) -> None:
    done = run(PROGRAM, str(tmp_path), WITHIN)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert "no ctypes there" in lines or REFUSAL in lines
    # (Before Python 3.12 the callback finds the main interpreter in the same thread.)
    assert "path='stale'" in lines[-1], done.stdout
    assert os.listdir(tmp_path) in ([], ["stale within"])
