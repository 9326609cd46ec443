"""Golden records, their history and their policies: protobuf to domain and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from leadchain.identity.v1 import golden_records_service_pb2 as pb
from leadchain.identity.v1.customer_events_pb2 import CustomerChanged
from servicekit.errors import Invalid

from identity.domain.golden_changes import NoSuchChange
from identity.domain.golden_policies import NoSuchPolicy
from identity.domain.masks import masked
from identity.domain.survivorship import Rule
from identity.store.golden_history import Sought
from identity.wire.references import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from identity.domain.golden import Value
    from identity.domain.golden_changes import FieldChange, PastChange
    from identity.domain.golden_policies import Trial
    from identity.queries.golden import ChangePage, Golden, PolicyView
    from identity.store.golden import Standing
    from identity.store.golden_policies import PublishedPolicy

    Masks = Callable[[str], Collection[str]]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_S = 86_400
FILTER_CHARS_MAX = 200
CHANGE_ID_MAX = 2**63 - 1
VERSION_MAX = 2**31 - 1
_RULES = {
    Rule.PIN: pb.SURVIVORSHIP_RULE_PIN,
    Rule.OWNER: pb.SURVIVORSHIP_RULE_OWNER,
    Rule.ONLY_VALUE: pb.SURVIVORSHIP_RULE_ONLY_VALUE,
    Rule.ALL: pb.SURVIVORSHIP_RULE_ALL,
    Rule.NEWEST: pb.SURVIVORSHIP_RULE_NEWEST,
    Rule.SOURCE_ORDER: pb.SURVIVORSHIP_RULE_SOURCE_ORDER,
    Rule.LONGEST: pb.SURVIVORSHIP_RULE_LONGEST,
    Rule.MOST_FREQUENT: pb.SURVIVORSHIP_RULE_MOST_FREQUENT,
    Rule.LEXICAL: pb.SURVIVORSHIP_RULE_LEXICAL,
}


def customer_changed(
    standing: Standing, changes: Sequence[FieldChange], *, actor: str, at: datetime
) -> CustomerChanged:
    """The event that tells which fields changed; of several values the one that was changed last names its system.

    `actor` is named when no value came in the place of the old ones.
    """
    event = CustomerChanged(
        golden_id=standing.golden_id,
        fields=[each.field for each in changes],
        actor=actor,
        version=standing.version,
    )
    _put(event.occurred_at, at)
    news = [each.new for each in changes if each.new is not None]
    if news:
        newest = max(news, key=lambda value: (value.modified_at, value.system, value.text))
        event.system = newest.system
        event.actor = newest.actor
        _put(event.modified_at, newest.modified_at)
    return event


def _put(stamp: Timestamp, at: datetime) -> None:
    """As `FromDatetime` does, at a tenth of its cost: an import publishes thousands of these."""
    since = at - EPOCH
    stamp.seconds = since.days * DAY_S + since.seconds
    stamp.nanos = since.microseconds * 1_000


def asked_at(stamp: Timestamp) -> datetime:
    """The time that a request names; raises `Invalid`."""
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Invalid("a time is out of range") from None


def change_id(number: int) -> int:
    """The change that a request names; raises `NoSuchChange` for a number that none can have."""
    if not 0 < number <= CHANGE_ID_MAX:
        raise NoSuchChange
    return number


def policy_version(number: int) -> int:
    """The version that a request names; raises `NoSuchPolicy` for a number that none can have."""
    if number > VERSION_MAX:
        raise NoSuchPolicy
    return number


def sought(request: pb.SearchChangesRequest) -> Sought:
    """Which changes are sought; raises `Invalid`."""
    for name in ("field", "system", "actor"):
        text = getattr(request, name)
        if len(text) > FILTER_CHARS_MAX or not text.isprintable():
            raise Invalid(f"{name} is not one")
    return Sought(
        request.field,
        request.system,
        request.actor,
        asked_at(request.since) if request.HasField("since") else None,
        asked_at(request.until) if request.HasField("until") else None,
    )


def record_response(golden: Golden, masks: Masks) -> pb.GetGoldenRecordResponse:
    """A golden record; `masks` gives the fields of a customer that the caller sees masked."""
    hidden = masks(golden.customer.golden_id)
    values = [
        _value(name, value, golden.keys, hidden) for name, value in golden.record.values.items()
    ]
    for value in values:
        value.pin_reason = golden.pin_reasons.get(value.field, "")
    return pb.GetGoldenRecordResponse(
        golden_id=golden.customer.golden_id,
        master_id=golden.customer.master_id,
        values=values,
        version=golden.version,
        policy_version=golden.record.policy_version,
        refreshed_at=moment(golden.refreshed_at),
    )


def changes_response(page: ChangePage, masks: Masks) -> pb.ListChangesResponse:
    """A page of one customer's changes."""
    return pb.ListChangesResponse(
        changes=_changes(page, masks), next_page_token=page.next_page_token
    )


