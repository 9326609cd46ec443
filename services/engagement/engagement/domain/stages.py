"""How far an opportunity is: stages that are entered by evidence, and what is missing when they are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from servicekit.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime, timedelta
    from uuid import UUID

CONTRACT_NO_CHARS_MAX = 64
AMOUNT_MINOR_MAX = 10**15


class UnknownStage(NotFound):
    """The lead has no opportunity, and so no stage."""

    def __init__(self, lead_id: UUID) -> None:
        super().__init__(f"lead {lead_id} has no stage")


class Unknown(Invalid):
    """A word that the machine does not know."""

    def __init__(self, what: str, word: str, known: Iterable[str]) -> None:
        super().__init__(f"{what}: {word!r} is none of {', '.join(known)}")


class UnusableDeal(Invalid):
    """Figures of a deal that can never be right; the text says which."""


class StageMoved(Conflict):
    """Somebody else was faster: the opportunity is at another stage, or at another move."""

    def __init__(self, stage: str, move_count: int) -> None:
        super().__init__(f"the opportunity is at {stage} after {move_count} moves")


class Refused(Conflict):
    """A move that is not made; the text names everything that is missing."""

    def __init__(self, to: str, missing: Sequence[str]) -> None:
        self.missing = list(missing)
        super().__init__(f"not moved to {to}: {'; '.join(missing)}")


class Closed(Conflict):
    """A deal that is won, lost, joined or withdrawn is not moved."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the deal is {state}")


class Cause(IntEnum):
    """What moved an opportunity; the numbers are kept in the database."""

    BY_HAND = 1
    SAID = 2
    CONTRACT = 3
    PAYMENT = 4
    OPENED = 5


@dataclass(frozen=True, slots=True)
class DocumentAsked:
    """A document that must be on record, with people of these roles in it."""

    kind: str
    roles: frozenset[str] = frozenset()

    def is_met_by(self, document: Document) -> bool:
        """Whether a document is that."""
        return document.kind == self.kind and self.roles <= document.roles

    def __str__(self) -> str:
        roles = f" with {', '.join(sorted(self.roles))}" if self.roles else ""
        return f"document {self.kind}{roles}"


@dataclass(frozen=True, slots=True)
class Document:
    """A document about an opportunity: its SHA-256, and who is in it; the file is kept elsewhere."""

    kind: str
    roles: frozenset[str]
    sha256: str


