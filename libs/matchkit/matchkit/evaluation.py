"""How well a partition meets the truth; every figure comes with its denominator."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence


class Ratio(msgspec.Struct, frozen=True):
    """A share with its denominator; 1.0 of nothing."""

    part: int
    whole: int

    @property
    def share(self) -> float:
        """The share, between 0 and 1."""
        return self.part / self.whole if self.whole else 1.0


class Agreement(msgspec.Struct, frozen=True):
    """Precision (right among found), recall (right among true) and their harmonic mean."""

    precision: Ratio
    recall: Ratio

    @property
    def f1(self) -> float:
        """Twice what is right, over found and true together."""
        whole = self.precision.whole + self.recall.whole
        return 2 * self.precision.part / whole if whole else 1.0


class Report(msgspec.Struct, frozen=True):
    """A partition beside the truth.

    `pairs` counts pairs of records put together; `customers` counts customers found exactly.
    `over_merged` are the records that share a customer with a majority they do not belong to;
    `duplicates_before` and `duplicates_after` are the records, or customers found, that are one
    too many for their true customer, of all records, or of all customers found.
    """

    records: int
    true_customers: int
    found_customers: int
    pairs: Agreement
    customers: Agreement
    over_merged: Ratio
    duplicates_before: Ratio
    duplicates_after: Ratio


class OrderReport(msgspec.Struct, frozen=True):
    """Of `shuffles` orders, those that gave another partition; `records` are grouped otherwise."""

    shuffles: int
    differing: int
    records: int


def evaluate(truth: Mapping[int, Hashable], found: Iterable[Collection[int]]) -> Report:
    """Compares customers found with the true customer of each record.

    Every record of `truth` must be in exactly one customer found; a missing one counts as alone.
    """
    parts = _complete(truth, found)
    true_parts = _by_customer(truth)
    together = [Counter(truth[at] for at in part) for part in parts]
    right = sum(_pairs(times) for counts in together for times in counts.values())
    exact = len(set(map(frozenset, parts)) & set(map(frozenset, true_parts)))
    return Report(
        records=len(truth),
        true_customers=len(true_parts),
        found_customers=len(parts),
        pairs=Agreement(
            Ratio(right, sum(_pairs(len(part)) for part in parts)),
            Ratio(right, sum(_pairs(len(part)) for part in true_parts)),
        ),
        customers=Agreement(Ratio(exact, len(parts)), Ratio(exact, len(true_parts))),
        over_merged=Ratio(_strangers(together), len(truth)),
        duplicates_before=Ratio(len(truth) - len(true_parts), len(truth)),
        duplicates_after=_residual(together, len(parts)),
    )


def order_sensitivity(partitions: Sequence[Iterable[Collection[int]]]) -> OrderReport:
    """Compares the partitions of several orders with the first one's."""
    if not partitions:
        return OrderReport(0, 0, 0)
    first, *others = [_part_of_each(parts) for parts in partitions]
    differing = [{at for at in first if other.get(at) != first[at]} for other in others]
    return OrderReport(
        len(others), sum(map(bool, differing)), len(set().union(*differing) if differing else ())
    )


def _complete(
    truth: Mapping[int, Hashable], found: Iterable[Collection[int]]
) -> list[Collection[int]]:
    parts = list(found)
    seen = {at for part in parts for at in part}
    return [*parts, *((at,) for at in truth if at not in seen)]


def _by_customer(truth: Mapping[int, Hashable]) -> list[list[int]]:
    members: dict[Hashable, list[int]] = {}
    for at, customer in truth.items():
        members.setdefault(customer, []).append(at)
    return list(members.values())


def _pairs(records: int) -> int:
    return records * (records - 1) // 2


def _strangers(together: Iterable[Counter[Hashable]]) -> int:
    return sum(counts.total() - max(counts.values()) for counts in together)


def _residual(together: Sequence[Counter[Hashable]], found: int) -> Ratio:
    """Customers found beyond the first one in which a true customer is the majority."""
    owners = Counter(max(sorted(counts, key=str), key=counts.__getitem__) for counts in together)
    return Ratio(sum(times - 1 for times in owners.values()), found)


def _part_of_each(parts: Iterable[Collection[int]]) -> dict[int, frozenset[int]]:
    return {at: whole for part in parts for whole in (frozenset(part),) for at in whole}
