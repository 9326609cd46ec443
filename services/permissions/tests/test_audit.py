"""The audit log on a real database: sealed, proved, dumped, audited by a program that trusts none of this code."""

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from accesskit import notes
from accesskit.changes import FactPut, LeasePut
from accesskit.facts import Fact
from accesskit.notes import Signer
from accesskit.witness import proves_consistency, proves_inclusion
from auditor.campaign import is_perfect, run, stage_of_dump
from auditor.findings import Incomplete, Report
from auditor.notes import read_keys
from auditor.verification import verify
from permissions.commands import audit as commands
from permissions.commands import recording, sealing
from permissions.commands.bootstrap import lay
from permissions.commands.policies import start_policy
from permissions.commands.sealing import Keyring, SealedElsewhere, Sealer, UnknownKey
from permissions.commands.watching import Watch
from permissions.domain.audit import Event, commitment, sealing_context
from permissions.domain.bootstrap import foundation_of
from permissions.domain.checkpoints import origin
from permissions.domain.merkle import leaf_hash
from permissions.policies import default_policy
from permissions.queries import audit as queries
from permissions.store import audit, checkpoints
from permissions.wire.dumps import DumpWriter
from prometheus_client import REGISTRY
from servicekit.database import Database
from servicekit.errors import Invalid, Unavailable
from servicekit.sealing import KeyRing, SealBroken

FIELD_KEYS = KeyRing({"k1": bytes(32)})
FIRST_SEED, SECOND_SEED = bytes([1] * 32), bytes([2] * 32)
NOON = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
WITNESS = Signer.from_seed("leadchain/reporting", bytes([9] * 32))


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        """The time now."""
        return self.now

    def move(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def timed(migrated_url: str, clock: Clock) -> AsyncIterator[Database]:
    """A database whose time is the test's."""
    opened = Database(migrated_url, service="permissions", pool_size=20, clock=clock)
    await opened.start()
    yield opened
    await opened.stop()


def keyring(*seeds: bytes) -> Keyring:
    return Keyring(",".join(base64.b64encode(seed).decode() for seed in seeds))


def a_fact(lead_id: str, *, owner: str, seq: int = 0) -> FactPut:
    return FactPut(Fact("lead", lead_id, "viewer", "user", owner, seq=seq))


def an_event(number: int = 1, **values) -> Event:
    defaults = {"action": "decided", "actor": "assignment", "resource": f"lead:l{number}"}
    return Event(**{**defaults, "details": {"outcome": "deny"}, **values})


async def record(database: Database, *events: Event) -> int:
    """Records events in one transaction; the last one's number."""
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow, field_keys=FIELD_KEYS)
        for event in events:
            log.append(event)
        return (await log.finish()).seq


async def seal(database: Database, clock: Clock, *seeds: bytes) -> None:
    """Announces a key where there is none, and seals whatever there is."""
    sealer = Sealer(database, keyring(*(seeds or (FIRST_SEED,))))
    for _ in range(2):
        clock.move(10)
        await sealer.step()


async def dumped(database: Database, folder: Path) -> Path:
    writer, file = DumpWriter(now_s=NOON.timestamp()), folder / "log.dump"
    async with aclosing(queries.dump(database)) as dump:
        parts = [writer.part(part) async for part in dump]
    file.write_bytes(b"".join([*parts, writer.end()]))
    return file


async def audited(database: Database, folder: Path, **options) -> Report:
    """What the auditor says; the state tables are of no concern here, for nothing projects them."""
    file = await dumped(database, folder)
    report = await asyncio.to_thread(verify, file, processes=1, **options)
    report.findings = [each for each in report.findings if each.place != "state"]
    return report


