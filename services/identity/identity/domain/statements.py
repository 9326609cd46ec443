"""What a source says about a customer, and what became of saying it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from identity.domain.customers import MatchBasis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from identity.domain.golden import Source

LEADS = "lead"
"""The system whose rows are our own leads; the key is the lead's id."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one row of one system says at a time.

    `fields` maps canonical names (`name`, `phone`, `other_phones`, `masked_phone`, `email`, `company`, `uscc`,
    `resident_id`, `passport`, `wechat`, `openid`, `unionid`, `external_userid`, `province`, `city`, `district`,
    `address`, `honorific`, and attributes of business such as `credit_limit`) to text; several phones are separated by
    a comma. `modified_at` is the source's clock, `received_at` ours. `actor` is who changed it, as far as known.
    """

    system: str
    source_key: str
    fields: Mapping[str, str]
    modified_at: datetime
    received_at: datetime
    actor: str = ""
    lead_id: UUID | None = None
    is_deleted: bool = False


def lead_gone(lead_id: UUID, *, modified_at: datetime, now: datetime) -> Statement:
    """That a lead states nothing any more; never older than what it stated last, at `modified_at`."""
    return Statement(
        system=LEADS,
        source_key=str(lead_id),
        fields={},
        modified_at=max(modified_at, now),
        received_at=now,
        lead_id=lead_id,
        is_deleted=True,
    )


class Change(IntEnum):
    """What a statement did to its source."""

    NEW = 1
    UPDATED = 2
    UNCHANGED = 3
    STALE = 4  # older than what the source said already; kept as history
    DELETED = 5


class Resolved(NamedTuple):
    """Whose statement it is; `record_id` is 0 when nothing is held of its source any more."""

    statement: Statement
    source_id: int
    record_id: int
    customer_id: int
    golden_id: str
    master_id: str
    change: Change
    basis: MatchBasis = MatchBasis.NEW


class Newcomer(NamedTuple):
    """A new customer, and everything that their sources say."""

    golden_id: str
    sources: Sequence[Source]


@dataclass(frozen=True, slots=True)
class Regrouped:
    """What a transaction did to customers, for whoever follows them in the same transaction.

    `touched` are the living customers whose members, values or Golden ID changed; `created` those of them that are
    new, and `newcomers` those of whom all that is known was stated in this transaction. `merged` maps a customer that
    is gone to the one that took it in, `parted` a new customer to the one it left.
    """

    touched: frozenset[int]
    created: frozenset[int]
    merged: Mapping[int, int]
    parted: Mapping[int, int]
    actor: str
    reason: str
    newcomers: Mapping[int, Newcomer] = field(default_factory=dict)
