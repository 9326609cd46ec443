"""What operators ask and set: audits of subscriptions, expectations, and who may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from leadchain.intake.v1 import channel_events_pb2 as events
from leadchain.intake.v1 import watching_service_pb2 as pb
from servicekit.testing.waiting import eventually

APP_ID, PAGE_ID = "100200300", "51044240199134611"


def subscribe(watched: Any) -> None:
    path = watched.intake.paths["facebook_leadgen"]
    watched.business.subscribe(
        app_id=APP_ID, page_id=PAGE_ID, callback_url=f"https://leads.example.com{path}"
    )


async def audited(watched: Any, channel: str = "") -> dict[str, pb.AuditedAccount]:
    answer = await watched.rpc.AuditSubscriptions(pb.AuditSubscriptionsRequest(channel=channel))
    return {each.channel: each for each in answer.accounts}


async def once_known(watched: Any) -> None:
    """Waits until the running service has read the account's settings."""

    async def known() -> bool:
        account = (await audited(watched))["facebook_leadgen"]
        return account.subscription_reason != "not_configured"

    await eventually(known, what="the account is read")


async def test_a_subscription_that_is_lost_is_told_and_told_again_when_found(watched: Any) -> None:
    subscribe(watched)
    await once_known(watched)

    watched.business.subscriptions.clear()
    (lost,) = await watched.told("SubscriptionLost")
    subscribe(watched)
    (found,) = await watched.told("SubscriptionFound")

    assert events.SubscriptionLost.FromString(lost).reason == "not_subscribed"
    assert events.SubscriptionFound.FromString(found).channel == "facebook_leadgen"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda app, _page: app.update(active=False), "inactive"),
        (
            lambda app, _page: app.update(callback_url="https://example.com/old"),
            "callback_elsewhere",
        ),
        (lambda app, _page: app.update(object="user"), "not_subscribed"),
        (lambda app, _page: app.update(fields=[{"name": "feed"}]), "field_missing"),
        (lambda _app, page: page.update(subscribed_fields=["feed"]), "field_missing"),
        (lambda _app, page: page.update(id="1"), "page_not_subscribed"),
    ],
    ids=["inactive", "elsewhere", "user", "other field", "page's other field", "page"],
)
async def test_an_audit_says_what_is_wrong(start_watched: Any, damage: Any, reason: str) -> None:
    async with start_watched() as watched:
        subscribe(watched)
        await once_known(watched)
        damage(
            watched.business.subscriptions[APP_ID][0], watched.business.subscribed_apps[PAGE_ID][0]
        )

        account = (await audited(watched, "facebook_leadgen"))["facebook_leadgen"]

        assert account.subscription == pb.SUBSCRIPTION_STATE_LOST
        assert account.subscription_reason == reason


async def test_an_audit_shows_how_each_account_stands(watched: Any, samples: Any) -> None:
    subscribe(watched)
    await watched.has_history(hourly=60)
    await once_known(watched)
    await watched.compared()

    accounts = await audited(watched)

    page, form = accounts["facebook_leadgen"], accounts["website_form"]
    assert page.subscription == pb.SUBSCRIPTION_STATE_FOUND
    assert page.HasField("compared_until")
    assert not page.pull_failure
    assert 50 < page.expected_gap_s < 130
    assert form.subscription == pb.SUBSCRIPTION_STATE_NOT_AUDITABLE
    assert not form.HasField("compared_until")
    assert form.is_live
    assert form.mapping_version >= 1


async def test_an_own_limit_goes_before_statistics_and_a_muted_account_is_not_told(
    watched: Any,
) -> None:
    place = {"channel": "facebook_leadgen", "account": "main"}
    muted = pb.SetExpectationRequest(**place, silent_after_s=600)
    muted.muted_until.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    await watched.rpc.SetExpectation(muted)
    await watched.falls_silent(for_s=1000)

    async def looked_twice() -> bool:
        looked = await watched.intake.rows.fetchval(
            "select counted_until > $1 from traffic_counted", since
        )
        return bool(looked)

    since = datetime.now(UTC) - timedelta(seconds=15)
    await eventually(looked_twice, what="the watch has looked")
    assert not (await watched.rpc.ListSilences(pb.ListSilencesRequest())).silences

    await watched.rpc.SetExpectation(pb.SetExpectationRequest(**place, silent_after_s=600))

    (payload,) = await watched.told("ChannelSilent")
    assert events.ChannelSilent.FromString(payload).reason == "limit_passed"


async def test_bad_expectations_are_refused(watched: Any) -> None:
    unknown = pb.SetExpectationRequest(channel="facebook_leadgen", account="nobody")
    negative = pb.SetExpectationRequest(
        channel="facebook_leadgen", account="main", silent_after_s=-1
    )

    for request, code in (
        (unknown, grpc.StatusCode.NOT_FOUND),
        (negative, grpc.StatusCode.INVALID_ARGUMENT),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await watched.rpc.SetExpectation(request)
        assert refused.value.code() is code


async def test_deliveries_are_counted_by_the_hour_once(watched: Any, samples: Any) -> None:
    for number in range(5):
        await watched.intake.post_page(samples.page_event(f"c{number}"))
    await watched.intake.rows.execute(
        "update deliveries set received_at = now() - interval '1 hour'; delete from traffic_hours; "
        "update traffic_counted set counted_until = now() - interval '2 hours'"
    )

    async def counted() -> bool:
        return (
            await watched.intake.rows.fetchval("select sum(delivery_count) from traffic_hours") == 5
        )

    await eventually(counted, deadline_s=30, what="the deliveries are counted")