async def test_a_log_is_sealed_within_ten_seconds_or_at_a_thousand_entries(
    timed: Database, clock: Clock
) -> None:
    await seal(timed, clock)
    sealer = Sealer(timed, keyring(FIRST_SEED))

    async def sealed_size() -> int:
        await sealer.step()
        async with timed.raw() as raw:
            return (await checkpoints.last_sealed(raw))[0]

    await record(timed, an_event())
    assert await sealed_size() == 1
    clock.move(9.9)
    assert await sealed_size() == 1
    clock.move(0.1)
    assert await sealed_size() == 2
    await record(timed, *(an_event(n) for n in range(999)))
    assert await sealed_size() == 2
    await record(timed, an_event())
    assert await sealed_size() == 1002
    clock.move(3600)
    assert await sealed_size() == 1002


async def test_what_no_checkpoint_covers_grows_old_in_the_metric(
    timed: Database, clock: Clock
) -> None:
    watch = Watch(timed)

    async def unsealed_s() -> float | None:
        await watch.step()
        return REGISTRY.get_sample_value("leadchain_audit_unsealed_seconds")

    assert await unsealed_s() == 0
    await record(timed, an_event(1))
    clock.move(30)
    await record(timed, an_event(2))
    clock.move(30)
    assert await unsealed_s() == 60
    await seal(timed, clock)
    assert await unsealed_s() == 0


async def test_a_seal_is_published_and_its_signature_covers_size_root_and_chain(
    timed: Database, clock: Clock
) -> None:
    await record(timed, an_event(1), an_event(2))
    await seal(timed, clock)

    log_id, checkpoint, key = await queries.get_checkpoint(timed, 0)

    stated = notes.read(checkpoint.note)
    assert (stated.origin, stated.size) == (origin(log_id), 3)
    assert (stated.root, stated.chain_hash) == (checkpoint.root, checkpoint.chain_hash)
    assert key is not None
    assert notes.is_signed(
        stated.text, stated.lines[0], name=stated.origin, public_key=key.public_key
    )
    async with timed.raw() as raw:
        published = await raw.fetchval(
            "select count(*) from outbox where event_type like '%AuditSealed'"
        )
    assert published == 1


async def test_of_many_sealers_one_seals(timed: Database, clock: Clock) -> None:
    await seal(timed, clock)
    await record(timed, an_event())
    clock.move(10)

    async with asyncio.TaskGroup() as sealers:
        for _ in range(8):
            sealers.create_task(Sealer(timed, keyring(FIRST_SEED)).step())

    found, is_complete = await queries.list_checkpoints(timed, after_size=0, page_size=0)
    assert [checkpoint.size for checkpoint in found] == [1, 2]
    assert is_complete


async def test_every_entry_and_every_earlier_log_is_proved(timed: Database) -> None:
    await record(timed, *(an_event(n) for n in range(700)))
    rng = random.Random(7)

    for size in (1, 255, 256, 257, 511, 512, 600, 700):
        seq, old_size = rng.randint(1, size), rng.randint(1, size)
        entry = await queries.prove_inclusion(timed, seq, size)
        grown = await queries.prove_consistency(timed, old_size, size)

        assert proves_inclusion(entry.leaf_hash, seq - 1, size, proof=entry.path, root=entry.root)
        assert proves_consistency(
            old_size, size, old_root=grown.old_root, root=grown.root, proof=grown.path
        )
        assert entry.root == grown.root
    async with timed.raw() as raw:
        end = await audit.head(raw)
        [last] = await audit.entries_after(raw, 699, limit=1)
    assert (await queries.prove_consistency(timed, 5, 0)).root == end.peaks.root()
    assert (await queries.prove_inclusion(timed, 700, 0)).leaf_hash == leaf_hash(last.fact)


async def test_nothing_is_proved_about_a_log_that_is_not_that_long(timed: Database) -> None:
    with pytest.raises(queries.NotThatLong):
        await queries.prove_inclusion(timed, 1, 0)
    await record(timed, an_event())

    for seq, size in ((2, 0), (0, 1), (1, 2)):
        with pytest.raises(queries.NotThatLong):
            await queries.prove_inclusion(timed, seq, size)
    with pytest.raises(queries.NotThatLong):
        await queries.prove_consistency(timed, 2, 1)
    with pytest.raises(Invalid):
        await queries.prove_consistency(timed, 0, 1)


