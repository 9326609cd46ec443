"""Between the contracts of watching and what lead-intake knows of its channels."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from leadchain.intake.v1 import channel_events_pb2, watching_service_pb2
from servicekit.errors import Invalid

from lead_intake.domain.silence import Expectation
from lead_intake.domain.silence_subscriptions import SubscriptionState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from google.protobuf.timestamp_pb2 import Timestamp

    from lead_intake.domain.silence_subscriptions import Finding
    from lead_intake.queries.silence import Standing
    from lead_intake.store.silence import EndedSilence, KeptSilence

_STATES = {
    SubscriptionState.NOT_ASKED: watching_service_pb2.SUBSCRIPTION_STATE_UNKNOWN,
    SubscriptionState.FOUND: watching_service_pb2.SUBSCRIPTION_STATE_FOUND,
    SubscriptionState.LOST: watching_service_pb2.SUBSCRIPTION_STATE_LOST,
    SubscriptionState.UNKNOWN: watching_service_pb2.SUBSCRIPTION_STATE_UNKNOWN,
}


def channel_silent(silence: KeptSilence, *, now: datetime) -> channel_events_pb2.ChannelSilent:
    """The event of a new silence."""
    event = channel_events_pb2.ChannelSilent(
        channel=silence.channel,
        account=silence.account,
        expected_gap_s=silence.expected_gap_s,
        probability=silence.probability,
        reason=silence.reason,
    )
    if silence.last_delivery_at is not None:
        event.silent_for_s = (now - silence.last_delivery_at).total_seconds()
    _stamp(event.last_delivery_at, silence.last_delivery_at)
    return event


def channel_resumed(ended: EndedSilence) -> channel_events_pb2.ChannelResumed:
    """The event of a silence's end."""
    return channel_events_pb2.ChannelResumed(
        channel=ended.channel, account=ended.account, silent_for_s=max(0.0, ended.silent_for_s)
    )


def subscription_event(
    finding: Finding, *, channel: str, account: str
) -> channel_events_pb2.SubscriptionLost | channel_events_pb2.SubscriptionFound:
    """The event of a subscription that was lost or found again."""
    if finding.is_lost:
        return channel_events_pb2.SubscriptionLost(
            channel=channel, account=account, reason=finding.reason
        )
    return channel_events_pb2.SubscriptionFound(channel=channel, account=account)


def silences_response(
    silences: Sequence[KeptSilence],
) -> watching_service_pb2.ListSilencesResponse:
    """Silences, in the order given."""
    response = watching_service_pb2.ListSilencesResponse()
    for each in silences:
        silence = response.silences.add(
            channel=each.channel,
            account=each.account,
            expected_gap_s=each.expected_gap_s,
            probability=each.probability,
            reason=each.reason,
        )
        _stamp(silence.last_delivery_at, each.last_delivery_at)
        _stamp(silence.raised_at, each.raised_at)
        _stamp(silence.ended_at, each.ended_at)
    return response


def audit_response(
    standings: Sequence[Standing],
) -> watching_service_pb2.AuditSubscriptionsResponse:
    """How accounts stand, in the order given."""
    response = watching_service_pb2.AuditSubscriptionsResponse()
    for each in standings:
        _add_standing(response, each)
    return response


def expectation(request: watching_service_pb2.SetExpectationRequest) -> Expectation:
    """What an operator expects of an account; raises `Invalid`."""
    if request.silent_after_s < 0:
        raise Invalid("silent_after_s is not negative")
    muted_until = (
        request.muted_until.ToDatetime(tzinfo=UTC) if request.HasField("muted_until") else None
    )
    return Expectation(request.silent_after_s or None, muted_until)


def _add_standing(
    response: watching_service_pb2.AuditSubscriptionsResponse, standing: Standing
) -> None:
    account = response.accounts.add(
        channel=standing.channel,
        account=standing.account,
        is_live=standing.is_live,
        expected_gap_s=standing.expected_gap_s,
        is_silent=standing.is_silent,
        mapping_version=standing.mapping_version,
    )
    _stamp(account.last_delivery_at, standing.last_delivery_at)
    _stamp(account.muted_until, standing.muted_until)
    if not standing.is_auditable:
        account.subscription = watching_service_pb2.SUBSCRIPTION_STATE_NOT_AUDITABLE
    elif standing.subscription is not None:
        account.subscription = _STATES[standing.subscription.state]
        account.subscription_reason = standing.subscription.reason
    else:
        account.subscription = watching_service_pb2.SUBSCRIPTION_STATE_UNKNOWN
    if standing.pull is not None:
        _stamp(account.compared_until, standing.pull.compared_until)
        account.pull_failure = standing.pull.failure


def _stamp(stamp: Timestamp, moment: datetime | None) -> None:
    if moment is not None:
        stamp.FromDatetime(moment)
