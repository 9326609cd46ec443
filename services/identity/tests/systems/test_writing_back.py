"""Who lost is told what stands: once, in the end, and without hearing its own echo (ID-11, ID-12, ID-13)."""

import asyncio
import time
from datetime import timedelta

import pytest
from identity.commands.golden_pins import pin_value
from identity.domain.write_backs import WriteBackState
from identity.store import write_backs as store
from identity.store.golden_pins import NewPin
from leadchain.identity.v1.customer_events_pb2 import CustomerChanged, SourceDiverged
from servicekit.retry_schedule import DELAYS_S
from servicekit.testing.waiting import eventually

PHONE, OTHER_PHONE, THIRD_PHONE = "13800138001", "13800138002", "13800138003"
USCC = "91440300708461136T"
COMPANY = "深圳市示例精密零部件有限公司"
WAITING, WRITTEN = WriteBackState.WAITING, WriteBackState.WRITTEN
GAVE_UP, REFUSED = WriteBackState.GAVE_UP, WriteBackState.REFUSED


@pytest.fixture
async def three(world):
    """One customer of the CRM, Kingdee and U8, who all say the same."""
    for erp in world.erps.values():
        erp.version_field = "version"
    world.erps["kingdee"].version_field = "版本号"
    world.erps["u8"].version_field = "pubufts"
    address = "科技路1号"
    await world.changes(
        "crm", "C-1", name="张伟", phone=PHONE, company=COMPANY, uscc=USCC, address=address
    )
    await world.changes(
        "kingdee",
        "K-1",
        联系人="张伟",
        手机=PHONE,
        客户名称=COMPANY,
        统一社会信用代码=USCC,
        地址=address,
    )
    await world.changes(
        "u8",
        "U-1",
        cCusPerson="张伟",
        cCusHand=PHONE,
        cCusName=COMPANY,
        cCusCreditCode=USCC,
        cCusAddress=address,
    )
    for system in world.erps:
        world.listens(system)
    assert len(set((await world.golden_ids()).values())) == 1
    assert await world.write_backs() == []
    world.clock.passes(minutes=10)
    return world


async def test_the_newest_change_of_the_crm_is_told_to_the_other_two(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)

    await three.writes_back()

    assert three.erps["kingdee"].rows["K-1"].fields["手机"] == OTHER_PHONE
    assert three.erps["u8"].rows["U-1"].fields["cCusHand"] == OTHER_PHONE
    assert [each[:3] for each in await three.write_backs()] == [
        ("kingdee", WRITTEN, ["phone"]),
        ("u8", WRITTEN, ["phone"]),
    ]
    assert (await three.says("kingdee", "K-1"))["phone"] == OTHER_PHONE


async def test_no_system_weighs_more_than_a_newer_one(three):
    await three.changes("u8", "U-1", cCusAddress="深南大道9号")

    await three.writes_back()

    assert three.erps["crm"].rows["C-1"].fields["address"] == "深南大道9号"
    assert three.erps["kingdee"].rows["K-1"].fields["地址"] == "深南大道9号"


