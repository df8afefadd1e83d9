"""docs/atlas.md, from what was measured."""

import re
from typing import Dict, List

from words import Record, code, count, filled, names_of, seen, table, version


def text(records: List[Record]) -> str:
    def of(question: str) -> List[Record]:
        return [record for record in records if record["question"] == question]

    records = sorted(records, key=_place)
    days = sorted({record["measured"] for record in records})
    others = of("other")
    sections = [
        _INTRODUCTION.replace("DAYS", " to ".join(days[:: max(1, len(days) - 1)])),
        _names(of("name"), of("client")),
        _file(of("file"), of("regular")),
        _starts(of("opening"), of("unheard")),
        _lengths(of("length")),
        _ends(of("half"), of("orphan")),
        _systemd([it for it in others if _is_of(it, _OF_SYSTEMD)]),
        _containers([it for it in others if _is_of(it, _OF_CONTAINERS)]),
        _desktops([it for it in others if _is_of(it, _OF_DESKTOPS)]),
        _rest(of("peer name"), of("kept mode"),
              [it for it in others if not _is_of(it, _OF_SYSTEMD + _OF_CONTAINERS + _OF_DESKTOPS)]),
        _END,
    ]
    return "\n\n".join(map(filled, sections)) + "\n"


_OF_SYSTEMD = ("systemd", "varlink", "journald")
_OF_CONTAINERS = ("docker", "containerd", "Kubernetes", "gVisor")
_OF_DESKTOPS = ("Xvfb", "weston", "gpg-agent")


def _is_of(record: Record, beginnings: "tuple[str, ...]") -> bool:
    return record["asked"].startswith(beginnings)


def _place(record: Record) -> "tuple[str, List[int]]":
    """Where it is looked for: by its name, then by its version."""
    name = record.get("program") or record["asked"]
    return name.lower().lstrip("`."), [int(it) for it in re.findall(r"\d+", version(record).split(": ")[-1])]


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
| systemd's, Docker's or a desktop's socket is not as expected | [systemd](#systemd), [Containers](#containers), [Desktops](#desktops) |
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
        rows.append([code(record["asked"]), version(record), has + kind, write])
    others = [
        [code(record["asked"]), version(record), code(record["said"])]
        for record in bound("another", "nothing")
    ]
    plain = {"tight": ("the tight name", "`@NAME`"), "file": ("a file", "`./@NAME`"), "refused": ("refused", "")}
    usual = [
        [code(record["asked"]), version(record), *plain[record["bound"]]]
        for record in bound(*plain)
    ]
    reach = [[code(it["asked"]), version(it), code(it["reaches"])] for it in clients]
    return f"""
## Abstract names

The length of an abstract name counts: `\\0NAME`, `\\0NAME\\0` and `\\0NAME` with NULs to 108 bytes are
three different names. Of {len(names)} ways to ask for a name, {len(bound('tight'))} bind the first one, the
tight name, which is `@NAME` in libudsock; {len(bound('file'))} make a file, and {len(bound('refused'))} refuse it.

These bind a name that is not the tight one. The last column is what a client of libudsock writes. If it
writes `@NAME` all the same, the error says: `nobody has this name, but a socket named @NAME\\z is there:
write that`.

{table(["as asked", "version", "bound", "write"], rows)}

These do something else:

{table(["as asked", "version", "bound"], others)}

The others:

{table(["as asked", "version", "bound", "write"], usual)}

The next table has clients. Three listeners had the tight name, the name with one NUL more, and the
padded name (NULs to 108 bytes):

{table(["client", "version", "reaches"], reach)}
"""


