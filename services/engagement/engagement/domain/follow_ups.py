"""Follow-ups (跟进): what was said in four boxes (FU-01), the evidence for it, and whether it counts (FU-06)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

from servicekit.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from engagement.domain.places import Place

WORDS_CHARS_MAX = 500
EVIDENCE_MAX = 10
ATTACHMENT_BYTES_MAX = 20 * 1024 * 1024
VISIT_S_MAX = 24 * 3600


class EvidenceKind(IntEnum):
    """What speaks for a follow-up; the numbers are kept in the database."""

    CALL = 1
    FORM = 2
    ATTACHMENT = 3
    CHAT = 4
    VISIT = 5
    MEETING = 6


REPORTED = frozenset({EvidenceKind.CALL, EvidenceKind.CHAT, EvidenceKind.MEETING})
"""Kinds of which another system tells: what a rep claims counts once that system has told of it, too."""


class UnknownFollowUp(NotFound):
    """There is no such follow-up."""

    def __init__(self, follow_up_id: UUID) -> None:
        super().__init__(f"no follow-up {follow_up_id}")


class FollowUpTaken(AlreadyExists):
    """A follow-up of this id says something else."""

    def __init__(self, follow_up_id: UUID) -> None:
        super().__init__(f"follow-up {follow_up_id} is on record and says something else")


class NotTheAuthor(Forbidden):
    """Whoever wrote a follow-up corrects it, and nobody else."""

    def __init__(self, follow_up_id: UUID) -> None:
        super().__init__(f"only its author corrects follow-up {follow_up_id}")


class OpportunityClosed(Conflict):
    """The opportunity goes on as part of another, or is none."""

    def __init__(self, lead_id: UUID, state: str) -> None:
        super().__init__(f"the opportunity of lead {lead_id} is {state}: nothing is recorded there")


class UnknownWord(Invalid):
    """A box holds what the policy does not offer."""

    def __init__(self, box: str, word: str, offered: Iterable[str]) -> None:
        super().__init__(f"{box}: {word!r} is none of {', '.join(offered)}")


class UnusableFollowUp(Invalid):
    """A follow-up that can never be recorded; the text says what is missing."""


class EvidenceMissing(Conflict):
    """Evidence that is named and is not on record, is another customer's, or proves another follow-up already."""


class TooFarAway(Conflict):
    """A visit that was not at the customer's (FU-04)."""

    def __init__(self, distance_m: float, within_m: int) -> None:
        super().__init__(
            f"the visit was {distance_m:.0f} m from the customer's address; at most {within_m} m count"
        )


