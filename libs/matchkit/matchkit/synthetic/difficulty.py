"""What a generated set amounts to: how many of its records nobody could place, and who they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matchkit.kinds.company import COMPANY
from matchkit.kinds.person_name import PERSON_NAME
from matchkit.kinds.phone import PHONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from matchkit.synthetic.records import Labelled

IDENTIFIERS = ("email", "resident_id", "wechat", "openid", "unionid")


@dataclass(frozen=True, slots=True)
class Difficulty:
    """Counts of records; `unlinkable` have siblings but share no telephone, account, mail address or firm with any."""

    records: int
    customers: int
    with_siblings: int
    unlinkable: int

    @property
    def duplicate_share(self) -> float:
        """Records beyond the first of their customer."""
        return 1 - self.customers / self.records


def difficulty(records: Iterable[Labelled]) -> Difficulty:
    """The difficulty of a set; raises `ZeroDivisionError` from its shares when it is empty."""
    by_customer: dict[int, list[set[tuple[str, str]]]] = {}
    for record in records:
        by_customer.setdefault(record.customer, []).append(set(_clues(record)))
    several = [found for found in by_customer.values() if len(found) > 1]
    unlinkable = sum(
        all(mine.isdisjoint(other) for other in found if other is not mine)
        for found in several
        for mine in found
    )
    return Difficulty(
        records=sum(len(found) for found in by_customer.values()),
        customers=len(by_customer),
        with_siblings=sum(len(found) for found in several),
        unlinkable=unlinkable,
    )


def _clues(record: Labelled) -> Iterator[tuple[str, str]]:
    """What could lead to another record of the customer: a number, an account, a firm under which the name stands."""
    values = record.values
    for field in ("phone", "other_phones"):
        number = PHONE.normalise(values.get(field, ""))
        if number is not None:
            yield "phone", number
            yield from (("phone", each) for each in PHONE.parts["deletions"](number))
    for field in IDENTIFIERS:
        if field in values:
            yield field, values[field]
    if PERSON_NAME.normalise(values.get("name", "")) is not None:
        if "uscc" in values:
            yield "uscc", values["uscc"]
        company = COMPANY.normalise(values.get("company", ""))
        if company is not None:
            yield from (("firm", each) for each in COMPANY.parts["brand"](company))
