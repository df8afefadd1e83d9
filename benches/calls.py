"""What a call through the ABI costs from C, from Python and from Node."""

from __future__ import annotations

import sys
from functools import partial

from harness import BENCHES, CORES, Process, Row, Unavailable, compile_ours, library, node_with

SOURCES = BENCHES / "calls"


def sample(*command: object) -> float:
    with Process(command, CORES[-1:]) as process:
        return process.figures()["ns"]


def rows(quick: bool) -> list[Row]:
    """quick changes nothing: a sample takes as long as starting the interpreter."""
    c = partial(sample, compile_ours(SOURCES / "calls.c", "calls"))
    python = partial(sample, sys.executable, SOURCES / "calls.py", library())
    try:
        node = partial(sample, node_with("koffi"), SOURCES / "calls.mjs", library())
        missing = {}
    except Unavailable as reason:
        node = None
        missing = {"koffi": str(reason)}

    def row(case: str, call: str, own: dict, yardstick: str) -> Row:
        contenders = {**own, "ctypes": partial(python, call),
                      "ctypes, argtypes": partial(python, call, "argtypes")}
        if node is not None:
            contenders["koffi"] = partial(node, call)
        return Row("cost of a call", case, "ns", contenders, yardstick=yardstick, missing=missing)

    return [
        row("udsock_version", "version", {"C": partial(c, "version")}, "C"),
        row("udsock_recv, nothing there", "receive",
            {"raw": partial(c, "raw"), "ours": partial(c, "receive")}, "raw"),
    ]
