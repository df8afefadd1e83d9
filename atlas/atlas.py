#!/usr/bin/env python3
"""How other programs treat Unix sockets: measured here, and written to docs/atlas.md.

    atlas.py programs                   what there are rows for, and what is installed
    atlas.py measure [WORD...]          asks the programs whose names begin so (or all) everything
    atlas.py measure -q file redis      asks one question
    atlas.py page                       writes docs/atlas.md from results.json

What is measured takes the place of what results.json had of that program and question.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, Dict, List

sys.path.insert(0, str(Path(__file__).parent))

import machine  # noqa: E402
import page  # noqa: E402
from program import NotHere, Program  # noqa: E402
from programs import PROGRAMS  # noqa: E402
from questions import QUESTIONS, Record  # noqa: E402
from words import version  # noqa: E402

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "atlas.md"


def load() -> List[Record]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def save(records: List[Record]) -> None:
    """One record a line: what has changed is seen."""
    order = list(QUESTIONS)

    def key(record: Record) -> Any:
        question = record["question"]
        place = order.index(question) if question in order else len(order)
        return place, question, identity(record)[1].lower()

    lines = [json.dumps(record, ensure_ascii=False) for record in sorted(records, key=key)]
    RESULTS.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def identity(record: Record) -> "tuple[str, str, str]":
    """What a later answer takes the place of: the same question to the same version, but for its last numbers."""
    number = ".".join(version(record).split(".")[:2])
    return record["question"], record.get("program") or record["asked"], number


def measure(programs: List[Program], questions: List[str]) -> None:
    machine.adopt_orphans()
    today = time.strftime("%Y-%m-%d")
    for program in programs:
        for question in questions:
            try:
                installed = program.version()
                found = list(QUESTIONS[question](program))
            except (NotHere, OSError) as absence:
                print(f"{program.name}: left out: not installed: {absence}")
                break
            finally:
                machine.end_all()
            base: Dict[str, Any] = {"question": question}
            records = [{**base, **it, "version": installed, "measured": today} for it in found]
            for record in records:
                print(json.dumps(record, ensure_ascii=False))
            new = {identity(record) for record in records}
            save([it for it in load() if identity(it) not in new] + records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["programs", "measure", "page"])
    parser.add_argument("words", nargs="*")
    parser.add_argument("-q", "--question", action="append", choices=list(QUESTIONS))
    arguments = parser.parse_intermixed_args()
    chosen = [
        program
        for program in PROGRAMS
        if not arguments.words or any(program.name.lower().startswith(word.lower()) for word in arguments.words)
    ]
    if arguments.what == "page":
        PAGE.write_text(page.text(load()))
    elif arguments.what == "measure":
        measure(chosen, arguments.question or list(QUESTIONS))
    else:
        for program in chosen:
            try:
                print(f"{program.name}: {program.version()}")
            except NotHere as absence:
                print(f"{program.name}: not installed ({absence})")


if __name__ == "__main__":
    main()