@dataclass(frozen=True, slots=True)
class Box:
    """One box: a word that the policy offers, and details in the rep's own words, which are personal."""

    word: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """The four boxes of a follow-up (FU-01); `due_at` is when the next action is due, None where nobody said."""

    objection: Box
    response: Box
    next_action: Box
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence.

    `seconds` are those of a call, meeting or visit, `message_count` the customer's messages of a chat, `distance_m`
    that of a visit. `reference` names a form, or is an attachment's SHA-256 in hex; the file is kept where it was put.
    `contact_id` is the reported contact that confirms it; without one, a kind in `REPORTED` is a claim.
    """

    kind: EvidenceKind
    contact_id: UUID | None = None
    seconds: int | None = None
    message_count: int | None = None
    reference: str = ""
    media_type: str = ""
    size_bytes: int | None = None
    distance_m: float | None = None

    @property
    def is_confirmed(self) -> bool:
        """Whether more speaks for it than the rep's word."""
        return self.contact_id is not None or self.kind not in REPORTED


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a rep says that they were, and for how long; None where they do not say."""

    where: Place
    photo_sha256: str
    seconds: int | None = None


Claim: TypeAlias = Evidence | Visit


@dataclass(frozen=True, slots=True)
class Ask:
    """What evidence of a kind must have to count."""

    min_seconds: int = 0
    min_customer_messages: int = 0

    def holds(self, evidence: Evidence) -> bool:
        """Whether this evidence has it."""
        return (evidence.seconds or 0) >= self.min_seconds and (
            evidence.message_count or 0
        ) >= self.min_customer_messages


@dataclass(frozen=True, slots=True)
class FollowUpPolicy:
    """The rules in force; `words` are offered by box (`objection`, `response`, `next_action`)."""

    version: int
    words: Mapping[str, Sequence[str]]
    any_of: int
    asks: Mapping[EvidenceKind, Ask]
    contact: frozenset[EvidenceKind]
    visit_within_m: int
    confirm_within: timedelta
    stale_after: timedelta

    def counted(self, evidence: Iterable[Evidence]) -> frozenset[EvidenceKind]:
        """The kinds of evidence that count."""
        return frozenset(
            each.kind
            for each in evidence
            if each.is_confirmed and (ask := self.asks.get(each.kind)) and ask.holds(each)
        )

    def is_effective(self, evidence: Iterable[Evidence]) -> bool:
        """Whether enough kinds count for an effective follow-up (FU-06)."""
        return len(self.counted(evidence)) >= self.any_of

    def is_contact(self, evidence: Iterable[Evidence]) -> bool:
        """Whether contact was made, by the rep's own word or more."""
        return any(each.kind in self.contact for each in evidence)

    def check(self, statement: Statement) -> None:
        """Raises `UnknownWord` or `UnusableFollowUp` for what cannot be recorded."""
        boxes = {
            "objection": statement.objection,
            "response": statement.response,
            "next_action": statement.next_action,
        }
        for name, box in boxes.items():
            if box.word not in self.words[name]:
                raise UnknownWord(name, box.word, self.words[name])
            if len(box.details) > WORDS_CHARS_MAX:
                raise UnusableFollowUp(f"{name}: details are at most {WORDS_CHARS_MAX} characters")
        if statement.due_at is None:
            raise UnusableFollowUp("due_at: the next action has no date")


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One follow-up as it stands; `version` counts its wordings from 1."""

    follow_up_id: UUID
    lead_id: UUID
    author_id: str
    recorded_at: datetime
    statement: Statement
    evidence: tuple[Evidence, ...]
    is_contact: bool
    policy_version: int
    effective_at: datetime | None = None
    version: int = 1
    corrected_at: datetime | None = None

    def says_the_same(self, other: FollowUp) -> bool:
        """Whether another is this one, sent again."""
        return (
            self.lead_id == other.lead_id
            and self.author_id == other.author_id
            and self.version == 1
            and self.statement == other.statement
        )


@dataclass(frozen=True, slots=True)
class Contact:
    """A call, chat, meeting or e-mail (no `kind`) with a customer that a system told of.

    `golden_id` is empty for nobody known. `person` is our person as that system names them. `follow_up_id` is the
    follow-up that it proves.
    """

    contact_id: UUID
    golden_id: str
    kind: EvidenceKind | None
    happened_at: datetime
    person: str = ""
    seconds: int | None = None
    message_count: int | None = None
    follow_up_id: UUID | None = None


def confirmed(claim: Evidence, contact: Contact) -> Evidence:
    """A claim as the system that told of it has it; what that system leaves out does not count."""
    return replace(
        claim,
        contact_id=contact.contact_id,
        seconds=contact.seconds,
        message_count=contact.message_count,
    )


def named(claims: Sequence[Evidence]) -> list[UUID]:
    """The contacts that a follow-up names as its evidence; raises `UnusableFollowUp` when one is named twice."""
    contact_ids = [claim.contact_id for claim in claims if claim.contact_id is not None]
    if len(set(contact_ids)) < len(contact_ids):
        raise UnusableFollowUp("evidence: one contact proves one thing; it is named twice")
    return contact_ids


def check_named(
    claim: Evidence, contact: Contact | None, *, golden_id: str, follow_up_id: UUID
) -> Contact:
    """The contact that a claim names; raises `EvidenceMissing` saying what is wrong with it."""
    if contact is None:
        raise EvidenceMissing(f"no {claim.kind.name.lower()} {claim.contact_id} was reported")
    if contact.golden_id != golden_id:
        raise EvidenceMissing(f"contact {claim.contact_id} is with another customer")
    if contact.kind is not claim.kind:
        raise EvidenceMissing(f"contact {claim.contact_id} is no {claim.kind.name.lower()}")
    if contact.follow_up_id not in (None, follow_up_id):
        raise EvidenceMissing(
            f"contact {claim.contact_id} proves follow-up {contact.follow_up_id} already"
        )
    return contact


@dataclass
class Pairing:
    """Finds for claims the contacts that confirm them: each for one claim, the nearest in time first."""

    within: timedelta
    contacts: list[Contact] = field(default_factory=list)

    def take(self, kind: EvidenceKind, at: datetime) -> Contact | None:
        """The free contact of a kind nearest to a time, and within reach of it; it is free no longer."""
        near = [
            contact
            for contact in self.contacts
            if contact.kind is kind and abs(contact.happened_at - at) <= self.within
        ]
        if not near:
            return None
        best = min(near, key=lambda contact: (abs(contact.happened_at - at), contact.contact_id))
        self.contacts.remove(best)
        return best
