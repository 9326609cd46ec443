"""AuditService at its gRPC door, with a witness that follows the log from outside."""

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from accesskit import notes, witness
from accesskit.changes import FactPut, PolicyPut, PrincipalPut
from accesskit.facts import Fact
from accesskit.notes import Signer
from accesskit.witness import Cosigned, Refusal, Seen
from auditor.notes import read_keys
from auditor.verification import verify
from leadchain.permissions.v1 import audit_service_pb2 as pb
from leadchain.permissions.v1.audit_service_pb2_grpc import (
    AuditServiceStub,
    add_AuditServiceServicer_to_server,
)
from permissions import policies
from permissions.commands import recording
from permissions.commands.sealing import Keyring, Sealer, seal
from permissions.domain.audit import Event
from permissions.domain.checkpoints import origin
from permissions.queries.live import Live
from permissions.rpc.audit import SERVICE, AuditServicer
from permissions.settings import Settings
from permissions.store import audit
from servicekit.auth import TokenVerifier
from servicekit.database import Database
from servicekit.grpc_client import connect
from servicekit.grpc_server import GrpcServer
from servicekit.sealing import KeyRing

FIRST_SEED, SECOND_SEED = bytes([1] * 32), bytes([2] * 32)
KEYRING = Keyring(",".join(base64.b64encode(seed).decode() for seed in (FIRST_SEED, SECOND_SEED)))
CRM = (Path(policies.__file__).parent / "crm.yaml").read_text()
WITHOUT_APPROVALS = re.sub(r"(?m)^  - id: rotate_key\n(    .*\n)+", "", CRM)
REPORTING = Signer.from_seed("leadchain/reporting", bytes([9] * 32))


@pytest.fixture
def live(database: Database) -> Live:
    """A state in which the caller rotates keys as a security officer, by the CRM's policy."""
    made = Live(database)
    member = Fact("role", "security_officer", "member", "service", "engagement")
    changes = [PolicyPut(1, CRM, "live"), PrincipalPut("engagement", "service", "active", 1)]
    made.engine.apply([*changes, FactPut(member)], revision=0)
    return made


@pytest.fixture
async def stub(
    database: Database, live: Live, settings: Settings, token: str
) -> AsyncIterator[AuditServiceStub]:
    verifier = TokenVerifier(settings.jwks_file, issuer="leadchain", audience="leadchain")
    server = GrpcServer("127.0.0.1", 0, verifier=verifier)
    servicer = AuditServicer(database, live, KEYRING)
    server.add(add_AuditServiceServicer_to_server, servicer, SERVICE)
    await server.start()
    await server.announce(serving=True)
    async with connect(f"127.0.0.1:{server.port}", token=lambda: token) as channel:
        yield AuditServiceStub(channel)
    await server.stop()


async def record(database: Database, count: int, **values: Any) -> None:
    async with database.unit_of_work() as uow:
        log = await recording.begin(uow, field_keys=KeyRing({"k1": bytes(32)}))
        for number in range(count):
            defaults = {"action": "decided", "actor": "engagement", "resource": f"lead:l{number}"}
            log.append(Event(**{**defaults, **values}))
        await log.finish()


async def sealed(database: Database) -> None:
    """Seals whatever there is, at once."""
    await Sealer(database, KEYRING).step()
    async with database.unit_of_work() as uow:
        end = await audit.head(uow.raw)
        await seal(uow, end, KEYRING.first(end.log_id))


async def observe(stub: AuditServiceStub, last: Seen | None) -> Cosigned | Refusal | None:
    """What a witness does with the newest checkpoint."""
    newest = await stub.GetCheckpoint(pb.GetCheckpointRequest())
    _, _, encoded = newest.verifier_key.split("+", 2)

    async def prove(old_size: int, size: int) -> list[bytes] | None:
        try:
            request = pb.ProveConsistencyRequest(old_size=old_size, size=size)
            return list((await stub.ProveConsistency(request)).path)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return None

    return await witness.witness(
        newest.checkpoint.note,
        signer=REPORTING,
        public_keys=[base64.b64decode(encoded)[1:]],
        last=last,
        prove=prove,
    )


async def test_a_witness_co_signs_what_continues_what_it_saw(
    database: Database, stub: AuditServiceStub, tmp_path: Path
) -> None:
    await record(database, 300)
    await sealed(database)
    first = await observe(stub, None)
    assert isinstance(first, Cosigned)
    await record(database, 300)
    await sealed(database)

    second = await observe(stub, first.seen)
    again = await observe(stub, second.seen) if isinstance(second, Cosigned) else second

    assert isinstance(second, Cosigned)
    assert again is None
    await stub.CoSign(
        pb.CoSignRequest(size=second.seen.size, root=second.seen.root, signature_line=second.line)
    )
    dump = await downloaded(stub, tmp_path)
    answer = await stub.GetCheckpoint(pb.GetCheckpointRequest())
    report = verify(
        dump,
        keys=read_keys([answer.verifier_key, REPORTING.verifier_key]),
        published=[first.seen.note],
        processes=1,
    )
    assert (report.findings, report.cosignatures, report.is_key_trusted) == ([], 1, True)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"root": bytes(32), "size": 100}, "rewritten"),
        ({"root": bytes(32)}, "forked"),
        ({"size": 10_000}, "rolled_back"),
        ({"origin": "leadchain/permissions/other"}, "other_log"),
    ],
)
async def test_a_witness_refuses_a_log_that_is_not_the_one_it_saw(
    database: Database, stub: AuditServiceStub, changed: dict[str, Any], reason: str
) -> None:
    await record(database, 300)
    await sealed(database)
    seen = await observe(stub, None)
    assert isinstance(seen, Cosigned)

    refusal = await observe(stub, replace(seen.seen, **changed))

    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


