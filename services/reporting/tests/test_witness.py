"""The witness of the audit log over real gRPC and the real bus, with a log that a test grows, forks and cuts."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import nats
import pytest
from accesskit.notes import Signer, is_signed
from accesskit.testing.stand_in import StandIn, serving
from leadchain.permissions.v1 import audit_service_pb2 as pb
from leadchain.permissions.v1.audit_service_pb2_grpc import (
    AuditServiceServicer,
    add_AuditServiceServicer_to_server,
)
from leadchain.permissions.v1.events_pb2 import AuditSealed
from prometheus_client import REGISTRY
from pydantic import SecretStr
from reporting.app import build
from reporting.clients import AuditLog
from reporting.commands.witness import Witness
from reporting.domain.seals import Seal
from reporting.settings import Settings
from reporting.store import seals as store
from servicekit.database import Database
from servicekit.events import new_id, subject_of
from servicekit.grpc_client import connect
from servicekit.streams import apply_streams, load_definitions
from servicekit.testing.waiting import eventually

STREAMS = Path(__file__).parents[3] / "deploy" / "nats" / "streams.yaml"
AUDIT = "leadchain.permissions.v1.AuditService"
ORIGIN = "leadchain/permissions/made-up"
REPORTING = Signer.from_seed("leadchain/reporting", bytes([9] * 32))
PERMISSIONS = Signer.from_seed(ORIGIN, bytes([1] * 32))
STRANGER = Signer.from_seed(ORIGIN, bytes([2] * 32))


@dataclass
class FakeLog(AuditServiceServicer):
    """An audit log of leaf hashes, with its tree by RFC 6962; keeps co-signatures by size."""

    leaves: list[bytes] = field(default_factory=list)
    lines: dict[int, str] = field(default_factory=dict)
    disowned: set[int] = field(default_factory=set)
    signer: Signer = PERMISSIONS

    def grow(self, count: int) -> "FakeLog":
        """Appends entries."""
        for _ in range(count):
            self.leaves.append(hashlib.sha256(b"\0" + str(len(self.leaves)).encode()).digest())
        return self

    def note(self) -> str:
        """The checkpoint of all that there is."""
        root, chain = (base64.b64encode(each).decode() for each in (_root(self.leaves), bytes(32)))
        text = f"{ORIGIN}\n{len(self.leaves)}\n{root}\nchain {chain}\n"
        return f"{text}\n{self.signer.line(text)}\n"

    async def GetCheckpoint(self, _: pb.GetCheckpointRequest, __: Any) -> pb.GetCheckpointResponse:
        """The newest, with the log's own word for its key."""
        checkpoint = pb.Checkpoint(size=len(self.leaves), note=self.note())
        return pb.GetCheckpointResponse(
            checkpoint=checkpoint, verifier_key=self.signer.verifier_key
        )

    async def ProveConsistency(
        self, request: pb.ProveConsistencyRequest, context: Any
    ) -> pb.ProveConsistencyResponse:
        """A proof, where the log is long enough."""
        if request.size > len(self.leaves):
            await context.abort(grpc.StatusCode.NOT_FOUND, "not that long")
        path = _subproof(request.old_size, self.leaves[: request.size], is_whole=True)
        return pb.ProveConsistencyResponse(path=path)

    async def CoSign(self, request: pb.CoSignRequest, context: Any) -> pb.CoSignResponse:
        """Keeps a signature, unless it denies to have sealed this."""
        if request.size in self.disowned:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "another root")
        self.lines[request.size] = request.signature_line
        return pb.CoSignResponse()


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    cut = _cut(len(leaves))
    return hashlib.sha256(b"\1" + _root(leaves[:cut]) + _root(leaves[cut:])).digest()


def _subproof(old_size: int, leaves: list[bytes], *, is_whole: bool) -> list[bytes]:
    """RFC 6962, 2.1.2."""
    if old_size == len(leaves):
        return [] if is_whole else [_root(leaves)]
    cut = _cut(len(leaves))
    if old_size <= cut:
        return [*_subproof(old_size, leaves[:cut], is_whole=is_whole), _root(leaves[cut:])]
    return [*_subproof(old_size - cut, leaves[cut:], is_whole=False), _root(leaves[:cut])]


