"""At 02:00 the systems of each customer are compared, once for all replicas (ID-10), and delays are watched (ID-06)."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from identity.domain.write_backs import WriteBackState
from identity.queries import freshness as queries
from leadchain.identity.v1.customer_events_pb2 import SourceDiverged, SourceStale

PHONE, OTHER_PHONE = "13800138001", "13800138002"
USCC = "91440300708461136T"
COMPANY = "深圳市示例精密零部件有限公司"
NIGHT = datetime(2026, 2, 7, 18, 0, tzinfo=UTC)
"""02:00 in Shanghai, on the 8th."""


async def two_that_differ(world):
    """One customer; SAP, to which nobody can write, has another phone than the CRM, who spoke last."""
    await world.hears(
        "sap", "S-1", {"CONTACT": "张伟", "TELF2": PHONE, "STCD5": USCC, "NAME1": COMPANY}
    )
    world.clock.passes(minutes=1)
    crm = {"name": "张伟", "phone": PHONE, "uscc": USCC, "company": COMPANY}
    await world.hears("crm", "C-1", crm)
    world.clock.passes(minutes=1)
    await world.hears("crm", "C-1", {**crm, "phone": OTHER_PHONE})
    await world.hears("kingdee", "K-9", {"联系人": "王芳", "手机": "13800138009"})


async def compare(world):
    while await world.night().step():
        pass


async def test_by_day_nothing_is_compared(world):
    await two_that_differ(world)

    assert not await world.night().step()

    assert await world.rows("select count(*) from comparisons") == [(0,)]


async def test_at_two_differences_are_reported_without_values(world):
    await two_that_differ(world)
    world.clock.now = NIGHT

    await compare(world)

    night, listed = await queries.differences(
        world.database, None, system="", after=("", ""), limit=9
    )
    assert (night.night, night.customer_count, night.difference_count) == (date(2026, 2, 8), 2, 1)
    assert night.finished_at == NIGHT
    (found,) = listed
    assert (found.field, list(found.systems), list(found.parties), found.standing) == (
        "phone",
        ["sap", "crm"],
        [1, 2],
        2,
    )
    (diverged,) = await world.stated(SourceDiverged)
    assert (diverged.system, diverged.fields, diverged.reason) == (
        "sap",
        ["phone"],
        "found_at_night",
    )
    assert diverged.golden_id == found.golden_id


async def test_sources_that_say_what_stands_are_verified(world):
    await two_that_differ(world)
    world.clock.now = NIGHT

    await compare(world)

    verified = await world.rows("select system, verified_at from sources order by system")
    assert verified == [("crm", NIGHT), ("kingdee", NIGHT), ("sap", None)]
    boards = await queries.freshness(world.database, world.desk.systems, now=NIGHT)
    assert {each.policy.name for each in boards if each.state.verified_at} == {
        "crm",
        "kingdee",
        "sap",
    }


async def test_a_night_is_compared_once_by_however_many_replicas(world):
    await two_that_differ(world)
    world.clock.now = NIGHT

    await asyncio.gather(*(compare(world) for _ in range(3)))
    world.clock.passes(hours=1)
    await compare(world)

    assert await world.rows("select customer_count, difference_count from comparisons") == [(2, 1)]
    assert len(await world.stated(SourceDiverged)) == 1


async def test_every_night_is_compared_anew(world):
    await two_that_differ(world)
    world.clock.now = NIGHT
    await compare(world)

    world.clock.passes(days=1)
    await compare(world)

    assert await world.rows("select count(*) from differences") == [(2,)]


async def test_a_value_that_nobody_was_told_yet_is_told_after_the_night(world):
    await world.changes(
        "kingdee", "K-1", 联系人="张伟", 手机=PHONE, 统一社会信用代码=USCC, 地址="甲路1号"
    )
    world.clock.passes(minutes=1)
    await world.hears(
        "crm", "C-1", {"name": "张伟", "phone": PHONE, "uscc": USCC, "address": "乙路2号"}
    )
    await world.execute("delete from write_backs")
    world.clock.now = NIGHT

    await compare(world)
    await world.writes_back()

    assert world.erps["kingdee"].rows["K-1"].fields["地址"] == "乙路2号"
    assert (WriteBackState.WRITTEN,) in await world.rows("select state from write_backs")


async def test_an_erp_that_is_two_hours_late_raises_an_alarm_once_and_ends_it(world):
    await world.hears(
        "kingdee", "K-1", {"手机": PHONE}, at=world.clock.now - timedelta(hours=2, seconds=1)
    )

    for _ in range(3):
        await world.watch().step()
    await world.hears("kingdee", "K-1", {"手机": OTHER_PHONE})
    await world.watch().step()

    stale = await world.stated(SourceStale)
    assert [(each.system, each.delay_s, each.delay_max_s, each.is_over) for each in stale] == [
        ("kingdee", 7_201, 7_200, False),
        ("kingdee", 0, 7_200, True),
    ]


async def test_an_erp_that_falls_silent_raises_an_alarm(world):
    await world.hears("kingdee", "K-1", {"手机": PHONE})
    world.clock.passes(hours=3, minutes=1)

    await world.watch().step()

    (stale,) = await world.stated(SourceStale)
    assert stale.delay_s == 2 * 3_600 + 60


async def test_an_erp_that_says_that_nothing_is_new_is_not_late(world):
    await world.hears("kingdee", "K-1", {"手机": PHONE})
    world.clock.passes(hours=5)

    await world.asker().step()
    await world.watch().step()

    assert await world.stated(SourceStale) == []


async def test_the_board_shows_how_late_systems_are(world):
    for number, lag_s in enumerate([1, 1, 1, 702]):
        at = world.clock.now - timedelta(seconds=lag_s)
        await world.hears("kingdee", f"K-{number}", {"手机": f"1380013800{number}"}, at=at)
    await world.hears("kingdee", "K-9", {"手机": PHONE, "建档日期": "?"})
    await world.hears("sap", "S-1", {"TELF2": PHONE}, at=world.clock.now - timedelta(hours=3))

    first, *others = await queries.freshness(
        world.database, world.desk.systems, now=world.clock.now
    )

    assert (first.policy.name, first.standing.is_overdue) == ("sap", True)
    kingdee = next(each for each in others if each.policy.name == "kingdee")
    assert kingdee.lag_p50_s == pytest.approx(1.0, rel=0.2)
    assert kingdee.lag_p95_s == pytest.approx(702, rel=0.2)
    assert (kingdee.fact_count, kingdee.open_failure_count) == (5, 1)
    assert kingdee.state.watermark == world.clock.now
