"""However changes, writes and echoes come to meet, in the end all systems say the same."""

import asyncio
import random
from datetime import timedelta

import pytest
from identity.commands.system_rows import take_in
from identity.domain.crosswalk import SourceRow
from servicekit.errors import Unavailable
from servicekit.testing.thoroughness import rounds

USCC = "91440300708461136T"
CUSTOMERS = 6
FIELDS = {
    "crm": {"name": "name", "phone": "phone", "uscc": "uscc", "address": "address"},
    "kingdee": {"name": "联系人", "phone": "手机", "uscc": "统一社会信用代码", "address": "地址"},
    "u8": {"name": "cCusPerson", "phone": "cCusHand", "uscc": "cCusCreditCode", "address": "cCusAddress"},
}  # fmt: skip
VERSIONS = {"crm": "version", "kingdee": "版本号", "u8": "pubufts"}
NAMES = ["张伟", "王芳", "李娜", "刘洋", "陈静", "杨磊"]


def customer(number):
    return {
        "name": NAMES[number],
        "phone": f"1380013800{number}",
        "uscc": f"9144030070846113{number}X",
        "address": "科技路1号",
    }


async def feed(world, system, read):
    """Everything that changed in an ERP behind `read`, in one batch; the new end."""
    erp = world.erps[system]
    keys = erp.changed_keys[read:]
    rows = [
        SourceRow(
            system,
            "customer",
            key,
            erp.shown(erp.rows[key]),
            erp.rows[key].modified_at,
            world.clock.now,
        )
        for key in dict.fromkeys(keys)
    ]
    try:
        if rows:
            async with world.database.unit_of_work() as uow:
                await take_in(uow, rows, world.desk)
    except Unavailable:
        # Others change the same customers; the bus delivers it again.
        return read
    return read + len(keys)


def somebody_changes_something(world, chance):
    """A person in one of the systems changes a customer."""
    world.clock.now += timedelta(seconds=chance.randrange(1, 90))
    system, number = chance.choice(sorted(FIELDS)), chance.randrange(CUSTOMERS)
    phone = f"1{chance.choice('38')}80013800{number}"
    field, value = chance.choice(
        [("address", f"科技路{chance.randrange(100)}号"), ("phone", phone)]
    )
    world.erps[system].change(f"{system}-{number}", **{FIELDS[system][field]: value})


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(rounds(1, long=40)))
async def test_all_systems_agree_in_the_end(world, seed):
    chance = random.Random(seed)
    for system, names in FIELDS.items():
        world.erps[system].version_field = VERSIONS[system]
        for number in range(CUSTOMERS):
            fields = {names[field]: value for field, value in customer(number).items()}
            world.erps[system].change(f"{system}-{number}", **fields)
    read = {system: await feed(world, system, 0) for system in FIELDS}
    writers = [world.writer(), world.writer()]

    async def carry(system):
        read[system] = await feed(world, system, read[system])

    for _ in range(8):
        for _ in range(4):
            somebody_changes_something(world, chance)
        work = [carry(system) for system in FIELDS if chance.random() < 0.7]
        work += [writer.step() for writer in writers if chance.random() < 0.7]
        await asyncio.gather(*work)
    for _ in range(12):
        world.clock.passes(minutes=11)
        await asyncio.gather(*(carry(system) for system in FIELDS), *(w.step() for w in writers))

    said = {
        (number, field): {
            world.erps[system].rows[f"{system}-{number}"].fields[names[field]]
            for system, names in FIELDS.items()
        }
        for number in range(CUSTOMERS)
        for field in ("address", "phone")
    }
    assert [key for key, values in said.items() if len(values) > 1] == []
    assert await world.rows("select state from write_backs where state not in (3, 6)") == []