async def test_the_echo_of_our_own_write_is_no_change(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    three.clock.passes(minutes=1)
    await three.writes_back()
    told = len(await three.stated(CustomerChanged))

    three.clock.passes(minutes=1)
    await three.echoes()
    await three.writes_back()

    assert [erp.written_count for erp in three.erps.values()] == [1, 1, 0]
    assert len(await three.stated(CustomerChanged)) == told
    verified = await three.rows(
        "select system from sources where verified_at is not null order by 1"
    )
    assert verified == [("kingdee",), ("u8",)]


async def test_an_echo_does_not_beat_a_change_that_comes_late(three):
    at = three.clock.now
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    three.clock.passes(minutes=5)
    await three.writes_back()
    await three.echoes()

    late = three.erps["u8"].shown(three.erps["u8"].rows["U-1"]) | {"cCusHand": THIRD_PHONE}
    await three.hears("u8", "U-1", late, at=at + timedelta(minutes=2))
    await three.writes_back()

    assert three.erps["crm"].rows["C-1"].fields["phone"] == THIRD_PHONE
    assert three.erps["kingdee"].rows["K-1"].fields["手机"] == THIRD_PHONE


async def test_an_echo_that_is_faster_than_the_answer_settles_the_write(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    three.erps["u8"].on_write = None
    three.erps["kingdee"].forgets_answers = True

    await three.writer().step()
    await three.execute("update write_backs set state = 2 where system = 'kingdee'")
    await three.echoes()

    assert await three.rows("select state from write_backs where system = 'kingdee'") == [
        (WRITTEN,)
    ]
    assert (await three.says("kingdee", "K-1"))["phone"] == OTHER_PHONE


async def test_a_row_that_was_saved_as_it_is_while_we_write_does_not_pass_for_our_write(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    kingdee = three.erps["kingdee"]
    kingdee.gate = asyncio.Event()
    writing = asyncio.ensure_future(three.writer().step())
    await eventually(lambda: kingdee.request_count > 0, what="the write")

    await three.hears("kingdee", "K-1", kingdee.shown(kingdee.change("K-1")))
    kingdee.gate.set()
    await writing
    three.clock.passes(seconds=DELAYS_S[0])
    await three.writes_back()

    assert kingdee.rows["K-1"].fields["手机"] == OTHER_PHONE
    assert [each[1] for each in await three.write_backs()] == [WRITTEN, WRITTEN]


async def test_a_value_that_somebody_sets_again_after_us_is_a_change(three):
    await three.changes("crm", "C-1", address="深南大道9号")
    await three.writes_back()
    await three.echoes()

    three.clock.passes(minutes=1)
    await three.changes("kingdee", "K-1", 地址="科技路1号")
    await three.writes_back()

    assert three.erps["crm"].rows["C-1"].fields["address"] == "科技路1号"


async def test_a_write_whose_answer_was_lost_is_done_once(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    kingdee = three.erps["kingdee"]
    kingdee.forgets_answers = True
    await three.writer().step()
    kingdee.forgets_answers = False

    three.clock.passes(seconds=DELAYS_S[0])
    await three.writes_back()

    assert kingdee.written_count == 1
    assert [each[1] for each in await three.write_backs()] == [WRITTEN, WRITTEN]


async def test_a_replica_that_dies_between_write_and_mark_leaves_one_write(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    kingdee = three.erps["kingdee"]
    kingdee.gate = asyncio.Event()
    dying = asyncio.ensure_future(three.writer().step())
    await eventually(lambda: kingdee.request_count > 0, what="the write")
    dying.cancel()
    kingdee.gate.set()
    await asyncio.gather(dying, return_exceptions=True)
    await eventually(lambda: kingdee.written_count == 1, what="the write that nobody marks")

    await three.writes_back()
    assert (WriteBackState.WRITING,) in await three.rows("select state from write_backs")
    three.clock.passes(minutes=2)
    await three.writes_back()

    assert kingdee.written_count == 1
    assert [each[1] for each in await three.write_backs()] == [WRITTEN, WRITTEN]


async def test_what_a_system_does_not_take_is_given_up_after_the_last_try_and_stays_listed(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    three.erps["kingdee"].statuses = [500] * 9
    for delay_s in (0, *DELAYS_S):
        three.clock.passes(seconds=delay_s)
        await three.writes_back()

    (diverged,) = await three.stated(SourceDiverged)
    assert (diverged.system, diverged.fields, diverged.reason) == (
        "kingdee",
        ["phone"],
        "write_back_gave_up",
    )
    async with three.database.raw() as raw:
        (listed,) = await store.listed(raw, "", with_settled=False, before=2**62, limit=9)
    assert (listed.state, listed.reason, listed.attempt_count) == (GAVE_UP, "status_500", 6)
    assert listed.golden_id == diverged.golden_id
    assert OTHER_PHONE not in str(diverged)


async def test_what_was_given_up_is_tried_anew_when_its_customer_changes(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    await three.execute("update write_backs set state = $1 where system = 'kingdee'", GAVE_UP)

    await three.changes("crm", "C-1", address="深南大道9号")
    await three.writes_back()

    fields = three.erps["kingdee"].rows["K-1"].fields
    assert (fields["手机"], fields["地址"]) == (OTHER_PHONE, "深南大道9号")
    states = [each[1] for each in await three.write_backs() if each[0] == "kingdee"]
    assert states == [WriteBackState.SUPERSEDED, WRITTEN]


async def test_a_version_that_came_meanwhile_is_not_put_back(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    kingdee = three.erps["kingdee"]
    async with three.database.unit_of_work() as uow:
        claimed = await three.writing().claim(uow, ["kingdee"], lease=timedelta(minutes=1), limit=1)
    three.clock.passes(minutes=1)
    await three.changes("kingdee", "K-1", 备注="常客")
    async with three.database.unit_of_work() as uow:
        await three.writing().written(uow, claimed[0], version="older")

    rows = await three.rows("select version from system_rows where system = 'kingdee'")
    assert rows == [(str(kingdee.rows["K-1"].version),)]


async def test_a_field_that_is_locked_is_not_tried_again_and_the_others_are_written(three):
    three.erps["kingdee"].locked = {"手机"}
    await three.changes("crm", "C-1", phone=OTHER_PHONE, address="深南大道9号")

    await three.writes_back()
    await three.changes("crm", "C-1", email="zhang.wei@example.com")
    await three.writes_back()

    fields = three.erps["kingdee"].rows["K-1"].fields
    assert (fields["手机"], fields["地址"]) == (PHONE, "深南大道9号")
    assert fields["邮箱"] == "zhang.wei@example.com"
    kingdee = [each[1:] for each in await three.write_backs() if each[0] == "kingdee"]
    assert kingdee[0] == (REFUSED, ["phone"], "locked")
    assert {state for state, *_ in kingdee[1:]} == {WRITTEN}
    (diverged,) = await three.stated(SourceDiverged)
    assert (diverged.fields, diverged.reason) == (["phone"], "locked")


async def test_a_row_that_changed_meanwhile_is_not_overwritten_and_the_newer_value_wins(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    three.clock.passes(minutes=1)
    kingdee = three.erps["kingdee"]
    newer = kingdee.change("K-1", 手机=THIRD_PHONE)

    await three.writes_back()
    assert kingdee.rows["K-1"].fields["手机"] == THIRD_PHONE
    await three.hears("kingdee", "K-1", kingdee.shown(newer))
    await three.writes_back()

    assert {
        erp.rows[key].fields[name]
        for erp, key, name in (
            (three.erps["crm"], "C-1", "phone"),
            (kingdee, "K-1", "手机"),
            (three.erps["u8"], "U-1", "cCusHand"),
        )
    } == {THIRD_PHONE}
    assert kingdee.written_count == 0


async def test_what_a_steward_says_is_told_to_all(three):
    customer_id = (await three.golden_ids())["crm", "C-1"]
    pin = NewPin("address", "深南大道9号", "steward-1", "called them")

    async with three.database.unit_of_work() as uow:
        await pin_value(uow, three.records, customer_id, pin)
    await three.writes_back()

    for system, name in (("crm", "address"), ("kingdee", "地址"), ("u8", "cCusAddress")):
        (row,) = three.erps[system].rows.values()
        assert row.fields[name] == "深南大道9号"
    assert await three.rows("select distinct winners from write_backs") == [([""],)]


async def test_what_waits_is_superseded_by_what_stands_now(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    three.clock.passes(minutes=1)
    await three.changes("crm", "C-1", phone=THIRD_PHONE)

    await three.writes_back()

    assert three.erps["kingdee"].written_count == 1
    assert three.erps["kingdee"].rows["K-1"].fields["手机"] == THIRD_PHONE
    states = [each[1] for each in await three.write_backs() if each[0] == "kingdee"]
    assert states == [WriteBackState.SUPERSEDED, WRITTEN]


async def test_what_waits_is_dropped_when_the_system_says_it_by_itself(three):
    await three.changes("crm", "C-1", address="深南大道9号")
    three.clock.passes(minutes=1)
    await three.changes("kingdee", "K-1", 地址="深南大道9号")

    await three.writes_back()

    assert three.erps["kingdee"].written_count == 0


async def test_an_operator_has_a_refused_write_tried_again(three):
    kingdee = three.erps["kingdee"]
    kingdee.locked = {"手机"}
    await three.changes("crm", "C-1", phone=OTHER_PHONE)
    await three.writes_back()
    kingdee.locked = set()
    ((number,),) = await three.rows(
        "select write_back_id from write_backs where state = $1", REFUSED
    )

    async with three.database.unit_of_work() as uow:
        assert await store.retry(uow.raw, number, now=uow.now)
    await three.writes_back()

    assert kingdee.rows["K-1"].fields["手机"] == OTHER_PHONE


async def test_replicas_share_the_writes(three):
    await three.changes("crm", "C-1", phone=OTHER_PHONE)

    await asyncio.gather(*(three.writer().step() for _ in range(3)))

    assert [erp.written_count for erp in three.erps.values()] == [1, 1, 0]


async def test_an_erp_that_does_not_tell_is_asked_and_says_each_change_once(world):
    kingdee = world.erps["kingdee"]
    kingdee.change("K-1", 手机=PHONE, 联系人="张伟")
    kingdee.change("K-2", 手机=OTHER_PHONE, 联系人="王芳")

    await world.asker().step()
    requests = kingdee.request_count
    await world.asker().step()

    assert {key for _, key in await world.golden_ids()} == {"K-1", "K-2"}
    assert kingdee.request_count == requests
    world.clock.passes(seconds=6)
    await world.asker().step()
    assert kingdee.request_count == requests + 1


async def test_an_erp_that_does_not_answer_is_asked_again_later(world):
    world.erps["kingdee"].statuses = [503]
    world.erps["kingdee"].change("K-1", 手机=PHONE)

    await world.asker().step()
    assert await world.golden_ids() == {}
    world.clock.passes(seconds=DELAYS_S[0])
    await world.asker().step()

    assert len(await world.golden_ids()) == 1


async def test_both_ways_take_no_longer_than_they_take(three):
    seconds = []
    for number in range(10):
        three.clock.passes(minutes=1)
        began_at = time.perf_counter()
        await three.changes("crm", "C-1", address=f"深南大道{number}号")
        await three.writes_back()
        seconds.append(time.perf_counter() - began_at)
        await three.echoes()

    assert three.erps["kingdee"].rows["K-1"].fields["地址"] == "深南大道9号"
    print(  # noqa: T201 - measured, never asserted
        f"change to both other systems: median {sorted(seconds)[5]:.3f} s, worst {max(seconds):.3f} s"
    )
