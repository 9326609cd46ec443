"""Questions answered from a real database: checks, and whether the audit log is whole."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import asyncpg
import pytest
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from permissions import commands, queries, wire
from permissions.domain import LeadId, Question, Reason, TooManyChecks
from permissions.queries import Checks, Verdict
from servicekit.database import Database
from servicekit.errors import Unavailable, outcome_of
from servicekit.testing.waiting import eventually

Assigned = Callable[..., LeadAssigned]


@pytest.fixture
async def leads(database: Database, assigned: Assigned) -> list[LeadId]:
    """Three leads: of rep-0, rep-1 and rep-2; the audit log has their three entries."""
    arrivals = [wire.arrival(assigned(assignee_id=f"rep-{n}")) for n in range(3)]
    async with database.unit_of_work() as uow:
        await commands.grant_ownerships(uow, arrivals)
    return [arrival.assignment.lead_id for arrival in arrivals]


@pytest.fixture
async def checks(database: Database) -> AsyncIterator[Checks]:
    part = Checks(database)
    await part.start()
    yield part
    await part.stop()


async def tamper(url: str, statement: str) -> None:
    """Changes the audit log as only a superuser can."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("alter table audit_entries disable trigger user")
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_checks_asked_together_each_get_their_own_answer(
    checks: Checks, leads: list[LeadId]
) -> None:
    questions = [Question(f"rep-{n % 4}", "edit", leads[n % 3]) for n in range(48)]

    decisions = await asyncio.gather(*[checks.check(question) for question in questions])

    assert [d.allowed for d in decisions] == [n % 4 == n % 3 for n in range(48)]


async def test_a_caller_who_gives_up_spoils_nobody_elses_answer(
    checks: Checks, leads: list[LeadId]
) -> None:
    question = Question("rep-0", "edit", leads[0])

    async with asyncio.TaskGroup() as group:
        patient = group.create_task(checks.check(question))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await checks.check(question)

    assert patient.result().allowed


async def test_a_check_sees_what_was_committed_before_it_was_asked(
    database: Database, checks: Checks, assigned: Assigned
) -> None:
    for number in range(1, 6):
        arrival = wire.arrival(assigned(assignee_id=f"rep-{number}"))
        question = Question(f"rep-{number}", "edit", arrival.assignment.lead_id)
        async with database.unit_of_work() as uow:
            await commands.grant_ownerships(uow, [arrival])

        assert (await checks.check(question)).reason is Reason.OWNER


async def test_a_lost_connection_fails_the_check_and_not_the_next_ones(
    migrated_url: str, checks: Checks, leads: list[LeadId]
) -> None:
    question = Question("rep-0", "edit", leads[0])
    await checks.check(question)
    admin = await asyncpg.connect(migrated_url)
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    await admin.close()

    faults: list[Exception] = []

    async def answered() -> bool:
        try:
            return (await checks.check(question)).allowed
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, Unavailable) as error:
            faults.append(error)
            return False

    assert await eventually(answered)
    assert {outcome_of(fault).grpc_code for fault in faults} <= {"UNAVAILABLE"}


async def test_many_checks_are_answered_in_their_order(
    database: Database, leads: list[LeadId]
) -> None:
    unknown = LeadId(UUID(int=1))
    questions = [
        Question("rep-1", "edit", leads[1]),
        Question("rep-1", "edit", leads[2]),
        Question("rep-1", "read", leads[2]),
        Question("rep-1", "read", unknown),
        Question("rep-1", "own", leads[1]),
    ]

    decisions = await queries.batch_check(database, questions)

    assert [d.reason for d in decisions] == [
        Reason.OWNER,
        Reason.NOT_OWNER,
        Reason.READER,
        Reason.UNKNOWN_LEAD,
        Reason.UNKNOWN_ACTION,
    ]


async def test_two_thousand_checks_are_answered_and_one_more_is_refused(
    database: Database, leads: list[LeadId]
) -> None:
    questions = [Question("rep-1", "edit", leads[1])] * 2000

    assert len(await queries.batch_check(database, questions)) == 2000
    with pytest.raises(TooManyChecks):
        await queries.batch_check(database, [*questions, questions[0]])


async def test_an_empty_audit_log_is_whole(database: Database) -> None:
    assert await queries.verify_audit(database) == Verdict(0, 0)


async def test_the_audit_log_is_verified_page_by_page(
    database: Database, assigned: Assigned
) -> None:
    async with database.unit_of_work() as uow:
        arrivals = [wire.arrival(assigned()) for _ in range(queries.VERIFIED_PAGE_SIZE + 5)]
        await commands.grant_ownerships(uow, arrivals)

    assert await queries.verify_audit(database) == Verdict(queries.VERIFIED_PAGE_SIZE + 5, 0)


OTHER_OWNER = "convert_to(replace(convert_from(fact, 'UTF8'), 'rep-1', 'rep-9'), 'UTF8')"
OTHER_HASH = "decode(repeat('ab', 32), 'hex')"


@pytest.mark.parametrize(
    ("statement", "bad_seq"),
    [
        (f"update audit_entries set fact = {OTHER_OWNER} where seq = 2", 2),
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
    migrated_url: str, database: Database, leads: list[LeadId], statement: str, bad_seq: int
) -> None:
    assert await queries.verify_audit(database) == Verdict(3, 0)

    await tamper(migrated_url, statement)

    verdict = await queries.verify_audit(database)
    assert verdict.first_bad_seq == bad_seq


async def test_entries_are_listed_in_pages(database: Database, leads: list[LeadId]) -> None:
    first = await queries.list_audit_entries(database, after_seq=0, page_size=2)
    rest = await queries.list_audit_entries(database, after_seq=2, page_size=0)

    assert [entry.seq for entry in [*first, *rest]] == [1, 2, 3]
