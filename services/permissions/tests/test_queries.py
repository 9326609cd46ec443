"""The audit log read as it is written: page by page, and link by link."""

import asyncpg
import pytest
from permissions.commands import recording
from permissions.domain.audit import Event
from permissions.queries.entries import (
    VERIFIED_PAGE_SIZE,
    Verdict,
    list_audit_entries,
    verify_audit,
)
from servicekit.database import Database


async def append(database: Database, count: int) -> None:
    """Writes entries about rep-0, rep-1, and so on."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow)
        for number in range(count):
            log.append(Event(action="noted", actor=f"rep-{number}"))
        await log.finish()


async def tamper(url: str, statement: str) -> None:
    """Changes the audit log as only a superuser can."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("alter table audit_entries disable trigger user")
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_an_empty_audit_log_is_whole(database: Database) -> None:
    assert await verify_audit(database) == Verdict(0, 0)


async def test_the_audit_log_is_verified_page_by_page(database: Database) -> None:
    await append(database, VERIFIED_PAGE_SIZE + 5)

    assert await verify_audit(database) == Verdict(VERIFIED_PAGE_SIZE + 5, 0)


OTHER_ACTOR = "convert_to(replace(convert_from(fact, 'UTF8'), 'rep-1', 'rep-9'), 'UTF8')"
OTHER_HASH = "decode(repeat('ab', 32), 'hex')"


@pytest.mark.parametrize(
    ("statement", "bad_seq"),
    [
        (f"update audit_entries set fact = {OTHER_ACTOR} where seq = 2", 2),
        ("update audit_entries set fact = '{}' where seq = 2", 2),
        (f"update audit_entries set hash = {OTHER_HASH} where seq = 3", 3),
        ("update audit_entries set recorded_at = now() + interval '1 day' where seq = 1", 1),
        ("update audit_entries set seq = 4 where seq = 3", 3),
        ("delete from audit_entries where seq = 1", 1),
        ("delete from audit_entries where seq = 2", 2),
        ("delete from audit_entries where seq = 3", 3),
        ("truncate audit_entries", 1),
        (f"update audit_head set hash = {OTHER_HASH}", 3),
    ],
)
async def test_tampering_is_found_and_the_first_bad_entry_named(
    migrated_url: str, database: Database, statement: str, bad_seq: int
) -> None:
    await append(database, 3)
    assert await verify_audit(database) == Verdict(3, 0)

    await tamper(migrated_url, statement)

    assert (await verify_audit(database)).first_bad_seq == bad_seq


async def test_entries_are_listed_in_pages(database: Database) -> None:
    await append(database, 3)

    first = await list_audit_entries(database, after_seq=0, page_size=2)
    rest = await list_audit_entries(database, after_seq=2, page_size=0)

    assert [entry.seq for entry in [*first, *rest]] == [1, 2, 3]