def search_response(page: ChangePage, masks: Masks) -> pb.SearchChangesResponse:
    """A page of all customers' changes."""
    return pb.SearchChangesResponse(
        changes=_changes(page, masks), next_page_token=page.next_page_token
    )


def policy_response(view: PolicyView) -> pb.GetSurvivorshipPolicyResponse:
    """A policy and how far it is followed."""
    version = pb.SurvivorshipPolicyVersion(version=view.version)
    return pb.GetSurvivorshipPolicyResponse(
        version=_published(view.publication) if view.publication else version,
        document=view.document,
        is_in_force=view.is_in_force,
        behind_count=view.behind_count,
        published=map(_published, view.published),
    )


def preview_response(trial: Trial, *, is_last: bool) -> pb.PreviewSurvivorshipPolicyResponse:
    """Where a trial stands; what it found comes last."""
    found = trial.differences() if is_last else []
    return pb.PreviewSurvivorshipPolicyResponse(
        checked_count=trial.checked_count,
        changed_count=trial.changed_count,
        differences=[
            pb.SurvivorshipDifference(
                field=each.field, customer_count=each.customer_count, golden_ids=each.golden_ids
            )
            for each in found
        ],
        is_last=is_last,
        base_version=trial.base_version,
    )


def kept(row: Any) -> dict[str, Any]:
    """What is kept of one golden record, as its person is told."""
    return {
        "master_id": row["master_id"],
        "golden_record_version": row["version"],
        "golden_record_made_at": row["refreshed_at"].isoformat(),
        "golden_changes_kept": row["change_count"],
    }


def _changes(page: ChangePage, masks: Masks) -> list[pb.GoldenChange]:
    return [_change(each, page.keys, masks(each.golden_id)) for each in page.changes]


def _change(
    change: PastChange, keys: Mapping[int, str], hidden: Collection[str]
) -> pb.GoldenChange:
    name = change.field
    return pb.GoldenChange(
        change_id=change.change_id,
        golden_id=change.golden_id,
        field=name,
        cause=pb.ChangeCause.ValueType(change.cause),
        system=change.system,
        actor=change.actor,
        modified_at=moment(change.modified_at),
        received_at=moment(change.received_at),
        changed_at=moment(change.changed_at),
        old=None if change.old is None else _value(name, change.old, keys, hidden),
        new=None if change.new is None else _value(name, change.new, keys, hidden),
        is_erased=change.is_erased,
    )


def _value(
    name: str, value: Value, keys: Mapping[int, str], hidden: Collection[str]
) -> pb.GoldenValue:
    is_masked = name in hidden
    return pb.GoldenValue(
        field=name,
        text=masked(name, value.text) if is_masked else value.text,
        is_masked=is_masked,
        rule=_RULES[value.rule],
        system=value.system,
        source_key=keys.get(value.source_id or 0, ""),
        modified_at=moment(value.modified_at),
        received_at=moment(value.received_at),
        actor=value.actor,
        loser_count=value.loser_count,
    )


def _published(policy: PublishedPolicy) -> pb.SurvivorshipPolicyVersion:
    return pb.SurvivorshipPolicyVersion(
        version=policy.version,
        replaced_version=policy.replaced_version,
        published_by=policy.published_by,
        reason=policy.reason,
        published_at=moment(policy.published_at),
    )
