"""What other systems say happened between us and somebody: payments, contracts, tickets, contacts; and leads' fates.

A fact belongs to nobody by itself. It keeps the keyed identifiers of whom it is about, and is every customer's who has
one of them now; so customers may merge and split without a fact being touched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

REFERENCE_CHARS_MAX = 200
WORD_CHARS_MAX = 100
TOKENS_MAX = 32
"""Identifiers of one fact; whoever names more is named well enough by the first of them."""


class FactKind(IntEnum):
    """What sort of fact; the numbers are kept in the database."""

    PAYMENT = 1
    CONTRACT = 2
    TICKET = 3
    INTERACTION = 4


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact as far as it is known.

    `fact_id` is a keyed digest of what the system calls it: the same fact told twice has one. `status` and `word` are
    the words of the contract or of the system: a ticket's status and type, an interaction's kind and action. Of two
    tellings the one of the higher `rank` stands, then the one `stated_at` later. `detail` is the system's own id,
    sealed.
    """

    fact_id: UUID
    kind: FactKind
    system: str
    status: str
    happened_at: datetime
    stated_at: datetime
    tokens: frozenset[int]
    rank: int = 0
    word: str = ""
    reference: str = ""
    detail: bytes = b""
    amount_minor: int | None = None
    currency: str = ""
    closed_at: datetime | None = None
    duration_s: int | None = None
    is_inbound: bool | None = None
    person: str = ""

    @property
    def age(self) -> tuple[int, datetime]:
        """By what the later of two tellings is known."""
        return (self.rank, self.stated_at)


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a telling is about, as far as it says: keyed identifiers, and a reference in our own terms."""

    tokens: frozenset[int]
    reference: str


def meant(reference: str) -> UUID | str | None:
    """The lead (its UUID) or the customer (Golden or master id) that a reference names; None when it names neither."""
    kind, _, name = reference.partition(":")
    if kind == "customer" and name:
        return name
    if kind != "lead":
        return None
    try:
        return UUID(name)
    except ValueError:
        return None


def settled(facts: Iterable[Fact]) -> list[Fact]:
    """One telling of each fact, the latest, with the identifiers of all; in the order of their ids.

    In that order two transactions that tell of the same facts wait for each other, not in a circle.
    """
    latest: dict[UUID, Fact] = {}
    for fact in facts:
        known = latest.get(fact.fact_id)
        if known is not None:
            newer = max(known, fact, key=lambda told: told.age)
            fact = replace(newer, tokens=known.tokens | fact.tokens)  # noqa: PLW2901 - both of them in one
        latest[fact.fact_id] = fact
    return sorted(latest.values(), key=lambda fact: fact.fact_id)


@dataclass(frozen=True, slots=True)
class Assigned:
    """A lead was given to somebody, for the `assignment_no`th time."""

    lead_id: UUID
    assignee_id: str
    assignment_no: int


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a lead is by right, and what their lease is in; `audit_seq` orders what permissions states."""

    lead_id: UUID
    owner_id: str
    lease_state: str
    audit_seq: int


@dataclass(frozen=True, slots=True)
class Contacted:
    """Somebody made contact about a lead."""

    lead_id: UUID
    rep_id: str
    contacted_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A lead goes on as part of another (`into_lead_id`), or its import was undone (None)."""

    lead_id: UUID
    into_lead_id: UUID | None