async def test_a_witness_agrees_with_an_older_checkpoint_that_comes_late(
    database: Database, stub: AuditServiceStub
) -> None:
    await record(database, 10)
    await sealed(database)
    old = await stub.GetCheckpoint(pb.GetCheckpointRequest())
    await record(database, 10)
    await sealed(database)
    newest = await observe(stub, None)
    assert isinstance(newest, Cosigned)
    proof = await stub.ProveConsistency(
        pb.ProveConsistencyRequest(old_size=old.checkpoint.size, size=newest.seen.size)
    )

    async def prove(old_size: int, size: int) -> list[bytes]:
        assert (old_size, size) == (old.checkpoint.size, newest.seen.size)
        return list(proof.path)

    outcome = await witness.witness(
        old.checkpoint.note,
        signer=REPORTING,
        public_keys=[KEYRING.first(newest.seen.origin.rpartition("/")[2]).public_key],
        last=newest.seen,
        prove=prove,
    )

    assert outcome is None


async def test_a_witness_refuses_what_the_log_did_not_sign(
    database: Database, stub: AuditServiceStub
) -> None:
    await record(database, 1)
    await sealed(database)
    newest = await stub.GetCheckpoint(pb.GetCheckpointRequest())

    async def nothing(_: int, __: int) -> list[bytes]:
        raise AssertionError

    outcome = await witness.witness(
        newest.checkpoint.note, signer=REPORTING, public_keys=[bytes(32)], last=None, prove=nothing
    )

    assert isinstance(outcome, Refusal)
    assert outcome.reason == "unsigned"


@pytest.mark.parametrize("note", ["", "a\n\nb", "a\n1\nAAAA\nchain AAAA\n\n", "a\n01\nx\ny\n\nz"])
def test_what_is_no_checkpoint_is_refused(note: str) -> None:
    with pytest.raises(notes.MalformedNote):
        notes.read(note)


async def test_who_changed_what_is_told_page_by_page(
    database: Database, stub: AuditServiceStub
) -> None:
    for _ in range(3):
        await record(database, 1, details={"fields": ["amount"]})

    request = pb.WhoChangedRequest(resource="lead:l0", field="amount", page_size=2)
    first = await stub.WhoChanged(request)
    request.before_seq = first.changes[-1].seq
    last = await stub.WhoChanged(request)

    assert [change.seq for change in first.changes] == [3, 2]
    assert [change.seq for change in last.changes] == [1]
    assert (first.complete, last.complete) == (False, True)
    assert first.changes[0].actor == "engagement"


async def test_a_key_is_not_rotated_without_an_approval(
    database: Database, stub: AuditServiceStub
) -> None:
    await sealed(database)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.RotateSigningKey(pb.RotateSigningKeyRequest(public_key=bytes(32)))

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "approval_required" in (refused.value.details() or "")


async def test_the_caller_is_on_record_when_values_are_erased_or_keys_rotated(
    database: Database, live: Live, stub: AuditServiceStub
) -> None:
    live.engine.apply([PolicyPut(2, WITHOUT_APPROVALS, "live")], revision=0)
    await sealed(database)
    await record(database, 1, actor="ana", personal={"reason": "示例"})

    erased = await stub.ErasePersonal(pb.ErasePersonalRequest(subject="ana"))
    async with database.raw() as raw:
        log_id = (await audit.head(raw)).log_id
    successor = Signer.from_seed(origin(log_id), SECOND_SEED)
    rotated = await stub.RotateSigningKey(
        pb.RotateSigningKeyRequest(public_key=successor.public_key)
    )

    assert (erased.entry_count, erased.seq) == (1, 3)
    assert (rotated.seq, rotated.verifier_key) == (4, successor.verifier_key)
    async with database.raw() as raw:
        entries = await audit.entries_after(raw, 2, limit=2)
    assert all(b'"actor":"engagement"' in entry.fact for entry in entries)


async def test_asking_beyond_the_log_is_not_found(stub: AuditServiceStub) -> None:
    for call in (
        stub.GetCheckpoint(pb.GetCheckpointRequest()),
        stub.ProveInclusion(pb.ProveInclusionRequest(seq=1)),
        stub.CoSign(pb.CoSignRequest(size=1, signature_line=REPORTING.line("x"))),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def downloaded(stub: AuditServiceStub, folder: Path) -> Path:
    file = folder / "log.dump"
    parts = [part.content async for part in stub.DumpAudit(pb.DumpAuditRequest())]
    file.write_bytes(b"".join(parts))
    return file
