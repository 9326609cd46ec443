"""Mappings and their trials to protobuf."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.intake.v1 import mappings_service_pb2 as pb

from lead_intake.commands.mappings import Checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lead_intake.commands.mappings import Progress, Published
    from lead_intake.domain.mappings import Trial
    from lead_intake.store.mappings import PublishedMapping


def check_response(told: Progress | Checked) -> pb.CheckMappingResponse:
    """How far a trial is, or what it found."""
    if not isinstance(told, Checked):
        return pb.CheckMappingResponse(
            checked_count=told.checked_count, total_count=told.total_count
        )
    result = _result(told)
    total = (
        result.quarantined_checked_count + result.accepted_checked_count + result.unreadable_count
    )
    return pb.CheckMappingResponse(checked_count=total, total_count=total, result=result)


def published_response(published: Published) -> pb.PublishMappingResponse:
    """The mapping in force."""
    return pb.PublishMappingResponse(version=published.version, is_repeated=published.is_repeated)


def mappings_response(mappings: Sequence[PublishedMapping]) -> pb.ListMappingsResponse:
    """Every mapping of an account."""
    return pb.ListMappingsResponse(mappings=[_mapping(each) for each in mappings])


def mapping_response(mapping: PublishedMapping) -> pb.GetMappingResponse:
    """One mapping with its document."""
    return pb.GetMappingResponse(mapping=_mapping(mapping), document=mapping.document)


def _mapping(mapping: PublishedMapping) -> pb.MappingVersion:
    message = pb.MappingVersion(
        version=mapping.version,
        sha256=mapping.sha256.hex(),
        published_by=mapping.published_by,
        approval_id=mapping.approval_id,
    )
    message.published_at.FromDatetime(mapping.published_at)
    if mapping.retired_at is not None:
        message.retired_at.FromDatetime(mapping.retired_at)
    return message


def _result(checked: Checked) -> pb.MappingCheck:
    trial = checked.trial
    return pb.MappingCheck(
        sha256=checked.sha256.hex(),
        base_version=checked.base_version,
        quarantined_checked_count=trial.quarantined_checked_count,
        accepted_checked_count=trial.accepted_checked_count,
        unreadable_count=trial.unreadable_count,
        outcomes=_outcomes(trial),
        differences=[
            pb.FieldDifference(field=name, item_count=count)
            for name, count in trial.differences.most_common()
        ],
        examples=[
            pb.FieldExample(
                lead_id=str(each.lead_id), field=each.field, before=each.before, after=each.after
            )
            for each in trial.examples
        ],
        rescued_count=trial.rescued_count,
        rescued_ids=[str(each) for each in trial.rescued_ids],
        newly_quarantined_count=trial.newly_quarantined_count,
        newly_quarantined_ids=[str(each) for each in trial.newly_quarantined_ids],
    )


def _outcomes(trial: Trial) -> list[pb.OutcomeCount]:
    return [
        pb.OutcomeCount(
            outcome=name, before_count=trial.before[name], after_count=trial.after[name]
        )
        for name in sorted(trial.before.keys() | trial.after.keys())
    ]
