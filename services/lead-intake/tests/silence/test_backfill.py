"""A callback is deleted, the silence is noticed, and what was missed is fetched: each lead exactly once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

from lead_intake.store import pulls
from leadchain.intake.v1 import channel_events_pb2 as events
from leadchain.intake.v1 import watching_service_pb2 as pb
from servicekit.database import Database
from servicekit.testing.waiting import eventually

HOURS = 3600.0
THROTTLED, EXPIRED = 80005, 190


async def last_delivery(watched: Any) -> Any:
    async def seen() -> Any:
        return await watched.intake.rows.fetchval(
            "select last_delivery_at from accounts where account_id = $1", watched.account_id
        )

    return await eventually(seen, what="the delivery is noted")


async def pushed(watched: Any, samples: Any, *leadgen_ids: str) -> None:
    watched.advertise(*leadgen_ids)
    for leadgen_id in leadgen_ids:
        assert await watched.intake.post_page(samples.page_event(leadgen_id)) == 200


async def test_a_deleted_callback_is_noticed_and_its_leads_come_exactly_once(
    start_watched: Any, samples: Any
) -> None:
    # Comparisons are twelve seconds apart: in time is only the one that the silence asks for.
    async with start_watched(watch_scale=0.02) as watched:
        await watched.has_history()
        await pushed(watched, samples, "1", "2", "3")
        await watched.intake.settled(3)
        await watched.compared()
        await last_delivery(watched)

        watched.advertise("4", "5", "6")
        await watched.falls_silent(for_s=3 * HOURS)

        (payload,) = await watched.told("ChannelSilent")
        silent = events.ChannelSilent.FromString(payload)
        assert (silent.channel, silent.account, silent.reason) == (
            "facebook_leadgen",
            "main",
            "unlikely",
        )
        assert silent.silent_for_s > 3 * HOURS - 60
        assert 0 < silent.probability < 1e-6
        assert 60 < silent.expected_gap_s < 400
        items = await watched.intake.settled(6)
        assert sorted(item["external_id"] for item in items) == ["1", "2", "3", "4", "5", "6"]
        assert len(await watched.told("LeadReceived", count=6)) == 6


async def test_leads_that_were_listed_and_not_pushed_tell_of_a_deleted_callback_within_minutes(
    watched: Any, samples: Any
) -> None:
    await pushed(watched, samples, "1")
    await last_delivery(watched)
    await watched.falls_silent(for_s=6 * 60)

    watched.advertise("2", "3")
    await watched.intake.settled(3)
    watched.advertise("4")

    (payload,) = await watched.told("ChannelSilent")
    assert events.ChannelSilent.FromString(payload).reason == "missed"
    await watched.intake.settled(4)


async def test_a_silence_is_told_once_and_ends_with_the_next_delivery(
    watched: Any, samples: Any
) -> None:
    await watched.has_history()
    await pushed(watched, samples, "1")
    await last_delivery(watched)
    await watched.falls_silent(for_s=5 * HOURS)
    await watched.told("ChannelSilent")
    listed = (await watched.rpc.ListSilences(pb.ListSilencesRequest())).silences
    assert [(each.channel, each.account) for each in listed] == [("facebook_leadgen", "main")]

    await pushed(watched, samples, "2")

    (payload,) = await watched.told("ChannelResumed")
    assert events.ChannelResumed.FromString(payload).silent_for_s > 5 * HOURS - 60
    assert len(await watched.told("ChannelSilent")) == 1
    assert not (await watched.rpc.ListSilences(pb.ListSilencesRequest())).silences
    (ended,) = (await watched.rpc.ListSilences(pb.ListSilencesRequest(with_ended=True))).silences
    assert ended.HasField("ended_at")


async def test_fetched_leads_are_no_sign_of_life(watched: Any, samples: Any) -> None:
    await watched.has_history()
    await pushed(watched, samples, "1")
    await last_delivery(watched)
    await watched.falls_silent(for_s=5 * HOURS)
    await watched.told("ChannelSilent")

    watched.advertise("2", "3")

    await watched.intake.settled(3)
    assert len((await watched.rpc.ListSilences(pb.ListSilencesRequest())).silences) == 1


async def test_an_account_that_never_spoke_is_silent_after_its_time(start_watched: Any) -> None:
    async with start_watched(never_spoke_after_s=0.2) as watched:
        payloads = await watched.told("ChannelSilent", count=2)

    silences = [events.ChannelSilent.FromString(payload) for payload in payloads]
    assert {silence.reason for silence in silences} == {"never_spoke"}
    assert not any(silence.HasField("last_delivery_at") for silence in silences)


async def test_a_page_that_fails_leaves_the_watermark_and_is_asked_for_again(
    start_watched: Any, samples: Any
) -> None:
    async with start_watched() as watched:
        await watched.compared()
        watched.business.refusals += [THROTTLED] * 40

        async def failed() -> Any:
            return await watched.intake.rows.fetchrow(
                "select * from pulls where account_id = $1 and failure_count > $2",
                watched.account_id,
                more,
            )

        more = 0
        first = await eventually(failed, deadline_s=20, what="a failure")
        more = first["failure_count"]
        second = await eventually(failed, deadline_s=20, what="another failure")
        watched.business.refusals.clear()
        watched.advertise("1")

        assert first["failure"] == second["failure"] == "graph_80005"
        assert not second["is_permanent"]
        assert first["compared_until"] == second["compared_until"]
        await watched.intake.settled(1)
        after = await watched.compared()
        assert after["compared_until"] > second["compared_until"]


async def test_every_page_of_a_form_is_read(start_watched: Any) -> None:
    async with start_watched(fetch_retry_scale=0.001) as watched:
        watched.advertise(*(f"p{number}" for number in range(700)))

        compared = await watched.compared()

        assert watched.business.listed_pages >= 2
        assert compared["backfilled_count"] >= 700
        await watched.intake.settled(700)


async def test_an_expired_token_is_told_once_and_shown(watched: Any) -> None:
    watched.business.refusals += [EXPIRED] * 50

    (payload,) = await watched.told("PullFailed")

    failed = events.PullFailed.FromString(payload)
    assert (failed.reason, failed.is_permanent) == ("graph_190", True)
    (pull,) = (await watched.rpc.ListPulls(pb.ListPullsRequest())).pulls
    assert (pull.failure, pull.is_permanent) == ("graph_190", True)
    assert pull.compared_until == failed.compared_until


async def test_a_sender_that_is_away_is_told_after_five_failures(start_watched: Any) -> None:
    async with start_watched(watch_scale=0.0005) as watched:
        watched.business.refusals += [500] * 500
        (payload,) = await watched.told("PullFailed")
        failed = events.PullFailed.FromString(payload)
        assert (failed.reason, failed.is_permanent, failed.failure_count) == (
            "status 500",
            False,
            5,
        )

        watched.business.refusals.clear()
        watched.advertise("1")

        await watched.intake.settled(1)
        await watched.compared()
        assert len(await watched.told("PullFailed")) == 1


async def test_a_process_that_dies_before_the_watermark_doubles_nothing(watched: Any) -> None:
    watched.advertise("1", "2")
    await watched.intake.settled(2)
    await watched.compared()
    deliveries = await watched.intake.rows.fetchval("select count(*) from deliveries")

    # What a process leaves that stored the leads and died: them, an old watermark and its lease.
    await watched.intake.rows.execute(
        "delete from items where external_id = '1'; delete from outbox where published_at is not null"
    )
    await watched.intake.rows.execute(
        "update pulls set compared_until = compared_until - interval '1 day', due_at = now(), seen_count = 0, "
        "lease_id = gen_random_uuid(), leased_until = now() + interval '0.3 seconds'"
    )

    await watched.compared()
    assert await watched.intake.rows.fetchval("select count(*) from deliveries") == deliveries


async def test_two_replicas_never_compare_one_account_at_once(watched: Any) -> None:
    await watched.compared()
    rows = watched.intake.rows

    database = Database(watched.settings.database_url.get_secret_value(), service="test")

    async def leased() -> list[Any]:
        async with database.unit_of_work() as uow:
            return await pulls.lease(
                uow.raw, lease_id=uuid4(), duration=timedelta(seconds=60), limit=4
            )

    await rows.execute("update pulls set due_at = now() - interval '1 minute'")
    try:
        taken = await asyncio.gather(*(leased() for _ in range(8)))
    finally:
        await database.stop()
    assert sum(map(len, taken)) <= 1