def _cut(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


@pytest.fixture
def audit() -> FakeLog:
    return FakeLog().grow(5)  # type: ignore[abstract]  # answers what a witness asks


@pytest.fixture
async def permissions_grpc(permissions: StandIn, audit: FakeLog) -> AsyncIterator[str]:
    """Where permissions answers, its audit log included."""
    async with serving(permissions, (add_AuditServiceServicer_to_server, audit, AUDIT)) as address:
        yield address


@pytest.fixture
async def audit_log(permissions_grpc: str) -> AsyncIterator[AuditLog]:
    async with connect(permissions_grpc, token=None) as channel:
        yield AuditLog(lambda: channel)


@pytest.fixture
def witness(database: Database, audit_log: AuditLog) -> Callable[..., Witness]:
    """A witness, as it is after each start of its process."""

    def build_witness(
        *, signer: Signer | None = REPORTING, keys: tuple[bytes, ...] = (PERMISSIONS.public_key,)
    ) -> Witness:
        return Witness(database, audit_log, signer=signer, public_keys=keys)

    return build_witness


@pytest.fixture
def seal(database: Database) -> Callable[[str], Any]:
    """Hands a checkpoint to the witness, as the bus does."""

    async def keep(note: str) -> UUID:
        async with database.unit_of_work() as uow:
            await store.keep_seal(uow.raw, made := Seal(uuid4(), note, uow.now))
        return made.event_id

    return keep


@pytest.fixture
def evidence(database: Database) -> Callable[[], Any]:
    """Why checkpoints were refused, and how many entries had been seen."""

    async def reasons() -> list[str]:
        async with database.raw() as raw:
            rows = await raw.fetch("select reason from refused_checkpoints order by refused_at")
        return [row[0] for row in rows]

    return reasons


async def test_a_log_that_grows_is_co_signed_checkpoint_by_checkpoint(
    audit: FakeLog, witness: Any, seal: Any, evidence: Any
) -> None:
    await seal(audit.note())
    await witness().step()
    await seal(audit.grow(8).note())

    await witness().step()

    assert sorted(audit.lines) == [5, 13]
    text = audit.note().partition("\n\n")[0] + "\n"
    assert is_signed(
        text, audit.lines[13], name="leadchain/reporting", public_key=REPORTING.public_key
    )
    assert await evidence() == []


async def test_a_rewritten_log_is_refused_by_a_witness_that_was_started_again(
    audit: FakeLog, witness: Any, seal: Any, evidence: Any
) -> None:
    await seal(audit.note())
    await witness().step()
    audit.leaves[1] = bytes(32)

    await seal(audit.grow(4).note())
    await witness().step()

    assert await evidence() == ["rewritten"]
    assert sorted(audit.lines) == [5]
    assert REGISTRY.get_sample_value("leadchain_audit_checkpoints_refused") == 1


async def test_a_fork_at_the_same_size_is_refused(
    audit: FakeLog, witness: Any, seal: Any, evidence: Any
) -> None:
    await seal(audit.note())
    audit.leaves[4] = bytes(32)
    await seal(audit.note())

    await witness().step()

    assert await evidence() == ["forked"]


async def test_a_log_that_is_shorter_than_what_was_seen_is_refused(
    audit: FakeLog, witness: Any, seal: Any, evidence: Any
) -> None:
    await seal(audit.note())
    await witness().step()
    del audit.leaves[3:]

    await seal(audit.note())
    await witness().step()

    assert await evidence() == ["rolled_back"]


@pytest.mark.parametrize(("note", "reason"), [("nonsense", "malformed"), (None, "unsigned")])
async def test_what_the_log_did_not_sign_is_refused(
    audit: FakeLog, witness: Any, seal: Any, evidence: Any, note: str | None, reason: str
) -> None:
    audit.signer = STRANGER

    await seal(note or audit.note())
    await witness().step()

    assert await evidence() == [reason]


async def test_a_checkpoint_that_the_log_denies_afterwards_is_kept_as_evidence(
    audit: FakeLog, witness: Any, seal: Any, evidence: Any
) -> None:
    audit.disowned.add(5)

    await seal(audit.note())
    await witness().step()

    assert await evidence() == ["disowned"]


async def test_the_first_key_that_the_log_states_is_trusted_where_none_was_given(
    audit: FakeLog, witness: Any, seal: Any, evidence: Any
) -> None:
    await seal(audit.note())
    await witness(keys=()).step()
    audit.signer = STRANGER

    await seal(audit.grow(1).note())
    await witness(keys=()).step()

    assert sorted(audit.lines) == [5]
    assert await evidence() == ["unsigned"]


async def test_a_rotated_key_is_trusted_once_it_is_among_those_given(
    audit: FakeLog, witness: Any, seal: Any, evidence: Any
) -> None:
    await seal(audit.note())
    await witness(keys=()).step()
    audit.signer = STRANGER

    await seal(audit.grow(1).note())
    await witness(keys=(PERMISSIONS.public_key, STRANGER.public_key)).step()

    assert sorted(audit.lines) == [5, 6]
    assert await evidence() == []


async def test_a_witness_without_a_key_watches_and_signs_nothing(
    audit: FakeLog, witness: Any, seal: Any, evidence: Any, database: Database
) -> None:
    await seal(audit.note())
    await witness(signer=None).step()
    audit.leaves[0] = bytes(32)
    await seal(audit.grow(2).note())

    await witness(signer=None).step()

    assert audit.lines == {}
    assert await evidence() == ["rewritten"]
    async with database.raw() as raw:
        assert await raw.fetchval("select count(*) from audit_seals") == 0


async def test_a_checkpoint_that_cannot_be_proved_now_waits(
    audit: FakeLog, database: Database, witness: Any, seal: Any
) -> None:
    async with connect("127.0.0.1:1", token=None) as nowhere:
        away = AuditLog(lambda: nowhere, deadline_s=0.2)
        await seal(audit.note())

        more = await Witness(database, away, signer=REPORTING, public_keys=()).step()

    assert more is False
    await witness().step()
    assert sorted(audit.lines) == [5]


async def test_two_processes_of_the_witness_never_sign_what_contradicts(
    audit: FakeLog, witness: Any, seal: Any, evidence: Any
) -> None:
    await seal(audit.note())
    audit.leaves[4] = bytes(32)
    await seal(audit.note())

    await asyncio.gather(*(witness().step() for _ in range(4)))
    await witness().step()

    assert len(audit.lines) == 1
    assert await evidence() == ["forked"]


async def test_what_cannot_be_co_signed_within_a_day_is_given_up(
    audit: FakeLog, database: Database, seal: Any
) -> None:
    event_id = await seal(audit.note())
    async with database.unit_of_work() as uow:
        await store.mark_proved(uow.raw, event_id)
        await uow.raw.execute("update audit_seals set received_at = received_at - interval '25 h'")

    async with connect("127.0.0.1:1", token=None) as nowhere:
        away = AuditLog(lambda: nowhere, deadline_s=0.2)
        await Witness(database, away, signer=REPORTING, public_keys=()).step()

    async with database.raw() as raw:
        assert await raw.fetchval("select count(*) from audit_seals") == 0


async def test_what_is_sealed_on_the_bus_is_co_signed_by_the_running_service(
    settings: Settings, token: str, audit: FakeLog
) -> None:
    streams = [replace(each, max_size_bytes=2**24) for each in load_definitions(STREAMS)]
    await apply_streams(settings.nats_url, streams)
    key = base64.b64encode(bytes([9] * 32)).decode()
    signing = settings.model_copy(update={"witness_signing_key": SecretStr(key)})
    service = build(signing).service()
    await service.start()
    bus = await nats.connect(settings.nats_url)
    event = AuditSealed(event_id=new_id(), log_id="made-up", size=5, note=audit.note())
    event.occurred_at.FromDatetime(datetime.now(UTC))
    try:
        subject = subject_of(event.DESCRIPTOR.full_name, event.log_id)
        await bus.jetstream().publish(subject, event.SerializeToString())

        await eventually(lambda: _are_there(audit.lines), what="the co-signature")
    finally:
        await bus.close()
        assert await service.stop() == 0

    text = audit.note().partition("\n\n")[0] + "\n"
    assert audit.lines == {5: REPORTING.line(text)}


async def _are_there(lines: dict[int, str]) -> bool:
    return bool(lines)


def test_a_key_that_is_none_is_an_error_at_the_start(settings: Settings) -> None:
    broken = settings.model_copy(update={"audit_public_keys": "leadchain/permissions/x+00+AAAA"})

    with pytest.raises(ValueError, match="verifier key"):
        broken.trusted_keys()
    given = {"audit_public_keys": f"{PERMISSIONS.verifier_key}, {STRANGER.verifier_key}"}
    keys = settings.model_copy(update=given).trusted_keys()
    assert keys == [PERMISSIONS.public_key, STRANGER.public_key]
