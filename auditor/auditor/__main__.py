"""The command line of the auditor."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.findings import Incomplete
from auditor.notes import read_keys
from auditor.verification import verify

if TYPE_CHECKING:
    from auditor.findings import Report

WHOLE, TAMPERED, INCOMPLETE = 0, 2, 3


def main() -> int:
    """Verifies a dump; 0 is whole, 2 is tampered with, 3 is incomplete."""
    options = _parser().parse_args()
    try:
        keys = read_keys(_text(options.keys).splitlines()) if options.keys else {}
        published = _published(options.checkpoints) if options.checkpoints else []
        report = verify(options.dump, published=published, keys=keys, processes=options.processes)
    except Incomplete as problem:
        sys.stdout.write(f"incomplete: {problem}\n")
        return INCOMPLETE
    sys.stdout.write(_words(report))
    return TAMPERED if report.findings else WHOLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="leadchain-audit", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("verify", help="verify a dump of the audit log")
    command.add_argument("dump", type=Path)
    command.add_argument(
        "--checkpoints", type=Path, help='published elsewhere: JSON lines {"note": ...}'
    )
    command.add_argument("--keys", type=Path, help="known keys, one a line: name+id+base64")
    command.add_argument("--processes", type=int, default=0, help="0 for one on each core")
    return parser


def _published(file: Path) -> list[str]:
    try:
        return [str(json.loads(line)["note"]) for line in _text(file).splitlines() if line]
    except (ValueError, KeyError, TypeError):
        raise Incomplete(f"{file.name} is not made of checkpoints") from None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Incomplete(f"{file.name} cannot be read") from None


def _words(report: Report) -> str:
    first = report.first
    if first is not None:
        return f"tampered: {first}\n"
    rate = report.entries / report.seconds if report.seconds else 0
    lines = [
        f"whole: {report.entries} entries, sealed up to {report.sealed_size}",
        f"checked {report.checkpoints} checkpoints, {report.cosignatures} witness signatures,",
        f"{report.state} parts of the state, at {rate:,.0f} entries/s",
    ]
    if not report.is_key_trusted:
        lines.append("the log's own word was taken for its first key: give --keys to check it")
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
