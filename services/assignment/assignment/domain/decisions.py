"""A decision as it is kept, so that it can be explained later."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from assignment.domain.leads import Merged, Withdrawn
from assignment.domain.refusals import Circumstances, Grounds, refusals, standings
from assignment.domain.routing import Assigned
from assignment.domain.rules import TieBreaker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from assignment.domain.leads import LeadId, RepId, Standing, StoredLead, Traits
    from assignment.domain.refusals import Refusal
    from assignment.domain.refusals import Standing as Share
    from assignment.domain.reps import Roster
    from assignment.domain.routing import Ruling
    from assignment.domain.rules import Rule, Rules


class Outcome(IntEnum):
    """What was decided."""

    ASSIGNED = 1
    UNASSIGNABLE = 2
    MERGED = 3
    KEPT = 4
    """The owner let the clock run out and has the lead still. Only read: what nobody can take is `POOLED`."""

    WITHDRAWN = 5
    """The import that made it was undone."""

    POOLED = 6
    """Its owner lost it, and nobody has it: it is in the public pool. The cause says by whose clock."""


class Cause(IntEnum):
    """Why a lead was given to somebody; the numbers are those of the contract."""

    FIRST = 1
    CONTACT_OVERDUE = 2
    DRAINED = 3
    IMPORT_UNDONE = 4
    CUSTOMERS_MERGED = 5
    DECLINED = 6
    STICKY = 7
    """The rep had the customer's lead before."""

    ESCALATED = 8
    """The manager of the owner before has it: nobody else could take it, or it may not move on."""

    RELEASED = 9
    """Permissions took it from its owner."""

    CLAIMED = 10
    """A rep took it out of the public pool."""


OUT_OF_TURN = frozenset({Cause.STICKY, Cause.ESCALATED, Cause.CLAIMED})


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about a lead; `decision_no` counts from 1.

    `ruling` is None where no rule was asked: for a merge, a withdrawal, and a lead whose hops are used up.
    """

    lead_id: LeadId
    decision_no: int
    outcome: Outcome
    cause: Cause
    ruling: Ruling | None = None

    @property
    def assignee_id(self) -> RepId | None:
        """The chosen rep."""
        return self.ruling.rep_id if isinstance(self.ruling, Assigned) else None


@dataclass(frozen=True, slots=True)
class StepTaken:
    """One pool that a decision asked, as it is kept; see `assignment.domain.refusals.Grounds`."""

    rule_id: str
    verdicts: bytes
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A decision read back; without steps, and with None for weight, score and versions, where no rule was asked."""

    decided_at: datetime
    outcome: Outcome
    cause: Cause
    assignee_id: RepId | None
    rules_version: int | None
    roster_version: int | None
    weight: float | None
    steps: tuple[StepTaken, ...] = ()
    owners_before: frozenset[RepId] = frozenset()
    score: float | None = None
    tie_breaker: TieBreaker = TieBreaker.NONE
    pool_id: str = ""

    @property
    def rule_id(self) -> str:
        """The rule that decided; empty when none was asked."""
        return self.steps[0].rule_id if self.steps else ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with everything it was made of; `inputs` are named values without personal data."""

    decision: RecordedDecision
    inputs: Mapping[str, str]
    refusals: list[Refusal]
    standings: list[Share]


def explain(
    decision: RecordedDecision, stored: StoredLead, roster: Roster | None, rules: Rules | None
) -> Explanation:
    """Says what a decision was made of; `roster` and `rules` are those that were in force then, None if unknown."""
    refused: list[Refusal] = []
    shares: list[Share] = []
    if roster is not None:
        around = Circumstances(
            roster, stored.lead.profile, decision.decided_at, decision.owners_before
        )
        deciding = len(decision.steps) - 1
        for number, step in enumerate(decision.steps):
            rule = _rule(rules, step.rule_id)
            grounds = Grounds(step.rule_id, step.verdicts, step.counts, rule)
            # The chosen one is no refusal, nor is an eligible one whose turn it was not: the standings show those.
            refused += refusals(grounds, around)
            chosen = _whose_turn(decision) if number == deciding else None
            shares += standings(grounds, roster.reps, chosen)
        if decision.cause in OUT_OF_TURN:
            refused = [each for each in refused if each.rep_id != decision.assignee_id]
    return Explanation(decision, _inputs(decision, stored), refused, shares)


def _whose_turn(decision: RecordedDecision) -> RepId | None:
    """Who took a turn by a decision."""
    return None if decision.cause in OUT_OF_TURN else decision.assignee_id


def _rule(rules: Rules | None, rule_id: str) -> Rule | None:
    if rules is None:
        return None
    return next((r for r in rules.rules if r.rule_id == rule_id), rules.pools.get(rule_id))


def _inputs(decision: RecordedDecision, stored: StoredLead) -> dict[str, str]:
    profile = stored.lead.profile
    inputs = {
        "source_kind": profile.source_kind,
        "province": profile.province,
        "city": profile.city,
        "region_precision": profile.precision.name.lower(),
        "industry": profile.industry,
        **_traits(stored.lead.traits),
    }
    if decision.weight is not None:
        inputs["source_weight"] = f"{decision.weight:g}"
        inputs["roster_version"] = str(decision.roster_version)
    else:
        inputs.update(_without_rule(decision, stored.standing))
    return inputs


def _traits(traits: Traits) -> dict[str, str]:
    known = {"product": traits.product}
    if traits.budget is not None:
        known["budget"] = f"{traits.budget:.0f}"
    known |= {f"attributes.{name}": value for name, value in sorted(traits.attributes.items())}
    return {name: value for name, value in known.items() if value}


def _without_rule(decision: RecordedDecision, standing: Standing) -> dict[str, str]:
    match decision.outcome, standing:
        case Outcome.WITHDRAWN, Withdrawn(import_id):
            return {"import_id": str(import_id)}
        case Outcome.MERGED, Merged(into) | Withdrawn(_, into):
            return {"into_lead_id": str(into)}
        case Outcome.POOLED, _ if decision.cause is Cause.RELEASED:
            return {"pool": "released by permissions"}
        case Outcome.POOLED, _:
            return {"pool": "nobody was left to hand it on to", "hops": "used up"}
        case _:
            return {"hops": "used up"}
