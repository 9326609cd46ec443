"""An erasure of leads and the rows of other systems: these stay, and what the leads said is told to nobody."""

from datetime import timedelta
from uuid import UUID

import pytest
from identity.commands.erasing import Erasing
from identity.commands.row_erasing import forget_leads
from identity.domain.statements import LEADS, Statement
from identity.domain.write_backs import WriteBackState
from servicekit.events import new_id

PHONE, MAIL = "13800138001", "zhang@example.com"
WAITING, WRITING = WriteBackState.WAITING, WriteBackState.WRITING
REFUSED, SUPERSEDED = WriteBackState.REFUSED, WriteBackState.SUPERSEDED


async def lead(world, **fields):
    lead_id = UUID(new_id())
    now = world.clock.passes(minutes=1)
    said = Statement(LEADS, str(lead_id), fields, now, now, lead_id=lead_id)
    async with world.database.unit_of_work() as uow:
        await world.desk.resolver.resolve(uow, [said])
    return lead_id


async def erase(world, lead_id):
    erasing = Erasing(world.desk.resolver, forget=[world.records.forget_leads, forget_leads])
    async with world.database.unit_of_work() as uow:
        return await erasing.erase_leads(uow, [lead_id])


@pytest.mark.parametrize("state", [WAITING, WRITING, REFUSED], ids=lambda state: state.name)
async def test_what_an_erased_lead_said_is_told_to_no_system(world, state):
    await world.changes("kingdee", "K-1", 联系人="张伟", 手机=PHONE)
    lead_id = await lead(world, name="张伟", phone=PHONE, email=MAIL)
    assert await world.write_backs() == [("kingdee", WAITING, ["email"], "")]
    await world.execute("update write_backs set state = $1", state)

    await erase(world, lead_id)

    rows = await world.rows("select state, sealed_fields from write_backs")
    assert rows == [(SUPERSEDED, b"")]


async def test_what_a_system_says_too_is_told_anew(world):
    await world.changes("kingdee", "K-1", 联系人="张伟", 手机=PHONE)
    await world.changes("crm", "C-1", name="张伟", phone=PHONE, email=MAIL)
    lead_id = await lead(world, name="张伟", phone=PHONE, email="wei@example.com")

    await erase(world, lead_id)

    waiting = await world.rows("select system, winners from write_backs where state = $1", WAITING)
    assert waiting == [("kingdee", ["crm"])]


async def test_rows_of_other_systems_stay_and_the_answer_says_so(world):
    await world.changes("kingdee", "K-1", 联系人="张伟", 手机=PHONE)
    lead_id = await lead(world, name="张伟", phone=PHONE, email=MAIL)
    world.clock.now += timedelta(hours=1)

    erased = await erase(world, lead_id)

    assert "rows of other systems, until they erase them: kingdee" in erased.holds
    assert await world.rows("select system from system_rows") == [("kingdee",)]
    assert (await world.says("kingdee", "K-1"))["phone"] == PHONE
