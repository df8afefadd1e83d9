"""The base class with the frequent calls: in C if the package came with it, otherwise Plain.

`_fast` is an extension of CPython, in the wheels for 3.11 and later. UDSOCK_ACCELERATOR names
another file; if it is set and empty, none is loaded. Both do the same.
"""

from __future__ import annotations

import os
import sys
from ctypes import c_void_p, cast
from typing import TYPE_CHECKING, Any, Optional

from . import _library
from ._plain import Plain

NAME = f"{__package__}._fast"
OLDEST = (3, 11)


def _address(name: str) -> int:
    """The address of a function of the library."""
    return cast(getattr(_library.library, name), c_void_p).value or 0


def _find() -> Optional[str]:
    chosen = os.environ.get("UDSOCK_ACCELERATOR")
    if chosen is not None:
        return chosen or None
    path = os.path.join(os.path.dirname(__file__), "_fast.abi3.so")
    return path if os.path.exists(path) else None


def _is_for_this_python() -> bool:
    # Without the GIL objects are laid out in another way.
    is_free_threaded = "t" in getattr(sys, "abiflags", "")
    is_cpython = sys.implementation.name == "cpython"
    return is_cpython and sys.version_info >= OLDEST and not is_free_threaded


def _load() -> Any:
    """The extension, or None if there is none or not for this interpreter."""
    path = _find()
    if path is None or not _is_for_this_python():
        return None
    from importlib.machinery import ExtensionFileLoader, ModuleSpec

    loader = ExtensionFileLoader(NAME, path)
    spec = ModuleSpec(NAME, loader, origin=path)
    try:
        module = loader.create_module(spec)
        loader.exec_module(module)
        module.bind(_address)
    except ImportError as error:
        # Within another interpreter there may be none: it has a GIL of its own, or another library.
        if "interpreter" in str(error) or not os.environ.get("UDSOCK_ACCELERATOR"):
            return None
        raise
    return module


fast = _load()

if TYPE_CHECKING:
    Base = Plain
else:
    Base = Plain if fast is None else fast.Accelerated
