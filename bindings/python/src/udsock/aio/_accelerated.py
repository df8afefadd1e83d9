"""What the accelerator has for event loops, if there is one: the base classes that do in C what is
done in each turn of a loop, and for each connection.
"""

from __future__ import annotations

from asyncio import BufferedProtocol
from asyncio.transports import _FlowControlMixin
from types import SimpleNamespace
from typing import Optional

from .._accelerator import fast
from .._socket import Socket


def _made() -> Optional[SimpleNamespace]:
    """None: Plain... classes do it."""
    if fast is None:
        return None
    made = fast.loop_types(_FlowControlMixin, BufferedProtocol, Socket)
    return None if made is None else SimpleNamespace(**made)


types = _made()
