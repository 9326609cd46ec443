"""`leadctl identity generate`: made-up Chinese business customers and who they really are, as two files."""

from __future__ import annotations

import csv
from pathlib import Path  # noqa: TC003 - Typer reads it from the signature
from typing import TYPE_CHECKING, Annotated

import typer

from leadctl.presentation import screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def generate_customers(
    customers: Annotated[int, typer.Option(min=1, max=5_000_000, help="True customers.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="CSV of the records.")],
    truth: Annotated[Path, typer.Option(dir_okay=False, help="CSV: row id, true customer.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same files.")] = 1,
) -> None:
    """Generate labelled records of five systems; every person, number and firm in them is invented."""
    from matchkit.synthetic import generate
    from matchkit.synthetic.difficulty import difficulty
    from matchkit.synthetic.records import FIELDS, raw

    records = generate(customers=customers, seed=seed)
    rows = ((each.key, raw(each)) for each in records)
    _write(
        out,
        ("id", *FIELDS),
        ((key, *(_cell(values.get(name, "")) for name in FIELDS)) for key, values in rows),
    )
    _write(truth, ("id", "customer"), ((each.key, str(each.customer)) for each in records))
    found = difficulty(records)
    screen().print(
        f"{len(records)} records of {customers} customers written to {out.name}; {found.duplicate_share:.1%} of them"
        f" are duplicates, {found.unlinkable} share nothing with any other of their customer"
    )


def _cell(value: str | list[str]) -> str:
    from matchkit.tables import BETWEEN_VALUES

    return value if isinstance(value, str) else BETWEEN_VALUES.join(value)


def _write(path: Path, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(heading)
        table.writerows(rows)
