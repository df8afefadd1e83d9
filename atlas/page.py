"""docs/atlas.md, from what was measured."""

import re
import textwrap
from typing import Any, Callable, Dict, Iterable, List

Record = Dict[str, Any]


def text(records: List[Record]) -> str:
    def of(question: str) -> List[Record]:
        return [record for record in records if record["question"] == question]

    days = sorted({record["measured"] for record in records})
    sections = [
        _INTRODUCTION.replace("DAYS", " to ".join(days[:: max(1, len(days) - 1)])),
        _names(of("name"), of("client")),
        _file(of("file")),
        _starts(of("opening"), of("unheard")),
        _lengths(of("length")),
        _ends(of("half"), of("orphan")),
        _rest(of("peer name"), of("kept mode"), of("other")),
        _END,
    ]
    return "\n\n".join(map(_filled, sections)) + "\n"


# ---- words

def version(record: Record) -> str:
    """Where it is from, and the number: "Debian 12: 7.0.15"."""
    said = record["version"]
    found = re.search(r"(?:\d+:)?v?(?:go)?(\d+(?:\.\d+)+|\d+)", re.sub(r"\d+:", "", said))
    number = found[1] if found else said
    for start, source in (("Debian sid", "sid"), ("Debian", "Debian 12")):
        if said.startswith(start):
            return f"{source}: {number}"
    return number


def _code(said: str) -> str:
    return said.replace("|", "\\|")


def _table(head: List[str], rows: Iterable[List[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, *rows]]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines)


def _list(records: Iterable[Record], key: str = "program") -> str:
    """Names, each once, with the versions behind it."""
    versions: Dict[str, List[str]] = {}
    for record in records:
        number = version(record).split(": ")[-1]
        known = versions.setdefault(record[key], [])
        if number not in known:
            known.append(number)
    names = sorted(versions, key=str.lower)
    return ", ".join(f"{name} ({', '.join(versions[name])})" for name in names) + "."


def _filled(section: str) -> str:
    """Its lines as wide as the others of docs/; tables stay."""
    paragraphs = section.strip().split("\n\n")
    return "\n\n".join(
        paragraph
        if paragraph.startswith(("|", "#"))
        else textwrap.fill(
            " ".join(paragraph.split()), 100, break_long_words=False, break_on_hyphens=False
        )
        for paragraph in paragraphs
    )


def _count(records: List[Record], test: Callable[[Record], Any]) -> str:
    return str(sum(bool(test(record)) for record in records))


# ---- sections

_INTRODUCTION = """
# The atlas

This page says what other programs do with Unix sockets: which name they bind, what becomes of the
file, how long a path may be, when clients can reach them, and how they take a half-closed connection.
All of it was measured, DAYS, on Linux 6.18 as root with umask 022, one program after the other; names
were read to the byte, by sock_diag(7). "Debian 12" and "sid" mark Debian's packages; a version without
either is from PyPI, npm or the language itself. What is not on this page was not tried.

`python3 atlas/atlas.py measure` measures the installed programs again ([how](../atlas/README.md)), and
says what it leaves out. `atlas/results.json` has every answer, with the whole version and what the
program said.

| you want to know why | see |
|---|---|
| a client can't reach an abstract name | [Abstract names](#abstract-names) |
| a path was taken over, or its file removed | [The file](#the-file) |
| a client is refused at a server's start | [Starts](#starts) |
| a long path is refused or cut | [Long paths](#long-paths) |
| no answer comes, or one from a server that was killed | [Ends](#ends) |
| seqpacket, peers' names or modes are not as expected | [The rest](#the-rest) |
"""

_WRITE = {
    "padded": ("NULs behind it, to 108 bytes", "`@NAME\\z`"),
    "one NUL more": ("one NUL behind it", "`@NAME\\0`"),
}