@dataclass(frozen=True, slots=True)
class Deal:
    """What a deal is about; `amount_minor` is in fen or the currency's smallest unit."""

    amount_minor: int | None = None
    currency: str = "CNY"
    contract_no: str = ""
    closes_on: date | None = None

    def check(self) -> None:
        """Raises `UnusableDeal`."""
        if self.amount_minor is not None and not 0 < self.amount_minor <= AMOUNT_MINOR_MAX:
            raise UnusableDeal(f"amount: 1 to {AMOUNT_MINOR_MAX} of the smallest unit")
        if not (len(self.currency) == 3 and self.currency.isalpha() and self.currency.isupper()):
            raise UnusableDeal("currency: three capital letters, such as CNY")
        if len(self.contract_no) > CONTRACT_NO_CHARS_MAX:
            raise UnusableDeal(f"contract_no: at most {CONTRACT_NO_CHARS_MAX} characters")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: where to from here, what to show on entering, and what to have done on leaving."""

    stage_id: str
    zh: str
    en: str
    to: tuple[str, ...]
    one_of: tuple[DocumentAsked, ...] = ()
    points: int = 0
    deal: tuple[str, ...] = ()
    actions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    checkpoint: DocumentAsked | None = None


@dataclass(frozen=True, slots=True)
class SaidRule:
    """Words of a customer that move on by themselves (FU-13, FU-14)."""

    words: tuple[str, ...]
    within: timedelta
    origins: frozenset[str]
    to: str
    once_in: timedelta


@dataclass(frozen=True, slots=True)
class PartDue:
    """One part of a payment plan."""

    part: str
    percent: int
    due_days: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an opportunity is, with all that has been shown so far; `move_count` counts its moves."""

    lead_id: UUID
    stage: str
    since: datetime
    move_count: int = 0
    deal: Deal = Deal()
    done: frozenset[str] = frozenset()
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Machine:
    """The stages in force, in their order."""

    version: int
    stages: Mapping[str, Stage]
    points: Mapping[str, int]
    point_names: Mapping[str, tuple[str, str]]
    said: SaidRule
    signed_stage: str
    paid_stage: str
    deposit_percent: int
    payment_plan: Sequence[PartDue]
    overdue_after: timedelta
    loop_more_than: int
    loop_within: timedelta
    lost: Sequence[str]

    @property
    def first(self) -> str:
        """Where every opportunity begins."""
        return next(iter(self.stages))

    def stage(self, stage_id: str) -> Stage:
        """A stage; one that a later version left out goes nowhere but on as the first does."""
        return self.stages.get(stage_id) or self.stages[self.first]

    def is_before(self, stage_id: str, other: str) -> bool:
        """Whether a stage comes before another; one that is known no longer comes before all."""
        order = list(self.stages)
        return stage_id not in order or order.index(stage_id) < order.index(other)

    def score(self, standing: Standing) -> int:
        """The points that were earned (FU-19)."""
        return sum(self.points.get(action, 0) for action in standing.done)

    def check_action(self, action: str) -> None:
        """Raises `Unknown` for an action that neither a stage nor the points know."""
        known = [*self.points, *(each for stage in self.stages.values() for each in stage.actions)]
        if action not in known:
            raise Unknown("action", action, known)

    def missing(self, standing: Standing, to: str) -> list[str]:
        """Everything that keeps an opportunity from a stage, by hand; raises `Unknown`."""
        if to not in self.stages:
            raise Unknown("stage", to, self.stages)
        here, there = self.stage(standing.stage), self.stages[to]
        if to not in here.to:
            follows = ", ".join(here.to) or "nothing"
            return [f"{to} does not follow {here.stage_id}; {follows} does"]
        if not self.is_before(standing.stage, to):
            return []
        return [*self._undone(standing, here), *self._unshown(standing, there)]

    def _undone(self, standing: Standing, here: Stage) -> list[str]:
        undone = [f"action {action}" for action in here.actions if action not in standing.done]
        if here.checkpoint and not _has(standing, here.checkpoint):
            undone.append(str(here.checkpoint))
        return undone

    def _unshown(self, standing: Standing, there: Stage) -> list[str]:
        unshown = []
        if there.one_of and not any(_has(standing, asked) for asked in there.one_of):
            unshown.append(" or ".join(map(str, there.one_of)))
        if (earned := self.score(standing)) < there.points:
            unshown.append(f"{there.points} points ({earned} earned)")
        return unshown + self.deal_missing(standing.deal, there.stage_id)

    def deal_missing(self, deal: Deal, stage_id: str) -> list[str]:
        """What a stage wants to know of the deal and is not told (FU-23)."""
        told = {
            "amount": deal.amount_minor is not None,
            "contract_no": bool(deal.contract_no),
            "closes_on": deal.closes_on is not None,
        }
        return [name for name in self.stages[stage_id].deal if not told[name]]

    def deposit_minor(self, amount_minor: int) -> int:
        """What must be paid of an amount for the deal to be won, rounded up (FU-21)."""
        return -(-amount_minor * self.deposit_percent // 100)


def _has(standing: Standing, asked: DocumentAsked) -> bool:
    return any(asked.is_met_by(document) for document in standing.documents)


@dataclass(frozen=True, slots=True)
class Stay:
    """An open opportunity that is at its stage for too long (FU-17)."""

    lead_id: UUID
    golden_id: str
    owner_id: str | None
    stage: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """A move that was made; `evidence` names what was shown for it."""

    lead_id: UUID
    move_no: int
    origin: str
    to: str
    cause: Cause
    moved_at: datetime
    moved_by: str
    machine_version: int
    evidence: tuple[str, ...] = ()


def is_looping(machine: Machine, entered_at: Sequence[datetime], now: datetime) -> bool:
    """Whether a stage was come back to too often (FU-18): `entered_at` are all entries into it, the newest included.

    It is said once, when the limit is passed; not again until fewer remain in the span.
    """
    within = [at for at in entered_at if now - at <= machine.loop_within]
    returns = len(within) - (1 if len(within) == len(entered_at) else 0)
    return returns == machine.loop_more_than + 1
