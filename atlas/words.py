"""The words and tables of the page."""

import re
import textwrap
from typing import Any, Callable, Dict, Iterable, List

Record = Dict[str, Any]


def version(record: Record) -> str:
    """Where it is from, and the number: "Debian 12: 7.0.15"."""
    said = record["version"]
    found = re.search(r"(?:\d+:)?v?(?:go)?(\d+(?:\.\d+)+|\d+)", re.sub(r"\d+:", "", said))
    number = found[1] if found else said
    for start, source in (("Debian sid", "sid"), ("Debian", "Debian 12")):
        if said.startswith(start):
            return f"{source}: {number}"
    return number


def code(said: str) -> str:
    return said.replace("|", "\\|")


def table(head: List[str], rows: Iterable[List[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, *rows]]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines)


def names_of(records: Iterable[Record], key: str = "program") -> str:
    """Names, each once; their versions are in a table."""
    return "; ".join(dict.fromkeys(record[key] for record in records)) + "."


def seen(records: Iterable[Record]) -> str:
    return table(["question", "version", "seen"],
                  [[code(it["asked"]), version(it), code(it["said"])] for it in records])


def filled(section: str) -> str:
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


def count(records: List[Record], test: Callable[[Record], Any]) -> str:
    return str(sum(bool(test(record)) for record in records))
