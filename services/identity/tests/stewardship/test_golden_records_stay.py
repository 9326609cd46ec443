"""Values are kept by source, so golden records come back byte for byte, however often customers merge and split."""

from typing import TYPE_CHECKING

import pytest
from identity.commands.golden import GoldenRecords
from identity.commands.golden_pins import pin_value
from identity.queries.golden import golden_record
from identity.store.golden_archive import Archive
from identity.store.golden_pins import NewPin
from identity.store.golden_values import canonical

if TYPE_CHECKING:
    from conftest import Office
    from servicekit.sealing import KeyRing


@pytest.fixture
def records(office: "Office", ring: "KeyRing") -> GoldenRecords:
    """Golden records that follow what the office does."""
    records = GoldenRecords(Archive.of(office.database, office.resolver.seals, ring))
    office.resolver.followers.append(records.follow)
    return records


@pytest.fixture
def archive(records: GoldenRecords) -> Archive:
    return records.archive


async def golden(office: "Office", archive: Archive) -> dict[str, bytes]:
    """The golden record of each living customer, as bytes."""
    return {
        golden_id: canonical((await golden_record(archive, golden_id)).record)
        for golden_id in await office.customers()
    }


async def test_a_split_gives_back_the_golden_records_of_before(
    office: "Office", archive: Archive
) -> None:
    ones = await office.person("A", rows=3, name="Zhang Wei", phone="13800138001")
    others = await office.person("B", rows=2, name="Li Na", phone="13800138002")
    before = await golden(office, archive)
    assert len(before) == 2

    await office.merge(ones[0], others[0])
    merged = await golden(office, archive)
    await office.split(ones[0], *others)

    assert len(merged) == 1
    assert await golden(office, archive) == before


async def test_a_restore_gives_back_the_golden_records_of_then(
    office: "Office", archive: Archive
) -> None:
    ones = await office.person("A", rows=3, name="Zhang Wei", phone="13800138001")
    others = await office.person("B", rows=2, name="Li Na", phone="13800138002")
    merge = await office.merge(ones[0], others[0])
    merged = await golden(office, archive)
    await office.split(ones[0], ones[1])

    named = await office.golden_id(ones[1])
    await office.stewardship.restore(office.act(), named, merge.regrouping_id, is_before=False)

    assert await golden(office, archive) == merged


@pytest.mark.parametrize("is_split", [True, False])
async def test_what_a_steward_set_parts_with_whom_it_was_set_for(
    office: "Office", records: GoldenRecords, *, is_split: bool
) -> None:
    ones = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    others = await office.person("B", rows=2, name="Li Na", phone="13800138002")
    text = NewPin("name", "Li Nana", "steward-1", "asked her")
    async with office.database.unit_of_work() as uow:
        await pin_value(uow, records, await office.golden_id(others[0]), text)
    before = await golden(office, records.archive)
    assert any(b"Li Nana" in each for each in before.values())

    merge = await office.merge(ones[0], others[0])
    if is_split:
        await office.split(ones[0], *others)
    else:
        named = await office.golden_id(ones[0])
        await office.stewardship.restore(office.act(), named, merge.regrouping_id, is_before=True)

    assert await golden(office, records.archive) == before
