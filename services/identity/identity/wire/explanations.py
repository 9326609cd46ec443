"""Explanations: domain to protobuf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from leadchain.identity.v1 import explanation_service_pb2 as pb
from matchkit.scoring import Outcome

from identity.wire.references import (
    customer_face,
    judgement,
    moment,
    record_face,
    regrouping,
)

if TYPE_CHECKING:
    from matchkit.scoring import FieldEvidence

    from identity.domain.evidence import Step
    from identity.queries.comparing import Comparison
    from identity.queries.explaining import How, Why, WhyNot

_FINDINGS: Final = {
    Outcome.ACCEPT: pb.FINDING_ACCEPTED,
    Outcome.REVIEW: pb.FINDING_REVIEW,
    Outcome.REJECT: pb.FINDING_REJECTED,
    Outcome.VETO: pb.FINDING_VETOED,
}
_COUNTINGS: Final = {
    "yes": pb.COUNTING_COUNTED,
    "hidden": pb.COUNTING_HIDDEN,
    "hub": pb.COUNTING_GENERIC,
    "missing": pb.COUNTING_MISSING,
}


def why_response(found: Why) -> pb.WhyResponse:
    """Why two records are of one customer."""
    return pb.WhyResponse(
        a=record_face(found.a),
        b=record_face(found.b),
        is_one_customer=found.is_one_customer,
        is_one_record=found.direct is None,
        direct=None if found.direct is None else comparison(found.direct),
        path=map(comparison, found.path),
        judgements=map(judgement, found.judgements),
    )


def why_not_response(found: WhyNot) -> pb.WhyNotResponse:
    """Why they are not."""
    return pb.WhyNotResponse(
        a=record_face(found.a),
        b=record_face(found.b),
        obstacle=pb.Obstacle.ValueType(found.obstacle),
        bits_short=found.bits_short,
        direct=None if found.direct is None else comparison(found.direct),
        a_key_rules=found.a_rules,
        b_key_rules=found.b_rules,
        judgements=map(judgement, found.judgements),
    )


def how_response(found: How) -> pb.HowResponse:
    """How a customer came to be."""
    return pb.HowResponse(
        customer=customer_face(found.customer),
        records=map(record_face, found.records),
        steps=[_step(number, step) for number, step in enumerate(found.steps, 1)],
        regroupings=map(regrouping, found.regroupings),
        judgements=map(judgement, found.judgements),
    )


def comparison(found: Comparison) -> pb.Comparison:
    """Two records compared."""
    assessment, edge = found.explanation.assessment, found.edge
    return pb.Comparison(
        a=found.a,
        b=found.b,
        kind=pb.EvidenceKind.ValueType(0 if edge is None else edge.kind),
        finding=_FINDINGS[assessment.outcome],
        veto=assessment.veto,
        prior_bits=found.explanation.prior_bits,
        bits=assessment.bits,
        posterior=assessment.posterior,
        fields=map(_field, found.explanation.fields),
        shared_keys=[
            pb.SharedKey(rule=key.rule, is_generic=key.is_generic) for key in found.shared
        ],
        model_version=found.explanation.model_version,
        kept_model_version="" if edge is None else edge.model_version,
        made_at=None if edge is None else moment(edge.made_at),
    )


def _field(evidence: FieldEvidence) -> pb.FieldComparison:
    return pb.FieldComparison(
        field=evidence.field,
        level=evidence.level,
        m=evidence.m,
        u=evidence.u,
        frequency=evidence.frequency or 0.0,
        bits=evidence.bits,
        counting=_COUNTINGS[evidence.counted],
    )


def _step(number: int, step: Step) -> pb.MergeStep:
    edge = step.edge
    return pb.MergeStep(
        step=number,
        left_step=step.left_step,
        right_step=step.right_step,
        left_record_count=step.left_count,
        right_record_count=step.right_count,
        a=edge.a,
        b=edge.b,
        kind=pb.EvidenceKind.ValueType(edge.kind),
        bits=edge.bits,
        posterior=edge.posterior,
        made_at=moment(edge.made_at),
    )
