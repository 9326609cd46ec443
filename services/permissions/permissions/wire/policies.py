"""Protobuf to domain and back: versions of the policy, and how they compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.permissions.v1 import policies_service_pb2 as pb

from permissions.commands.publishing import Publication
from permissions.domain.policies import Stage
from permissions.queries.policies import NUMBER_MAX
from permissions.queries.trials import FACTS_SHOWN_MAX, Trial
from permissions.wire.decisions import asked

if TYPE_CHECKING:
    from permissions.domain.policies import Disagreement, Version
    from permissions.queries.policies import DisagreementsPage
    from permissions.queries.trials import Comparison

_STAGES = {
    Stage.DRAFT: pb.POLICY_STAGE_DRAFT,
    Stage.SHADOW: pb.POLICY_STAGE_SHADOW,
    Stage.LIVE: pb.POLICY_STAGE_LIVE,
    Stage.RETIRED: pb.POLICY_STAGE_RETIRED,
}


def number(version: int) -> int:
    """A version's number; above what can be kept it is the largest, which no version has."""
    return min(version, NUMBER_MAX)


def policy_version(version: Version) -> pb.PolicyVersion:
    """A version as a message."""
    message = pb.PolicyVersion(
        version=version.number,
        stage=_STAGES[version.stage],
        proposed_by=version.proposed_by,
        seq=version.seq,
        document=version.document,
    )
    message.proposed_at.FromDatetime(version.proposed_at)
    if version.tried_at is not None:
        message.tried_at.FromDatetime(version.tried_at)
    return message


def trial(request: pb.DryRunRequest) -> Trial:
    """What a request wants tried; raises `MalformedQuestion` or `BadName`."""
    questions = [asked(check).question for check in request.questions]
    return Trial(request.document, number(request.version), questions, request.sample_size)


def publication(request: pb.PublishPolicyRequest) -> Publication:
    """Which version a request publishes, and how."""
    return Publication(number(request.version), request.approval_id, request.force, request.reason)


def return_to(request: pb.RollBackRequest) -> Publication:
    """Which version a request goes back to."""
    return Publication(number(request.version), request.approval_id, reason=request.reason)


def dry_run_response(comparison: Comparison) -> pb.DryRunResponse:
    """A comparison as an answer."""
    return pb.DryRunResponse(
        disagreements=[_disagreement(each) for each in comparison.disagreements],
        question_count=comparison.question_count,
        disagreement_count=comparison.disagreement_count,
        complete=comparison.complete,
        refused_facts=[str(fact) for fact in comparison.refused[:FACTS_SHOWN_MAX]],
        refused_fact_count=len(comparison.refused),
    )


def disagreements_response(page: DisagreementsPage) -> pb.ListDisagreementsResponse:
    """Kinds of disagreement as an answer."""
    return pb.ListDisagreementsResponse(
        disagreements=[_disagreement(each) for each in page.disagreements], complete=page.complete
    )


def _disagreement(found: Disagreement) -> pb.PolicyDisagreement:
    message = pb.PolicyDisagreement(
        resource_type=found.kind.resource_type,
        action=found.kind.action,
        live_answer=found.kind.live_answer,
        answer=found.kind.answer,
        subject_id=found.subject_id,
        resource_id=found.resource_id,
        count=found.count,
        live_version=found.kind.live_version,
    )
    message.last_at.FromDatetime(found.last_at)
    return message
