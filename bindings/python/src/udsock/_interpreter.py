"""Subinterpreters: they have the library in common with the main one, and its state."""

from __future__ import annotations

import sys
from ctypes import PYFUNCTYPE, c_void_p, pythonapi
from typing import Callable


def _comparison() -> Callable[[], bool]:
    if sys.implementation.name != "cpython":
        return lambda: True
    function = PYFUNCTYPE(c_void_p)
    this = function(("PyInterpreterState_Get", pythonapi))
    main = function(("PyInterpreterState_Main", pythonapi))()
    return lambda: bool(this() == main)


is_main = _comparison()
"""Whether this is the main interpreter, which may ask for what the library does for all."""
