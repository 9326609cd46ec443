"""Between the contracts of forms and what lead-intake decides about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.intake.v1 import form_events_pb2 as events
from leadchain.intake.v1 import forms_service_pb2 as pb

from lead_intake.domain.compatibility import Compatibility
from lead_intake.domain.schema_changes import Effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lead_intake.domain.canaries import Numbers
    from lead_intake.domain.compatibility import ClientVerdict, ReplayVerdict
    from lead_intake.domain.forms import GuardMode
    from lead_intake.queries.forms import Report, Standing
    from lead_intake.store.form_canaries import Canary
    from lead_intake.store.form_traffic import CountedCaller
    from lead_intake.store.forms import NewVersion, PublishedVersion

_COMPATIBILITY = {
    Compatibility.UNAFFECTED: pb.COMPATIBILITY_UNAFFECTED,
    Compatibility.COMPATIBLE: pb.COMPATIBILITY_COMPATIBLE,
    Compatibility.UNDECIDED: pb.COMPATIBILITY_UNDECIDED,
    Compatibility.BREAKING: pb.COMPATIBILITY_BREAKING,
}
_EFFECTS = {
    Effect.HARMLESS: pb.CHANGE_EFFECT_HARMLESS,
    Effect.BREAKING: pb.CHANGE_EFFECT_BREAKING,
    Effect.UNDECIDED: pb.CHANGE_EFFECT_UNDECIDED,
}


def published(
    form: str, new: NewVersion, *, old_sha256: bytes, percent: int, by: str
) -> events.FormPublished:
    """The fact that a version was published, by the approval `by`."""
    return events.FormPublished(
        form=form,
        version=new.version,
        old_sha256=old_sha256,
        new_sha256=new.sha256,
        canary_percent=percent,
        approval_id=by,
    )


def promoted(canary: Canary, *, replaced: int, reason: str) -> events.FormPromoted:
    """The fact that a canary judges everything now."""
    return events.FormPromoted(
        form=canary.form,
        version=canary.version,
        replaced_version=replaced,
        reason=reason,
        numbers=_numbers(canary.numbers),
    )


def rolled_back(canary: Canary, *, kept: int, reason: str) -> events.FormRolledBack:
    """The fact that a canary was taken back."""
    return events.FormRolledBack(
        form=canary.form,
        version=canary.version,
        kept_version=kept,
        reason=reason,
        numbers=_numbers(canary.numbers),
    )


def guard_changed(
    form: str, modes: tuple[GuardMode, GuardMode], origin: str, by: str
) -> events.FormGuardChanged:
    """The fact that a form's posts are guarded otherwise, by the approval `by`; `modes` are the old and the new one."""
    old, new = modes
    return events.FormGuardChanged(
        form=form,
        old_mode=old.value,
        new_mode=new.value,
        exempted_origin=origin,
        approval_id=by,
    )


def check_response(report: Report) -> pb.CheckFormResponse:
    """What a check says."""
    return pb.CheckFormResponse(
        version=report.version,
        sha256=report.sha256.hex(),
        compatibility=_COMPATIBILITY[report.worst],
        clients=[_client(each) for each in report.clients],
        replays=[_replay(each) for each in report.replays],
    )


def forms_response(standings: Sequence[Standing]) -> pb.ListFormsResponse:
    """Every form."""
    return pb.ListFormsResponse(forms=[_form(each) for each in standings])


def callers_response(callers: Sequence[CountedCaller]) -> pb.ListFormCallersResponse:
    """Whose posts the guard objected to."""
    response = pb.ListFormCallersResponse()
    for each in callers:
        caller = response.callers.add(
            form=each.caller.form,
            origin_host=each.caller.origin_host,
            client_version=each.caller.client_version,
            agent_family=each.caller.agent_family,
            cause=each.caller.cause.value,
            count=each.count,
        )
        caller.first_seen_at.FromDatetime(each.first_seen_at)
        caller.last_seen_at.FromDatetime(each.last_seen_at)
    return response


def _numbers(numbers: Numbers) -> events.CanaryNumbers:
    return events.CanaryNumbers(
        new_checked_count=numbers.new_checked,
        new_failed_count=numbers.new_failed,
        old_checked_count=numbers.old_checked,
        old_failed_count=numbers.old_failed,
    )


def _client(verdict: ClientVerdict) -> pb.ClientVerdict:
    return pb.ClientVerdict(
        client=verdict.client,
        old_version=verdict.old_version,
        new_version=verdict.new_version,
        compatibility=_COMPATIBILITY[verdict.compatibility],
        changes=[
            pb.SchemaChange(
                pointer=each.pointer,
                kind=each.kind,
                effect=_EFFECTS[each.effect],
                reason=each.reason,
            )
            for each in verdict.changes
        ],
    )


def _replay(verdict: ReplayVerdict) -> pb.ReplayVerdict:
    return pb.ReplayVerdict(
        client=verdict.client,
        checked_count=verdict.checked_count,
        failing_count=verdict.failing_count,
        failing_ratio=verdict.failing_ratio,
        places=[
            pb.FailingPlace(
                pointer=each.violation.pointer, rule=each.violation.rule, count=each.count
            )
            for each in verdict.places
        ],
    )


def _form(standing: Standing) -> pb.Form:
    form = pb.Form(
        form=standing.form.name,
        channel=standing.listed.channel,
        account=standing.listed.account,
        live_version=standing.form.live_version,
        oldest_supported=standing.form.oldest_supported,
        guard_mode=standing.form.guard_mode.value,
        exempt_origins=sorted(standing.form.exempt_origins),
        versions=[_version(each, standing) for each in standing.versions],
    )
    if standing.canary is not None:
        form.canary.version = standing.canary.version
        form.canary.percent = standing.canary.percent
        form.canary.ends_at.FromDatetime(standing.canary.ends_at)
        form.canary.numbers.CopyFrom(_numbers(standing.canary.numbers))
    return form


def _version(published: PublishedVersion, standing: Standing) -> pb.FormVersion:
    version = pb.FormVersion(
        version=published.version,
        stage=published.stage.value,
        sha256=published.sha256.hex(),
        min_client=standing.form.versions[published.version].document.min_client,
        published_by=published.published_by,
    )
    version.published_at.FromDatetime(published.published_at)
    return version