def _file(files: List[Record], regular: List[Record]) -> str:
    def those(key: str, part: str) -> List[Record]:
        return [record for record in files if part in record.get(key, "")]

    asked = [record for record in files if record.get("replaced", "").startswith(("its", "ours", "takes"))]
    removers = [record for record in asked if "removes ours" in record["replaced"]]
    kept = [record for record in files if record.get("kept")]
    taken = those("beside_ours", "takes ours")
    removed = [record for record in regular if record["regular"] == "removes it"]
    of_files = {(it["program"], version(it)): it["regular"].split(",")[0].replace(" it", "") for it in regular}
    rows = [
        [
            code(record["program"]),
            version(record),
            record.get("over_dead", ""),
            record.get("beside", ""),
            record.get("then", "").replace("first's SIGTERM", "the first one"),
            record.get("mode", "").split(";")[0],
            record.get("stopped", "").split(" (")[0],
            record.get("replaced", "").replace("takes it; its", "its"),
            record.get("beside_ours", "").split(";")[0],
            of_files.get((record["program"], version(record)), ""),
        ]
        for record in files
    ]
    head = ["program", "version", "over a dead file", "beside a live one", "then", "mode",
            "file after SIGTERM", "replaced by ours", "beside ours", "another file"]
    return f"""
## The file

A socket's file outlives its server, and each program deals with that in its own way. Of {len(files)}
rows {count(files, lambda it: it.get("over_dead") == "works")} start over the file of a server that
has gone; {len(those("beside", "takes it"))} take the path of one that is alive, {count(files, lambda it: "removes the second" in it.get("then", ""))} of which lose it
again when the first one is stopped.

libudsock removes the file of each of them after its server has gone, and refuses to start while it is
alive. With `UDSOCK_REPLACE` it takes the path from each ({len(asked)} that have connections). **{len(removers)} of them
remove the path when they are stopped**, though it is not theirs by then, and {len(taken)} take the path of a
live libudsock server when they are started. With `UDSOCK_RESTORE_FILE` the libudsock server got its path
back in {count(kept, lambda it: it["kept"] == "yes")} of the {len(kept)} cases that were tried: see
[restart without losing a client](restart-without-losing-a-client.md#when-the-others-are-not-ours).

These do not start over a dead file: {names_of(it for it in files if it.get("over_dead", "").startswith(("fails", "runs without")))}

These remove our path when they are stopped: {names_of(removers)}

These take our path when they are started: {names_of(taken)}

A path that was mistyped may be that of a file with something in it. In {len(removed)} of {len(regular)} rows the
program **removes a regular file** at its path: {names_of(removed)} libudsock refuses to start there (`EEXIST`).

The modes are those with umask 022. "Replaced by ours": a libudsock server with `UDSOCK_REPLACE` took the
path, then the program got SIGTERM. "Beside ours": the program was started at the path of a live libudsock
server. "Another file": what it does to a regular file at its path. An empty field was not measured.

{table(head, rows)}
"""


def _starts(opening: List[Record], unheard: List[Record]) -> str:
    closed = [record for record in opening if record["closed_first"]]
    late = sorted((it for it in unheard if it["ms"] >= 20), key=lambda it: -it["ms"])
    return f"""
## Starts

Many servers bind first, and open their file to others by chmod(2) afterwards. A client of another user
that comes in between is refused (`EACCES`). The gap lasts 0 to 400 microseconds; to see it, the chmod was
held up. A client of libudsock with `UDSOCK_RETRY` tries again for a second.

{table(["closed to others first", "version", "mode in the end"],
        [[code(it["program"]), version(it), it["mode"]] for it in closed])}

Some make the file long before they listen (`ECONNREFUSED`). `UDSOCK_RETRY` waits for them, within its
timeout:

{table(["program", "version", "ms"], [[code(it["program"]), version(it), str(it["ms"])] for it in late])}
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

{table(["program", "version", "longest path"],
        [[code(it["program"]), version(it), str(longest(it))] for it in short])}

These bind *another*, shorter path, without an error:

{table(["program", "version", "from"],
        [[code(it["program"]), version(it), first_cut(it)] for it in cut])}

The field `reach` of `udsock_inspect` says whether other programs can reach a path: `UDSOCK_REACH_ALL` up
to 97 bytes, `UDSOCK_REACH_MOST` up to 107, `UDSOCK_REACH_FEW` beyond. The log says so, too, when a server
is opened there (`UDSOCK_LOGGED_LONG_PATH`).
"""


def _ends(half: List[Record], orphans: List[Record]) -> str:
    rows = [[code(it["program"]), version(it), it["half"]] for it in half]
    left = [it for it in orphans if "live stream server" in it["said"]]
    return f"""
## Ends

Some clients send the request, shut down their sending side, and read the answer. A server that notices
this end while it still makes the answer may take the client for gone. (The answers of the HTTP servers
took 0.4 s.)

{table(["server", "version", "a client that has shut its side"], rows)}

A server whose main process is killed by SIGKILL is not dead: its workers may go on listening, for ever.
That was seen with {names_of(left)[:-1]} ([the table](#the-file) has their versions). A libudsock server that is to start there says `a live stream server
is there (pid 4243, uid 0; its parent is gone, so it may be a worker that was left behind)`.
"""


