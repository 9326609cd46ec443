"""`leadctl audit` asks permissions over real gRPC, and has a program of its own judge a dump."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from auditor.specimen import WITNESS, Signer, grown
from leadchain.permissions.v1 import audit_service_pb2 as pb
from leadchain.permissions.v1 import audit_service_pb2_grpc as rpc
from leadctl.__main__ import app
from leadctl.testing import CliRunner
from servicekit.errors import Unavailable
from servicekit.grpc_server import GrpcServer
from typer.testing import Result

SIGNER = Signer.of("leadchain/permissions/specimen", "signer")
SERVICE = "leadchain.permissions.v1.AuditService"


class _Audit(rpc.AuditServiceServicer):
    """Holds a dump of a sound log, which breaks off when it is asked to, and two pages of checkpoints."""

    def __init__(self, dump: bytes) -> None:
        self.dump = dump
        self.breaks_off = False

    async def DumpAudit(self, _request, _context):
        yield pb.DumpAuditResponse(content=self.dump[:1000])
        if self.breaks_off:
            raise Unavailable("the database is away")
        yield pb.DumpAuditResponse(content=self.dump[1000:])

    async def ListCheckpoints(self, request, _context):
        size = 2 if request.after_size else 1
        checkpoint = pb.Checkpoint(size=size, note=f"note {size}")
        return pb.ListCheckpointsResponse(checkpoints=[checkpoint], complete=size == 2)

    async def WhoChanged(self, request, _context):
        change = pb.ResourceChange(seq=7, action=f"{request.field}_edited", actor="ana")
        return pb.WhoChangedResponse(changes=[change])


class Installation:
    """A served permissions, and the command that is pointed at it."""

    def __init__(self, folder: Path, servicer: _Audit) -> None:
        self.servicer = servicer
        self._token_file = folder / "token"
        self._token_file.write_text("any")
        self._port = 0

    async def serve(self, ready: threading.Event, done: threading.Event) -> None:
        """Serves until `done`."""
        server = GrpcServer("127.0.0.1", 0, verifier=None, insecure=True)
        server.add(rpc.add_AuditServiceServicer_to_server, self.servicer, SERVICE)
        await server.start()
        self._port = server.port
        ready.set()
        await asyncio.to_thread(done.wait)
        await server.stop()

    def run(self, *arguments: str) -> Result:
        """What the command prints, asked of this installation."""
        target = ["--target", f"permissions=127.0.0.1:{self._port}"]
        where = [*target, "--token-file", str(self._token_file)]
        return CliRunner().invoke(app, ["audit", *arguments, *where])


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Installation]:
    log = grown(30, every=10, signer=SIGNER, witness=Signer.of(WITNESS, "witness"))
    log.write(tmp_path / "sound.dump")
    installation = Installation(tmp_path, _Audit((tmp_path / "sound.dump").read_bytes()))
    ready, done = threading.Event(), threading.Event()
    serving = threading.Thread(target=lambda: asyncio.run(installation.serve(ready, done)))
    serving.start()
    assert ready.wait(20)
    yield installation
    done.set()
    serving.join(20)


def test_a_dump_is_what_the_service_streams(there: Installation, tmp_path: Path) -> None:
    file = tmp_path / "log.dump"

    dumped = there.run("dump", str(file))

    assert dumped.exit_code == 0, dumped.output
    assert file.read_bytes() == there.servicer.dump


def test_a_dump_that_breaks_off_leaves_no_file(there: Installation, tmp_path: Path) -> None:
    there.servicer.breaks_off = True
    file = tmp_path / "log.dump"

    dumped = there.run("dump", str(file))

    assert dumped.exit_code == 1
    assert list(tmp_path.glob("log.dump*")) == []


@pytest.mark.parametrize(("kept", "exit_code"), [(None, 0), (-1, 3), (0, 3)])
def test_verify_ends_as_the_auditor_does(tmp_path: Path, kept: int | None, exit_code: int) -> None:
    log = grown(30, every=10, signer=SIGNER, witness=Signer.of(WITNESS, "witness"))
    file, keys = tmp_path / "log.dump", tmp_path / "keys"
    log.write(file)
    file.write_bytes(file.read_bytes()[:kept])
    keys.write_text(SIGNER.verifier_key)

    verified = CliRunner().invoke(app, ["audit", "verify", str(file), "--keys", str(keys)])

    assert verified.exit_code == exit_code


def test_who_changed_shows_who_and_what(there: Installation) -> None:
    told = there.run("who-changed", "lead:l1", "--field", "amount")
    as_json = there.run("who-changed", "lead:l1", "--field", "amount", "--json")

    assert "amount_edited" in told.output
    assert "ana" in told.output
    assert "older" in told.output
    assert json.loads(as_json.output)["changes"][0]["seq"] == 7


def test_checkpoints_are_printed_over_all_pages_one_a_line(there: Installation) -> None:
    printed = there.run("checkpoints")

    notes = [json.loads(line) for line in printed.output.splitlines()]
    assert notes == [{"size": 1, "note": "note 1"}, {"size": 2, "note": "note 2"}]