async def test_who_changed_a_resource_or_one_of_its_fields_is_told_newest_first(
    timed: Database,
) -> None:
    fact, lease = a_fact("l1", owner="ana"), LeasePut("lead", "l1", "ana", 1.0, 1)
    await record(timed, an_event(1, action="fact_written", actor="boss", changes=[fact]))
    await record(timed, an_event(2), an_event(1, action="ownership_granted", changes=[lease]))
    await record(timed, an_event(1, action="amount_edited", details={"fields": ["成交金额"]}))

    async def told(field: str, **options) -> list[str]:
        options = {"before_seq": 0, "page_size": 0, **options}
        page = await queries.who_changed(timed, "lead:l1", field, **options)
        return [json.loads(entry.fact)["action"] for entry in page.entries]

    await record(timed, an_event(1, action="lease_touched", changes=[lease]))
    assert await told("") == ["lease_touched", "amount_edited", "ownership_granted", "fact_written"]
    assert await told("owner") == ["ownership_granted"]
    assert await told("lease") == ["lease_touched", "ownership_granted"]
    assert await told("viewer") == ["fact_written"]
    assert await told("成交金额") == ["amount_edited"]
    assert await told("", before_seq=4, page_size=1) == ["ownership_granted"]
    assert await told("nothing") == []


async def test_a_personal_value_is_committed_to_and_can_be_erased_while_the_log_stays_whole(
    timed: Database, clock: Clock, tmp_path: Path
) -> None:
    event = an_event(action="access_requested", actor="ana", personal={"reason": "示例原因"})
    seq = await record(timed, event)
    async with timed.raw() as raw:
        [entry] = await audit.entries_after(raw, seq - 1, limit=1)
        salt, sealed = await raw.fetchrow("select salt, value from audit_personal")
    value = FIELD_KEYS.open(sealed, b"audit:%d:reason" % seq).decode()
    stated = json.loads(entry.fact)["personal"]["reason"]

    async with timed.unit_of_work() as uow:
        erased = await commands.erase_personal(uow, "ana", actor="officer")
    async with timed.unit_of_work() as uow:
        again = await commands.erase_personal(uow, "ana", actor="officer")

    assert value == "示例原因"
    assert stated == {"commitment": commitment(salt, value)}
    assert "示例原因".encode() not in entry.fact + sealed
    assert (erased, again) == ((1, seq + 1), (0, 0))
    async with timed.raw() as raw:
        assert await raw.fetchval("select count(*) from audit_personal") == 0
    await seal(timed, clock)
    assert (await audited(timed, tmp_path)).findings == []


async def test_the_key_before_vouches_for_the_next_one(
    timed: Database, clock: Clock, tmp_path: Path
) -> None:
    await seal(timed, clock)
    successor = keyring(SECOND_SEED).first("any").public_key

    async def rotate(*seeds: bytes) -> tuple[str, int]:
        async with timed.unit_of_work() as uow:
            log = await recording.begin(uow)
            done = await sealing.rotate_signing_key(
                uow, log, successor, keyring=keyring(*seeds), actor="officer"
            )
            await log.finish()
            return done

    with pytest.raises(UnknownKey):
        await rotate(FIRST_SEED)
    first = await rotate(FIRST_SEED, SECOND_SEED)
    again = await rotate(FIRST_SEED, SECOND_SEED)
    await seal(timed, clock, FIRST_SEED, SECOND_SEED)

    assert first == again
    log_id, checkpoint, _ = await queries.get_checkpoint(timed, 0)
    assert checkpoint.key_id == keyring(SECOND_SEED).first(log_id).key_id
    trusted = read_keys([keyring(FIRST_SEED).first(log_id).verifier_key])
    assert (await audited(timed, tmp_path, keys=trusted)).findings == []
    await record(timed, an_event())
    clock.move(10)
    with pytest.raises(SealedElsewhere):
        await Sealer(timed, keyring(FIRST_SEED)).step()