def _systemd(records: List[Record]) -> str:
    lists = [it for it in records if it["asked"].startswith("systemd, PID 1")]
    versions = [version(it) for it in lists]
    sockets: Dict[str, Dict[str, str]] = {}
    links: Dict[str, str] = {}
    for record in lists:
        for line in record["said"].split(" · "):
            socket, _, also = line.partition(" (also ")
            name, *how = socket.split(" ")
            links[name] = also.rstrip(")") or links.get(name, "")
            sockets.setdefault(name, {})[version(record)] = " ".join(it for it in how if it != "stream")
    rows = [
        [f"`{name}`", *(sockets[name].get(it, "") for it in versions),
         ", ".join(f"`{it}`" for it in links[name].split(", ")) if links[name] else ""]
        for name in sorted(sockets, key=str.lower)
    ]
    return f"""
## systemd

systemd's own interfaces are varlink: a stream socket at a path below /run, on which a call is an object
in JSON that ends in a NUL, and so is its answer. Several may come in one read, and one in several. A
client of libudsock talks to them as to any stream. systemd-journald, -userdbd, -machined and -homed bind
theirs themselves if nobody passes it: they take the path from whoever has it, and leave the file when they
stop. The others are those of systemd itself and of socket units: it makes the file, and keeps it. In the
newer version `varlink/registry` has links to them. A client reaches a socket through a link; `udsock_inspect` says
`UDSOCK_NOT_A_SOCKET` of the link itself.

The sockets below /run that systemd has as PID 1, with the units that its package and those of its daemons
have, and their modes (all are streams but for `notify`):

{table(["below /run", *versions, "also as"], rows)}

{seen(it for it in records if it not in lists)}
"""


def _containers(records: List[Record]) -> str:
    return f"""
## Containers

dockerd gives its socket the group `docker` and the mode 0660, and takes the path from whoever has it. Where clients are in other containers, see [containers that share a socket](containers.md).
containerd's shims serve ttrpc at a path that is made of the daemon's address, the namespace and the
container's name; a second shim for the same container finds the first one there, and leaves. Their
directories have no x bit (mode 0600), so only root gets there. The shim of containerd 2.1, if it is
started by hand with `-socket` at a path that is in use, removes the file there and ends.

Kubernetes' device plug-ins are servers in /var/lib/kubelet/device-plugins; the row is a plug-in that was
built from Kubernetes' API. The kubelet was read, not run: when it starts it removes every file in that
directory but its checkpoint, those of live servers too, and a plug-in takes that for the sign to listen and
register again. `UDSOCK_RESTORE_FILE` does not help there, since
the second name goes with the first. A plug-in on libudsock reads `UDSOCK_OPTION_OWNS_FILE` now and then; when
it is 0, it opens a new server and registers.

{seen(records)}
"""


def _desktops(records: List[Record]) -> str:
    return f"""
## Desktops

An X server has two sockets, the file /tmp/.X11-unix/X*N* and the abstract name of the same text. Clients
that use libxcb (1.15) try the abstract name first. So they reach the server through a network namespace
that they share with it, without the file; and who takes the file over does not get them. Its lock,
/tmp/.X*N*-lock, counts as long as any process has the number in it, an X server or not.

A Wayland compositor holds the lock (flock) of `wayland-N.lock` beside its socket. With the lock it takes
the path from whoever has it, a live libudsock server too; without the lock it does not start. So a program
that serves at such a path holds that lock.

gpg-agent's sockets are files `S.*` in its home directory, or below /run/user. In the place of `S.gpg-agent`
there may be a *redirection*, a regular file whose first line is `%Assuan%` and whose second line is
`socket=PATH`. GnuPG's own clients follow it. To a libudsock client it is `ECONNREFUSED`, and the message says
that a regular file is there: read the path from it, and connect to that.

{seen(records)}
"""


def _rest(peers: List[Record], modes: List[Record], others: List[Record]) -> str:
    return f"""
## The rest

If a server's file was bound under another name and then renamed, getpeername(2) returns that other name
(for a libudsock server that took a path over, `.udsock-...`; `udsock_remote_address` returns the address
that was connected to):

{table(["program", "version", "name"], [[code(it["program"]), version(it), code(it["said"])] for it in peers])}

The mode of a file that a program makes in the place of a dead file of mode 0600:

{table(["program", "version", "mode"], [[code(it["program"]), version(it), it["mode"]] for it in modes])}

Kinds, limits and protocols:

{seen(others)}
"""


_END = """
## What is not here

systemd-resolved's sockets are missing, since its package takes over the machine's name resolution, and so are
those of user sessions. .NET is 3.1, the newest at hand. What gVisor lacks is also on the page about
[containers](containers.md#good-to-know). dnsmasq has no Unix socket of its own. Node.js since 22 shows what
libuv's `uv_pipe_bind2` does. Of sid's programs only those of 2026-11-30 were measured with the present driver.
"""
