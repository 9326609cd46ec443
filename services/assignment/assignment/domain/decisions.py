"""A decision as it is kept, so that it can be explained later."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from assignment.domain.leads import Merged, Withdrawn
from assignment.domain.routing import Assigned, Grounds, Ruling, refusals, standings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from assignment.domain.leads import LeadId, RepId, Standing, StoredLead
    from assignment.domain.reps import Rep
    from assignment.domain.routing import Refusal
    from assignment.domain.routing import Standing as Share


class Outcome(IntEnum):
    """What was decided."""

    ASSIGNED = 1
    UNASSIGNABLE = 2
    MERGED = 3
    KEPT = 4
    """The owner let the clock run out and keeps the lead: nobody else could take it, or it may not move again."""

    WITHDRAWN = 5
    """The import that made it was undone."""


class Cause(IntEnum):
    """Why a lead was given to somebody; the numbers are those of the contract."""

    FIRST = 1
    CONTACT_OVERDUE = 2
    DRAINED = 3
    IMPORT_UNDONE = 4
    CUSTOMERS_MERGED = 5


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
class RecordedDecision:
    """A decision read back; `grounds`, `weight` and the versions are None where no rule was asked."""

    decided_at: datetime
    outcome: Outcome
    cause: Cause
    assignee_id: RepId | None
    rules_version: int | None
    roster_version: int | None
    weight: float | None
    grounds: Grounds | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with everything it was made of; `inputs` are named values without personal data."""

    decision: RecordedDecision
    inputs: Mapping[str, str]
    refusals: list[Refusal]
    standings: list[Share]


def explain(decision: RecordedDecision, stored: StoredLead, reps: Sequence[Rep]) -> Explanation:
    """Says what a decision was made of; `reps` is the roster that was in force then, by rep id."""
    grounds = decision.grounds
    if grounds is None:
        return Explanation(decision, _inputs(decision, stored), [], [])
    # The chosen one is no refusal, and neither is an eligible one whose turn it was not: the standings show those.
    refused = refusals(grounds, reps, stored.lead.profile)
    return Explanation(decision, _inputs(decision, stored), refused, standings(grounds, reps))


def _inputs(decision: RecordedDecision, stored: StoredLead) -> dict[str, str]:
    profile = stored.lead.profile
    inputs = {
        "source_kind": profile.source_kind,
        "province": profile.province,
        "city": profile.city,
        "region_precision": profile.precision.name.lower(),
        "industry": profile.industry,
    }
    if decision.weight is not None:
        inputs["source_weight"] = f"{decision.weight:g}"
        inputs["roster_version"] = str(decision.roster_version)
    else:
        inputs.update(_without_rule(decision, stored.standing))
    return inputs


def _without_rule(decision: RecordedDecision, standing: Standing) -> dict[str, str]:
    match decision.outcome, standing:
        case Outcome.WITHDRAWN, Withdrawn(import_id):
            return {"import_id": str(import_id)}
        case Outcome.MERGED, Merged(into) | Withdrawn(_, into):
            return {"into_lead_id": str(into)}
        case _:
            return {"hops": "used up"}