def _names(names: List[Record], clients: List[Record]) -> str:
    def bound(*what: str) -> List[Record]:
        return [record for record in names if record["bound"] in what]

    rows = []
    for record in bound("padded", "one NUL more", "longer"):
        has, write = _WRITE.get(record["bound"], ("", ""))
        if record["bound"] == "longer":
            name = re.search(r"\\0(NAME[^`\s]*)", record["said"])
            has, write = "a longer name", f"`@{name[1]}`" if name else ""
        kind = "" if record.get("kind") == "stream" else f" ({record.get('kind')})"
        rows.append([_code(record["asked"]), version(record), has + kind, write])
    others = [
        [_code(record["asked"]), version(record), _code(record["said"])]
        for record in bound("another", "nothing")
    ]
    reach = [[_code(it["asked"]), version(it), _code(it["reaches"])] for it in clients]
    return f"""
## Abstract names

The length of an abstract name counts: `\\0NAME`, `\\0NAME\\0` and `\\0NAME` with NULs to 108 bytes are
three different names. Of {len(names)} ways to ask for a name, {len(bound('tight'))} bind the first one, the
tight name, which is `@NAME` in libudsock. The last column is what a client of libudsock writes. If it writes `@NAME` all
the same, the error says: `nobody has this name, but a socket named @NAME\\z is there: write that`.

{_table(["as asked", "version", "bound", "write"], rows)}

These take `@NAME` for a file of that name, which is `./@NAME` in libudsock:
{_list(bound("file"), "asked")}

These bind the tight name: {_list(bound("tight"), "asked")}

These refuse it: {_list(bound("refused"), "asked")}

These do something else:

{_table(["as asked", "version", "bound"], others)}

The next table has clients. Three listeners had the tight name, the name with one NUL more, and the
padded name (NULs to 108 bytes):

{_table(["client", "version", "reaches"], reach)}
"""


def _file(files: List[Record]) -> str:
    def those(key: str, part: str) -> List[Record]:
        return [record for record in files if part in record.get(key, "")]

    asked = [record for record in files if record.get("replaced", "").startswith(("its", "ours", "takes"))]
    removers = [record for record in asked if "removes ours" in record["replaced"]]
    kept = [record for record in files if record.get("kept")]
    taken = those("beside_ours", "takes ours")
    rows = [
        [
            _code(record["program"]),
            version(record),
            record.get("over_dead", ""),
            record.get("beside", ""),
            record.get("then", "").replace("first's SIGTERM", "the first one"),
            record.get("mode", "").split(";")[0],
            record.get("stopped", "").split(" (")[0],
            record.get("replaced", "").replace("takes it; its", "its"),
            record.get("beside_ours", "").split(";")[0],
        ]
        for record in files
    ]
    head = ["program", "version", "over a dead file", "beside a live one", "then", "mode",
            "file after SIGTERM", "replaced by ours", "beside ours"]
    return f"""
## The file

A socket's file outlives its server, and each program deals with that in its own way. Of {len(files)}
rows {_count(files, lambda it: it.get("over_dead") == "works")} start over the file of a server that
has gone; {len(those("beside", "takes it"))} take the path of one that is alive, {_count(files, lambda it: "removes the second" in it.get("then", ""))} of which lose it
again when the first one is stopped.

libudsock removes the file of each of them after its server has gone, and refuses to start while it is
alive. With `UDSOCK_REPLACE` it takes the path from each ({len(asked)} that have connections). **{len(removers)} of them
remove the path when they are stopped**, though it is not theirs by then, and {len(taken)} take the path of a
live libudsock server when they are started. With `UDSOCK_RESTORE_FILE` the libudsock server got its path
back in {_count(kept, lambda it: it["kept"] == "yes")} of the {len(kept)} cases that were tried: see
[restart without losing a client](restart-without-losing-a-client.md#when-the-others-are-not-ours).

These do not start over a dead file: {_list(those("over_dead", "fails") + those("over_dead", "runs without"))}

These remove our path when they are stopped: {_list(removers)}

These take our path when they are started: {_list(taken)}

The modes are those with umask 022. "Replaced by ours": a libudsock server with `UDSOCK_REPLACE` took the
path, then the program got SIGTERM. "Beside ours": the program was started at the path of a live libudsock
server.

{_table(head, rows)}
"""


