"""The accelerator's part of udsock.aio: the tests of aio run over both; here is what it promises."""

from __future__ import annotations

import asyncio
import gc
import inspect
import weakref
from typing import Any, List

import pytest
import udsock
from udsock import _accelerator, aio
from udsock.aio import _accelerated
from udsock.aio._dispatch import PlainDispatch
from udsock.aio._stream import PlainStream, StreamConnection
from udsock.aio._turn import PlainTurn

from conftest import run
from aio_support import every_loop, run_clean

needs_it = pytest.mark.skipif(
    _accelerator.fast is None, reason="no accelerator: UDSOCK_ACCELERATOR names none"
)


def test_streams_are_accelerated_if_sockets_are() -> None:
    has_it = _accelerator.fast is not None
    assert (_accelerated.types is not None) is has_it
    assert issubclass(StreamConnection, PlainStream) is not has_it


@needs_it
@pytest.mark.parametrize(
    "name, plain", [("Turn", PlainTurn), ("Dispatch", PlainDispatch), ("Stream", PlainStream)]
)
def test_its_methods_are_those_of_the_plain_classes(name: str, plain: Any) -> None:
    accelerated = vars(getattr(_accelerated.types, name))
    methods = [method for method in accelerated if callable(accelerated[method])]
    assert len(methods) > 3
    for method in methods:
        if not method.startswith("__"):
            assert inspect.getdoc(accelerated[method]) == inspect.getdoc(getattr(plain, method))


@pytest.mark.parametrize("name", ["write", "close", "is_closing"])
def test_what_a_program_calls_has_the_signature_of_asyncio_s(name: str) -> None:
    ours, theirs = getattr(StreamConnection, name), getattr(asyncio.Transport, name)
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


class Chain(asyncio.Protocol):
    """Its transport keeps it, in every way there is."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        # (asyncio's base classes have slots.)
        transport.chain, transport._extra = self, [self]


@every_loop
def test_a_stream_in_a_cycle_is_collected(path: str, loop_kind: str) -> None:
    alive: List[Any] = []

    async def main() -> None:
        server = await aio.create_server(Chain, path)
        transport, protocol = await aio.create_connection(Chain, path)
        alive.extend([weakref.ref(transport), weakref.ref(protocol)])
        transport.write(b"hello")
        transport.close()
        server.close()
        await server.wait_closed()

    run_clean(main, loop_kind)
    gc.collect()
    assert [reference() for reference in alive] == [None, None]


@needs_it
def test_its_fields_take_only_what_it_can_use(path: str) -> None:
    async def main() -> None:
        server = await aio.create_server(asyncio.Protocol, path)
        transport, protocol = await aio.create_connection(asyncio.Protocol, path)
        one: Any = transport
        for name, value in (("_hub", 5), ("_hub", None), ("_size", "much")):
            with pytest.raises(TypeError):
                setattr(one, name, value)
        for name in ("_sock", "_number", "_loop"):
            with pytest.raises(AttributeError):
                setattr(one, name, None)
            with pytest.raises(AttributeError):
                delattr(one, name)
        made: Any = StreamConnection
        for arguments in (
            (),
            (one._loop, 5, one._sock, protocol),
            (one._loop, one._hub, 5, protocol),
        ):
            with pytest.raises(TypeError):
                made(*arguments)
        with pytest.raises(TypeError):
            one.__init__(one._loop, one._hub, one._sock, protocol)
        transport.close()
        server.close()
        await server.wait_closed()

    run_clean(main)


HALVES = """
    import inspect
    from udsock.aio import _accelerated, _stream

    types = _accelerated.types
    called = 0
    for made in (types.Turn, types.Dispatch, _stream.StreamConnection):
        for name, method in inspect.getmembers(made, inspect.ismethoddescriptor):
            if method.__objclass__.__module__ != "udsock._fast" or name.startswith("__"):
                continue
            for arguments in ((), (None,), (5, None)):
                try:
                    method(made.__new__(made), *arguments)
                except Exception:
                    pass
                called += 1
    print(called)
"""


@needs_it
def test_an_object_that_was_not_made_does_no_harm() -> None:
    done = run(HALVES)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40, done.stdout


@needs_it
@pytest.mark.parametrize("name, fields", [("Turn", ["loop"]), ("Dispatch", ["loop", "poller"])])
def test_they_are_made_with_names_as_the_plain_classes(name: str, fields: List[str]) -> None:
    loop, made = asyncio.new_event_loop(), getattr(_accelerated.types, name)
    poller = udsock.Poller()
    given = {"loop": loop, "poller": poller}
    made(*[given[field] for field in fields], **{})
    one = made(**{field: given[field] for field in fields})
    with pytest.raises(RuntimeError):
        one.__init__(*[given[field] for field in fields])
    with pytest.raises(TypeError):
        made(wrong=1)
    del one
    poller.close()
    loop.close()


LAST_LOOK = """
    import asyncio, udsock
    from udsock import aio

    class Ending(asyncio.Protocol):
        looks = 0

        def connection_made(self, transport):
            self.transport = transport

        def __getattribute__(self, name):
            if name == "data_received":
                self.looks += 1
                # (The first was in the constructor.)
                if self.looks == 17:
                    self.transport.abort()
                    self.transport._connection_lost(None)
            return super().__getattribute__(name)

    async def main():
        left, right = udsock.pair()
        transport, protocol = await aio.create_connection(Ending, sock=left)
        try:
            while True:
                transport._deliver_counted(b"x")
        except (AttributeError, SystemError):
            print(protocol.looks)
        right.close()
        await asyncio.sleep(0)

    asyncio.run(main())
"""


@needs_it
def test_a_protocol_may_end_its_stream_while_it_is_looked_at() -> None:
    done = run(LAST_LOOK)
    assert done.stdout == "17\n", (done.returncode, done.stderr)