async def test_a_witness_signature_is_kept_beside_its_checkpoint_once(
    timed: Database, clock: Clock, tmp_path: Path
) -> None:
    await record(timed, an_event())
    await seal(timed, clock)
    _, checkpoint, _ = await queries.get_checkpoint(timed, 0)
    line = WITNESS.line(notes.read(checkpoint.note).text)

    async def co_sign(root: bytes, text: str) -> None:
        async with timed.unit_of_work() as uow:
            await commands.co_sign(uow, checkpoint.size, root, text, witness="reporting")

    with pytest.raises(commands.WitnessDisagrees):
        await co_sign(bytes(32), line)
    for bad in ("", "— x y", line + "\n— forged x", line.replace("—", "-")):
        with pytest.raises(Invalid):
            await co_sign(checkpoint.root, bad)
    await co_sign(checkpoint.root, line)
    await co_sign(checkpoint.root, line)

    _, signed, _ = await queries.get_checkpoint(timed, checkpoint.size)
    assert signed.cosignatures == (line,)
    report = await audited(timed, tmp_path, keys=read_keys([WITNESS.verifier_key]))
    assert (report.findings, report.cosignatures) == ([], 1)


async def test_sixteen_concurrent_writers_raise_no_alarm_and_every_mutation_of_their_log_is_found(
    timed: Database, clock: Clock, tmp_path: Path
) -> None:
    async def write(writer: int) -> None:
        for number in range(10):
            async with timed.unit_of_work() as uow:
                log = await recording.begin(uow)
                fact = a_fact(f"l{writer}-{number}", owner="ana", seq=log.next_seq)
                log.append(an_event(writer, changes=[fact]))
                log.append(an_event(number))
                await log.finish()

    await seal(timed, clock)
    async with asyncio.TaskGroup() as writers:
        for writer in range(16):
            writers.create_task(write(writer))
    sealer = Sealer(timed, keyring(FIRST_SEED))
    clock.move(10)
    await sealer.step()

    report = await audited(timed, tmp_path)

    assert report.findings == []
    assert (report.entries, report.sealed_size) == (321, 321)
    stage = await asyncio.to_thread(stage_of_dump, tmp_path / "log.dump")
    stage.sound.state[:] = [
        change
        for entry in stage.sound.entries
        for change in json.loads(entry.fact).get("changes", ())
    ]
    scores = await asyncio.to_thread(run, stage, 220, random.Random(16), tmp_path)
    assert is_perfect(scores), scores


async def test_the_state_on_record_is_what_the_log_led_to_or_its_change_is_found(
    timed: Database, clock: Clock, tmp_path: Path
) -> None:
    await start_policy(timed, default_policy())
    people = [{"id": "ana"}, {"id": "boss"}]
    written = ["user:ana#manager@user:boss", "role:salesperson#member@user:ana"]
    await lay(timed, foundation_of({"principals": people, "facts": written}))
    await seal(timed, clock)
    file = await dumped(timed, tmp_path)

    whole = await asyncio.to_thread(verify, file, processes=1)
    async with timed.raw() as raw:
        await raw.execute("update facts set subject_id = 'eve' where relation = 'member'")
    file = await dumped(timed, tmp_path)
    tampered = await asyncio.to_thread(verify, file, processes=1)

    assert (whole.findings, whole.state) == ([], 5)
    assert {(each.kind.value, each.place) for each in tampered.findings} == {
        ("inserted", "state"),
        ("deleted", "state"),
    }


async def test_a_dump_without_any_seal_is_incomplete(timed: Database, tmp_path: Path) -> None:
    await record(timed, an_event())

    with pytest.raises(Incomplete, match="no checkpoint"):
        await audited(timed, tmp_path)


