"""Values are kept by source, so golden records come back byte for byte, however often customers merge and split."""

from typing import TYPE_CHECKING

import pytest
from identity.commands.golden import GoldenRecords
from identity.queries.golden import golden_record
from identity.store.golden_archive import Archive
from identity.store.golden_values import canonical

if TYPE_CHECKING:
    from conftest import Office
    from servicekit.sealing import KeyRing


@pytest.fixture
def archive(office: "Office", ring: "KeyRing") -> Archive:
    """Golden records that follow what the office does."""
    archive = Archive.of(office.database, office.resolver.seals, ring)
    office.resolver.followers.append(GoldenRecords(archive).follow)
    return archive


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
