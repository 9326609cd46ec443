"""Routing rules, what is wrong with them and what they would change, as they travel."""

from __future__ import annotations

from datetime import UTC
from itertools import islice
from typing import TYPE_CHECKING

from leadchain.assignment.v1 import events_pb2 as pb
from leadchain.assignment.v1 import rules_service_pb2 as rpc_pb
from servicekit.errors import Invalid

from assignment.domain.simulation import ASSUMPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from assignment.domain.gaps import Gap
    from assignment.domain.simulation import Comparison, Outcome, PastLead
    from assignment.policies import InvalidPolicy
    from assignment.store.rules import KeptRules

CHANGES_MAX = 1000
GAPS_MAX = 200
LEADS_USUAL = 10_000
LEADS_MAX = 50_000


def rules_published(kept: KeptRules, *, previous: int) -> pb.RoutingRulesPublished:
    """The fact that other rules are in force."""
    return pb.RoutingRulesPublished(
        version=kept.version,
        previous_version=previous,
        restored_version=kept.restored_version or 0,
        sha256=kept.sha256.hex(),
        published_by=kept.published_by,
        approval_id=kept.approval_id,
    )


def since(request: rpc_pb.SimulateRulesRequest) -> datetime:
    """From when on leads are routed again; raises `Invalid` when nobody said."""
    if not request.HasField("since"):
        raise Invalid("since is missing")
    return request.since.ToDatetime(tzinfo=UTC)


def leads_max(request: rpc_pb.SimulateRulesRequest) -> int:
    """How many leads are routed again at most."""
    return min(request.leads_max or LEADS_USUAL, LEADS_MAX)


def check_response(
    faults: Sequence[InvalidPolicy], gaps: Sequence[Gap], *, sha256: bytes, version_in_force: int
) -> rpc_pb.CheckRulesResponse:
    """What a document is worth."""
    return rpc_pb.CheckRulesResponse(
        faults=[
            rpc_pb.RuleFault(line=fault.line, path=fault.path, reason=fault.reason)
            for fault in faults
        ],
        sha256=sha256.hex(),
        version_in_force=version_in_force,
        gaps=[str(gap) for gap in gaps[:GAPS_MAX]],
    )


def simulation_response(
    comparison: Comparison, *, version_in_force: int
) -> rpc_pb.SimulateRulesResponse:
    """What a trial has shown."""
    changes = list(comparison.changes())
    return rpc_pb.SimulateRulesResponse(
        lead_count=len(comparison.past),
        changed_count=len(changes),
        in_force_waiting_count=sum(each.owner is None for each in comparison.in_force),
        proposed_waiting_count=sum(each.owner is None for each in comparison.proposed),
        loads=[
            rpc_pb.SimulatedLoad(
                rep_id=rep_id, real_count=real, in_force_count=before, proposed_count=after
            )
            for rep_id, (real, before, after) in comparison.loads().items()
        ],
        changes=[_change(*each) for each in islice(changes, CHANGES_MAX)],
        assumptions=ASSUMPTIONS,
        version_in_force=version_in_force,
    )


def list_response(
    versions: Iterable[KeptRules], *, version_in_force: int
) -> rpc_pb.ListRulesResponse:
    """Every version."""
    return rpc_pb.ListRulesResponse(
        versions=[_version(kept, version_in_force) for kept in versions]
    )


def get_response(kept: KeptRules, *, version_in_force: int) -> rpc_pb.GetRulesResponse:
    """One version with its document."""
    return rpc_pb.GetRulesResponse(version=_version(kept, version_in_force), document=kept.document)


def _version(kept: KeptRules, in_force: int) -> rpc_pb.RulesVersion:
    message = rpc_pb.RulesVersion(
        version=kept.version,
        sha256=kept.sha256.hex(),
        published_by=kept.published_by,
        approval_id=kept.approval_id,
        is_in_force=kept.version == in_force,
        restored_version=kept.restored_version or 0,
    )
    message.published_at.FromDatetime(kept.published_at)
    return message


def _change(past: PastLead, before: Outcome, after: Outcome) -> rpc_pb.SimulatedChange:
    return rpc_pb.SimulatedChange(
        lead_id=str(past.lead.lead_id),
        real_assignee_id=past.owner or "",
        in_force_assignee_id=before.owner or "",
        proposed_assignee_id=after.owner or "",
        in_force_rule_id=before.rule_id,
        proposed_rule_id=after.rule_id,
    )