@pytest.mark.parametrize(
    ("statement", "kind", "seq"),
    [
        ("update audit_entries set fact = convert_to('{}', 'utf8') where seq = 7", "modified", 7),
        ("update audit_entries set recorded_at = now() where seq = 7", "modified", 7),
        ("delete from audit_entries where seq = 7", "deleted", 7),
        ("delete from audit_entries where seq >= 7", "truncated", 7),
        ("update audit_entries set seq = seq * -1 where seq = 7", "inserted", 1),
    ],
)
async def test_whoever_owns_the_database_is_found_out(
    timed: Database, clock: Clock, tmp_path: Path, statement: str, kind: str, seq: int
) -> None:
    await record(timed, *(an_event(n) for n in range(20)))
    await seal(timed, clock)
    async with timed.raw() as raw:
        await raw.execute("alter table audit_entries disable trigger audit_entries_only_grow")
        await raw.execute(statement)

    first = (await audited(timed, tmp_path)).first

    assert first is not None
    assert (first.kind.value, first.seq) == (kind, seq)


async def test_details_cannot_pose_as_changes_or_commitments(timed: Database) -> None:
    for name in ("changes", "personal"):
        with pytest.raises(ValueError, match="details may not be named"):
            await record(timed, an_event(details={name: []}))


@pytest.mark.parametrize("text", ["", "AAAA", "not base64", ",", "A" * 43])
def test_a_signing_key_is_thirty_two_bytes_or_refused(text: str) -> None:
    with pytest.raises(ValueError, match="signing key"):
        Keyring(text)


async def test_the_tree_grows_over_the_entries_that_were_there_before_it(
    database_url: str,
) -> None:
    from servicekit import migrations

    await asyncio.to_thread(migrations.upgrade, database_url, "permissions")
    database = Database(database_url, service="permissions")
    try:
        await record(database, *(an_event(n) for n in range(520)))
        async with database.raw() as raw:
            before = await audit.head(raw)
            nodes = await raw.fetch("table audit_nodes")
        await asyncio.to_thread(_again_from, database_url, "0003")

        async with database.raw() as raw:
            assert await audit.head(raw) == before
            assert sorted(map(tuple, await raw.fetch("table audit_nodes"))) == sorted(
                map(tuple, nodes)
            )
    finally:
        await database.stop()


def _again_from(url: str, revision: str) -> None:
    from alembic import command
    from servicekit import migrations

    config = migrations._config(url, "permissions")  # noqa: SLF001 - only tests go back
    command.downgrade(config, revision)
    migrations.upgrade(url, "permissions")


async def test_a_sealer_that_is_cut_off_leaves_nothing_and_the_next_one_seals(
    timed: Database, clock: Clock
) -> None:
    await seal(timed, clock)
    await record(timed, an_event())
    clock.move(10)
    with pytest.raises(Unavailable):
        await _seal_and_lose_the_connection(timed)

    await Sealer(timed, keyring(FIRST_SEED)).step()

    found, _ = await queries.list_checkpoints(timed, after_size=0, page_size=0)
    assert [checkpoint.size for checkpoint in found] == [1, 2]


async def _seal_and_lose_the_connection(database: Database) -> None:
    async with database.unit_of_work() as uow:
        assert await checkpoints.try_lock(uow.raw)
        end = await audit.head(uow.raw)
        await sealing.seal(uow, end, keyring(FIRST_SEED).first(end.log_id))
        async with database.raw() as other:
            own_process = await uow.raw.fetchval("select pg_backend_pid()")
            await other.execute("select pg_terminate_backend($1)", own_process)
        await uow.raw.fetchval("select 1")


async def test_a_personal_value_opens_nowhere_but_in_its_place_and_is_never_stored_plain(
    timed: Database,
) -> None:
    first, second = (an_event(actor="ana", personal={"reason": "示例原因"}) for _ in range(2))
    seq = await record(timed, first, second)

    async with timed.raw() as raw:
        rows = await raw.fetch("select seq, value from audit_personal order by seq")

    assert rows[0]["value"] != rows[1]["value"]
    with pytest.raises(SealBroken):
        FIELD_KEYS.open(rows[0]["value"], sealing_context(seq, "reason"))


async def test_a_personal_value_is_not_recorded_without_keys(timed: Database) -> None:
    async with timed.unit_of_work() as uow:
        log = await recording.begin(uow)

        with pytest.raises(ValueError, match="keys that seal"):
            log.append(an_event(personal={"reason": "示例原因"}))
