"""Decisions on record: what must be written is, also when the database comes and goes, and can be made again."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import grpc
import msgspec
import pytest
from accesskit.changes import PrincipalPut
from accesskit.decisions import Outcome, Question
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from permissions.commands import decisions as recording_decisions
from permissions.commands.checks import Checks
from permissions.commands.decisions import Recorder
from permissions.domain.decisions import STANDS, Asked, Record, read_answer, read_question
from permissions.store.decisions import latest
from prometheus_client import REGISTRY
from servicekit.auth import Caller
from servicekit.database import Database
from servicekit.errors import Unavailable
from servicekit.events import new_id
from servicekit.testing.waiting import eventually

ENGAGEMENT = Caller("engagement", frozenset(), "token")
DELETE = Question(
    "ana", "delete", "lead", "lead-a", approval_id="approval-1", params_hash="ab" * 32
)


def a_record(decision_id: str | None = None) -> Record:
    return Record(
        decision_id=decision_id or new_id(),
        asked_by="engagement",
        subject_id="ana",
        resource="lead:lead-a",
        action="edit",
        outcome=Outcome.DENY,
        reason="no_relation",
        question=b"{}",
        answer=b"{}",
        revision=1,
        policy_version=1,
        decided_at_s=1_770_436_800.0,
    )


async def stands(question: Question) -> str:
    """Every approval serves."""
    return STANDS


@pytest.fixture
async def recorder(database: Database, clock) -> AsyncIterator[Recorder]:
    part = Recorder(database, clock=clock)
    await part.start()
    yield part
    await part.stop()


async def on_record(database: Database) -> list[Record]:
    async with database.raw() as raw:
        return await latest(raw, limit=5000)


async def test_what_an_approval_allows_is_on_record_before_it_is_answered(
    office, database: Database, recorder: Recorder
) -> None:
    checks = Checks(office.live, recorder, stands)

    answer = await checks.check(Asked(DELETE), ENGAGEMENT)

    [record] = await on_record(database)
    past = read_question(record.question)
    assert answer.decision.outcome is record.outcome is Outcome.ALLOW
    assert "step-up" in {each.kind for each in answer.decision.obligations}
    assert (past.question, past.standing) == (DELETE, STANDS)


async def test_an_approval_allows_nothing_that_cannot_be_put_on_record(office, clock) -> None:
    nowhere = Database("postgresql://127.0.0.1:9/none", service="permissions")
    stopped = Recorder(nowhere, clock=clock)
    await stopped.start()
    try:
        with pytest.raises(Unavailable):
            await Checks(office.live, stopped, stands).check(Asked(DELETE), ENGAGEMENT)
    finally:
        await stopped.stop()
        await nowhere.stop()


async def test_a_thousand_decisions_are_recorded_in_a_few_transactions(
    database: Database, recorder: Recorder
) -> None:
    records = [a_record() for _ in range(1200)]
    for record in records:
        recorder.note(record)

    async def all_recorded() -> bool:
        return len(await on_record(database)) == 1200

    assert await eventually(all_recorded)
    assert {record.decision_id for record in await on_record(database)} == {
        record.decision_id for record in records
    }


async def test_a_decision_that_is_on_record_already_is_not_written_twice(
    database: Database, clock
) -> None:
    recorder, record = Recorder(database, clock=clock), a_record()
    recorder.note(record)
    await recorder.stop()
    again = Recorder(database, clock=clock)
    again.note(record)

    with pytest.raises(asyncpg.UniqueViolationError):
        await again.stop()
    await again.stop()

    assert len(await on_record(database)) == 1


async def test_what_cannot_wait_any_longer_is_counted_and_told(database: Database, clock) -> None:
    recorder, lost = Recorder(database, clock=clock), _total("lost")
    for _ in range(recording_decisions.WAITING_MAX + 7):
        recorder.note(a_record("0199c0de-0000-7000-8000-000000000000"))

    assert recorder.problem() == "decisions are not recorded"
    assert _total("lost") - lost == 7


def _total(what: str) -> float:
    return REGISTRY.get_sample_value(f"leadchain_decisions_{what}_total") or 0.0


async def test_counts_of_a_stopping_process_are_written(office, database: Database, clock) -> None:
    recorder = Recorder(database, clock=clock)
    recorder.count("ana", "read", Outcome.ALLOW, times=3)
    recorder.count("ana", "read", Outcome.CONDITIONAL)
    recorded = _total("recorded")

    await recorder.stop()

    assert _total("recorded") - recorded == 4
    stated = (await office.entries())[-1]
    assert stated["counts"] == [["ana", "read", 3, 0, 1]]
    assert stated["minute_s"] == clock() // 60 * 60


async def test_writers_beside_the_recorder_leave_the_chain_whole(
    office, database: Database, recorder: Recorder, own
) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            recorder.note(a_record())
            group.create_task(office.state(own(f"lead-{number}", "ana")))

    async def all_recorded() -> bool:
        return len(await on_record(database)) == 20

    await eventually(all_recorded)
    verdict = await office.stub.VerifyAudit(pb.VerifyAuditRequest())
    assert verdict.intact


async def test_a_decision_is_made_again_after_everything_has_changed(office, own) -> None:
    before = await office.check("bo", "edit", "lead:lead-a", context_json='{"note": "x"}')
    await office.recorded(1)
    await office.state(own("lead-a", "bo", version=2), PrincipalPut("bo", "user", "departed", 2))
    office.clock.now_s += 86_400 * 40

    replayed = await office.stub.Replay(pb.ReplayRequest(decision_id=before.decision_id))

    assert replayed.is_same
    assert replayed.recorded == replayed.replayed
    assert replayed.recorded.reason == before.reason == "no_relation"
    assert replayed.recorded.token == before.token
    assert replayed.audit_seq > 0


async def test_an_approved_decision_is_made_again_with_its_approval(
    office, recorder: Recorder
) -> None:
    answer = await Checks(office.live, recorder, stands).check(Asked(DELETE), ENGAGEMENT)
    await office.state(PrincipalPut("ana", "user", "departed", 2))

    replayed = await office.stub.Replay(pb.ReplayRequest(decision_id=answer.decision_id))

    assert replayed.is_same
    assert replayed.replayed.allowed
    assert [fact.subject.id for fact in replayed.replayed.path] == ["ana"]


async def test_every_recorded_decision_is_made_again_bit_for_bit(office, own) -> None:
    for number, action in enumerate(("edit", "delete", "hand_over", "claim", "fly") * 2):
        await office.check("bo", action, f"lead:lead-{number}")
        await office.state(own(f"lead-{number}", "bo", touched_at_s=office.clock() - number * 1e6))
        await office.check("bo", action, f"lead:lead-{number}")
        await office.check("boss", "edit", "lead:lead-b")
    records = await office.recorded(20)

    for record in records:
        again = await office.stub.Replay(pb.ReplayRequest(decision_id=record.decision_id))
        assert again.is_same, record


async def test_a_record_that_was_altered_is_told_from_a_true_one(office, migrated_url: str) -> None:
    answer = await office.check("bo", "edit", "lead:lead-a")
    await office.recorded(1)
    connection = await asyncpg.connect(migrated_url)
    try:
        await connection.execute("update decisions set answer = answer || ' '")
    finally:
        await connection.close()

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await office.stub.Replay(pb.ReplayRequest(decision_id=answer.decision_id))

    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize("decision_id", ["", "x", "0199c0de-0000-7000-8000-000000000000"])
async def test_an_unknown_decision_is_not_found(office, decision_id: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await office.stub.Replay(pb.ReplayRequest(decision_id=decision_id))

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_recorded_answer_reads_as_it_was_written(office, database: Database) -> None:
    await office.check("boss", "edit", "lead:lead-a")
    [record] = await office.recorded(1)

    decision, policy_version = read_answer(record.answer)

    assert (decision.reason, decision.rule) == ("denied_by_rule", "supervisor_edits_no_customer")
    assert policy_version == 1
    assert msgspec.json.decode(record.question)["question"]["subject_id"] == "boss"