def _starts(opening: List[Record], unheard: List[Record]) -> str:
    closed = [record for record in opening if record["closed_first"]]
    late = sorted((it for it in unheard if it["ms"] >= 20), key=lambda it: -it["ms"])
    return f"""
## Starts

Many servers bind first, and open their file to others by chmod(2) afterwards. A client of another user
that comes in between is refused (`EACCES`). The gap lasts 0 to 400 microseconds; to see it, the chmod was
held up. A client of libudsock with `UDSOCK_RETRY` tries again for a second.

{_table(["closed to others first", "version", "mode in the end"],
        [[_code(it["program"]), version(it), it["mode"]] for it in closed])}

Some make the file long before they listen (`ECONNREFUSED`). `UDSOCK_RETRY` waits for them, within its
timeout:

{_table(["program", "version", "ms"], [[_code(it["program"]), version(it), str(it["ms"])] for it in late])}
"""


def _lengths(lengths: List[Record]) -> str:
    def longest(record: Record) -> int:
        found = re.search(r"longest that works: (\d+)", record["said"])
        return record.get("longest") or (int(found[1]) if found else 0)

    short = sorted((it for it in lengths if longest(it)), key=longest)
    cut = [it for it in lengths if "cut to" in it["said"]]

    def first_cut(record: Record) -> str:
        return re.search(r"(10\d): cut to (\d+)", record["said"])[1]

    return f"""
## Long paths

sun_path has 108 bytes. libudsock takes paths of up to 4095 bytes, and most other programs up to 107: a
server at a longer path serves only clients that reach it by other means (through a descriptor's path in
/proc, say).
These take even shorter paths only, most of them because they append something:

{_table(["program", "version", "longest path"],
        [[_code(it["program"]), version(it), str(longest(it))] for it in short])}

These bind *another*, shorter path, without an error:

{_table(["program", "version", "from"],
        [[_code(it["program"]), version(it), first_cut(it)] for it in cut])}

The field `reach` of `udsock_inspect` says whether other programs can reach a path: `UDSOCK_REACH_ALL` up
to 97 bytes, `UDSOCK_REACH_MOST` up to 107, `UDSOCK_REACH_FEW` beyond. The log says so, too, when a server
is opened there (`UDSOCK_LOGGED_LONG_PATH`).
"""


def _ends(half: List[Record], orphans: List[Record]) -> str:
    rows = [[_code(it["program"]), version(it), it["half"]] for it in half]
    left = [it for it in orphans if "live stream server" in it["said"]]
    return f"""
## Ends

Some clients send the request, shut down their sending side, and read the answer. A server that notices
this end while it still makes the answer may take the client for gone. (The answers of the HTTP servers
took 0.4 s.)

{_table(["server", "version", "a client that has shut its side"], rows)}

A server whose main process is killed by SIGKILL is not dead: its workers may go on listening, for ever.
That was seen with {_list(left)} A libudsock server that is to start there says `a live stream server
is there (pid 4243, uid 0; its parent is gone, so it may be a worker that was left behind)`.
"""


def _rest(peers: List[Record], modes: List[Record], others: List[Record]) -> str:
    return f"""
## The rest

If a server's file was bound under another name and then renamed, getpeername(2) returns that other name
(for a libudsock server that took a path over, `.udsock-...`; `udsock_remote_address` returns the address
that was connected to):

{_table(["program", "version", "name"], [[_code(it["program"]), version(it), _code(it["said"])] for it in peers])}

The mode of a file that a program makes in the place of a dead file of mode 0600:

{_table(["program", "version", "mode"], [[_code(it["program"]), version(it), it["mode"]] for it in modes])}

Kinds, limits and protocols:

{_table(["question", "version", "seen"], [[_code(it["asked"]), version(it), _code(it["said"])] for it in others])}
"""


_END = """
## What is not here

These are missing, because no packages of them were at hand or nobody has written their row: Kubernetes'
device plug-ins, systemd's varlink sockets (except those of systemd-userdbd and journald and what varlinkctl
says; the package of systemd-resolved takes over the machine's name resolution), and most of what belongs to
a desktop. containerd's ttrpc is the daemon's; that of its shims was not measured. .NET is 3.1, the newest at
hand. What gVisor lacks is on the page about [containers](containers.md#good-to-know). dnsmasq has no Unix
socket of its own. Node.js since 22 shows what libuv's `uv_pipe_bind2` does. The rows of sid were not
measured again with the present driver.
"""
