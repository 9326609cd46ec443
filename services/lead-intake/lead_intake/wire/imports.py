"""Between the contracts and imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadchain.intake.v1 import events_pb2, import_events_pb2
from leadchain.intake.v1 import imports_service_pb2 as pb

from lead_intake.domain.imports import Counts, ImportState, Outcome
from lead_intake.wire.stamps import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from lead_intake.domain.imports import Import
    from lead_intake.importing.templates import Template
    from lead_intake.queries.imports import Standing
    from lead_intake.queries.imports_preview import Looked, Verdict
    from lead_intake.seals import Seals

_OUTCOMES = {
    Outcome.ACCEPTED: pb.ROW_OUTCOME_ACCEPTED,
    Outcome.UPDATED: pb.ROW_OUTCOME_UPDATED,
    Outcome.DUPLICATE: pb.ROW_OUTCOME_DUPLICATE,
    Outcome.REJECTED: pb.ROW_OUTCOME_REJECTED,
    Outcome.QUARANTINED: pb.ROW_OUTCOME_QUARANTINED,
}
_STATES = {
    ImportState.UPLOADING: pb.IMPORT_STATE_UPLOADING,
    ImportState.UPLOADED: pb.IMPORT_STATE_UPLOADED,
    ImportState.RUNNING: pb.IMPORT_STATE_RUNNING,
    ImportState.FINISHED: pb.IMPORT_STATE_FINISHED,
    ImportState.CANCELLED: pb.IMPORT_STATE_CANCELLED,
    ImportState.FAILED: pb.IMPORT_STATE_FAILED,
    ImportState.UNDOING: pb.IMPORT_STATE_UNDOING,
    ImportState.UNDONE: pb.IMPORT_STATE_UNDONE,
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a file as it arrives."""

    import_id: str
    number: int
    content: bytes


def part(request: pb.UploadImportRequest) -> Part:
    """A part from its message."""
    return Part(request.import_id, request.part_number, request.content)


def state(value: ImportState) -> pb.ImportState.ValueType:
    """Where an import stands, in the contract's words."""
    return _STATES[value]


def counts(value: Counts) -> import_events_pb2.ImportCounts:
    """Outcomes, counted."""
    return import_events_pb2.ImportCounts(
        accepted_count=value.accepted,
        updated_count=value.updated,
        duplicate_count=value.duplicate,
        rejected_count=value.rejected,
        quarantined_count=value.quarantined,
    )


def progress(standing: Standing) -> pb.ImportProgress:
    """How an import stands."""
    one, tally = standing.one, standing.tally
    message = pb.ImportProgress(
        import_id=str(one.import_id),
        channel=one.channel,
        account=one.account,
        file_name=standing.file_name,
        size_bytes=one.size_bytes,
        state=_STATES[one.state],
        template=one.template,
        created_by=one.created_by,
        read_count=tally.read,
        done_count=tally.done,
        counts=counts(tally.counts),
        done_share=standing.done_share,
        rows_per_s=standing.rows_per_s,
        remaining_s=standing.remaining_s,
        problem=one.problem,
        withdrawn_count=one.withdrawn_count,
        kept_count=one.kept_count,
    )
    stamp(message.created_at, one.created_at)
    stamp(message.started_at, one.started_at)
    stamp(message.finished_at, one.finished_at)
    return message


def list_response(found: Sequence[Standing], next_page_token: str) -> pb.ListImportsResponse:
    """A page of imports."""
    return pb.ListImportsResponse(imports=map(progress, found), next_page_token=next_page_token)


def preview_response(looked: Looked) -> pb.PreviewImportResponse:
    """A batch of verdicts."""
    response = pb.PreviewImportResponse(
        verdicts=map(_verdict, looked.verdicts), template=looked.template
    )
    for header, name in looked.columns:
        response.columns.add(header=header, field=name)
    if looked.totals is not None:
        response.totals.CopyFrom(counts(looked.totals))
        response.has_more_rows = looked.has_more_rows
    return response


def templates_response(templates: Iterable[Template]) -> pb.ListImportTemplatesResponse:
    """What kinds of files are known."""
    response = pb.ListImportTemplatesResponse()
    for each in templates:
        response.templates.add(
            template=each.template,
            version=each.version,
            title=each.title,
            is_experimental=each.is_experimental,
        )
    return response


def finished(one: Import, tally: Counts) -> import_events_pb2.ImportFinished:
    """Every row has its outcome."""
    return import_events_pb2.ImportFinished(
        import_id=str(one.import_id),
        channel=one.channel,
        account=one.account,
        template=one.template,
        created_by=one.created_by,
        counts=counts(tally),
    )


def says_the_same(
    known: bytes,
    now: events_pb2.LeadFacts,
    lead_id: UUID,
    *,
    seals: Seals,
    inquired_at: datetime | None,
) -> bool:
    """Whether what a lead said and what it says now differ in nothing but when it was stated.

    `known` are stored facts; both contacts are sealed for the same lead. `inquired_at` is None where no time was said.
    """
    before, after = events_pb2.LeadFacts.FromString(known), events_pb2.LeadFacts()
    after.CopyFrom(now)
    contacts = [seals.ring.open(each.sealed_contact, lead_id.bytes) for each in (before, after)]
    for facts in (before, after):
        for name in ("sealed_contact", "received_at", "mapping_version"):
            facts.ClearField(name)
        if inquired_at is None:
            facts.ClearField("inquired_at")
    said = [events_pb2.Contact.FromString(each) for each in contacts]
    return before == after and said[0] == said[1]


def _verdict(verdict: Verdict) -> pb.RowVerdict:
    return pb.RowVerdict(
        row_number=verdict.row_number,
        outcome=_OUTCOMES[verdict.outcome],
        reason=verdict.reason,
        field=verdict.field,
        repeats_row=verdict.repeats_row,
        repeats_lead_id=verdict.repeats_lead_id,
        name_display=verdict.name_display,
        phone_display=verdict.phone_display,
        region=verdict.region,
    )
