"""The package's numbers and structs are the library's: abi/layouts.txt of the checkout has them."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
import udsock
from udsock import Poller, _library

CHECKOUT = Path(__file__).resolve().parents[3]

if not (CHECKOUT / "abi").is_dir():
    pytest.skip("not in a checkout, which alone has abi/", allow_module_level=True)

STRUCTS: Dict[str, Any] = {
    "udsock_error": _library.Error,
    "udsock_bind_options": _library.BindOptions,
    "udsock_credentials": _library.Credentials,
    "udsock_connect_options": _library.ConnectOptions,
    "udsock_message": _library.Message,
    "udsock_inspection": _library.Inspection,
    "udsock_poller_options": _library.PollerOptions,
    "udsock_event": _library.Event,
    "udsock_outgoing": _library.Outgoing,
    "udsock_counters": _library.Counters,
    "udsock_log_record": _library.LogRecord,
}

# sendmsg and its like take buffers: no struct of ours is made of them.
NOT_USED = ["udsock_part"]

TYPES: Dict[str, List[Any]] = {
    "int32_t": [ctypes.c_int32],
    "uint32_t": [ctypes.c_uint32],
    "int64_t": [ctypes.c_int64],
    "uint64_t": [ctypes.c_uint64],
    "size_t": [ctypes.c_size_t],
    "udsock_t": [ctypes.c_int64],
    "const char *": [ctypes.c_char_p],
    "char *": [ctypes.c_void_p],
    "void *": [ctypes.c_void_p],
    "int32_t *": [ctypes.POINTER(ctypes.c_int32)],
    "udsock_credentials": [_library.Credentials],
    "char[UDSOCK_MESSAGE_SIZE]": [ctypes.c_char * _library.MESSAGE_SIZE],
}

FORMATS = {
    "b": "int8_t", "B": "uint8_t", "i": "int32_t", "I": "uint32_t", "q": "int64_t", "Q": "uint64_t",
}  # fmt: skip


def lines() -> Iterator[str]:
    yield from (CHECKOUT / "abi/layouts.txt").read_text().splitlines()


def constants() -> List[Tuple[str, int]]:
    found = [re.fullmatch(r"UDSOCK_(\w+) = (-?\d+)", line) for line in lines()]
    return [(match[1], int(match[2])) for match in found if match]


def fields() -> List[Tuple[str, str, int, int, str]]:
    """Struct, field, offset, size, type."""
    found = [re.fullmatch(r"(\w+)\.(\w+) +(\d+) +(\d+)  (.+)", line) for line in lines()]
    return [(m[1], m[2], int(m[3]), int(m[4]), m[5].strip()) for m in found if m]


def declared(struct: Any) -> List[Tuple[str, Any]]:
    return list(struct._fields_)


def test_every_constant_has_the_library_s_value() -> None:
    all_of_them = constants()
    assert len(all_of_them) > 40
    assert {name: getattr(_library, name, None) for name, _ in all_of_them} == dict(all_of_them)


def test_no_constant_is_ours_alone() -> None:
    known = {name for name, _ in constants()}
    ours = {"NEEDED_VERSION", "LONGEST_TIMEOUT", "UNKNOWN", "FILE_NAME", "SONAME", "NO_HANDLE"}
    # What ctypes and typing bring begins with a capital letter, too.
    upper = {name for name in vars(_library) if name.isupper() and not name.startswith("_")}
    assert upper - known - ours == {"CFUNCTYPE", "POINTER", "TYPE_CHECKING"}


def test_every_struct_is_laid_out_as_the_library_s() -> None:
    assert len(fields()) > 50
    sizes = [re.fullmatch(r"(\w+) +(\d+)  struct", line) for line in lines()]
    for match in sizes:
        if match and match[1] not in NOT_USED:
            assert ctypes.sizeof(STRUCTS[match[1]]) == int(match[2]), match[1]
    for struct, field, offset, size, kind in fields():
        if struct in NOT_USED:
            continue
        descriptor = getattr(STRUCTS[struct], field)
        assert (descriptor.offset, descriptor.size) == (offset, size), f"{struct}.{field}"
        types = dict(declared(STRUCTS[struct]))
        assert types[field] in TYPES[kind], f"{struct}.{field}: {types[field]}"
    for name, struct_of in STRUCTS.items():
        known = [field for struct, field, *_ in fields() if struct == name]
        assert [field for field, _ in declared(struct_of)] == known


@pytest.mark.parametrize(
    "name, packed", [("udsock_event", Poller.EVENT), ("udsock_outgoing", Poller.ITEM)]
)
def test_what_the_poller_packs_is_laid_out_so(name: str, packed: Any) -> None:
    layout = packed.format
    assert layout[0] == "="
    ours = []
    offset = 0
    for letter in layout[1:]:
        size = ctypes.sizeof(TYPES[FORMATS[letter]][0])
        ours.append((offset, size, FORMATS[letter]))
        offset += size
    theirs = [
        (offset, size, kind.replace("udsock_t", "int64_t"))
        for struct, _, offset, size, kind in fields()
        if struct == name
    ]
    assert ours == theirs


def test_the_public_names_are_of_the_same_numbers() -> None:
    public = {"STREAM": udsock.STREAM, "DGRAM": udsock.DGRAM, "SEQPACKET": udsock.SEQPACKET}
    for name, value in public.items():
        assert value == getattr(_library, name)
    for name in ("ACCEPTED", "RECEIVED", "DRAINED", "ENDED", "FAILED", "READY"):
        assert getattr(Poller, name) == getattr(_library, f"EVENT_{name}")
    for name in ("THEN_SHUTDOWN", "THEN_CLOSE", "DONT_KEEP"):
        assert getattr(Poller, name) == getattr(_library, name)
    for state in udsock.State:
        assert state.value == getattr(_library, state.name)


def test_messages_name_options_as_python_does() -> None:
    from udsock._errors import PYTHON_NAMES

    text = (CHECKOUT / "abi/option_names.txt").read_text()
    rows = [re.split(" {2,}", line) for line in text.splitlines() if not line.startswith("#")]
    assert {c_name: python_name for c_name, python_name, _ in rows} == PYTHON_NAMES


def test_an_error_says_what_to_do_in_python(path: str, tmp_path: Path) -> None:
    # Also where the address has such a name in it.
    for address in (path, str(tmp_path / "UDSOCK_REPLACE")):
        with udsock.open_server(address):
            with pytest.raises(OSError, match="stop it or pass replace=True") as taken:
                udsock.open_server(address)
            assert f"open server {address}: a live stream server" in str(taken.value)
        left_behind = udsock.open_server(address)
        os.link(address, f"{address}.kept")
        left_behind.close()
        os.rename(f"{address}.kept", address)
        with pytest.raises(OSError, match="start without reclaim=False"):
            udsock.open_server(address, reclaim=False)
    with pytest.raises(OSError, match="replace=True and make_parents=True make no sense"):
        udsock.open_server("@UDSOCK_REPLACE", replace=True)
    with udsock.Socket() as sock:
        with pytest.raises(OSError, match="udsock.STREAM, udsock.DGRAM, udsock.SEQPACKET"):
            udsock.open_server(path, 99)
        assert sock.fileno() >= 0
