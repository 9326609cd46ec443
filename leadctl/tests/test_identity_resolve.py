"""`leadctl identity resolve` against a service that says what a test wants."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from leadchain.identity.v1 import resolution_service_pb2 as pb
from leadchain.identity.v1.events_pb2 import MATCH_BASIS_PHONE
from leadchain.identity.v1.resolution_service_pb2_grpc import (
    ResolutionServiceServicer,
    add_ResolutionServiceServicer_to_server,
)
from leadctl.__main__ import app
from leadctl.testing import CliRunner, Served, serving
from typer.testing import Result

GOLDEN = "a" * 64
MASTER = "CID-20260207-000001"
PHONE = "13800138001"
ROW = {
    "system": "crm",
    "key": "C-1",
    "fields": {"name": "张伟", "phone": PHONE},
    "modified_at": "2026-02-07T12:00:00+08:00",
}


class _Resolution(ResolutionServiceServicer):
    def __init__(self):
        self.resolved = []
        self.previewed = []

    async def Resolve(self, request, _context):
        self.resolved.append(request.statement)
        return pb.ResolveResponse(resolution=_resolution(MASTER))

    async def Preview(self, request, _context):
        self.previewed.append(request.statement)
        return pb.PreviewResponse(resolution=_resolution(""))


def _resolution(master_id):
    return pb.Resolution(
        golden_id=GOLDEN,
        master_id=master_id,
        change=pb.STATEMENT_CHANGE_NEW,
        match_basis=MATCH_BASIS_PHONE,
    )


@dataclass
class Installation:
    """The service, and commands that ask it."""

    served: Served
    service: _Resolution

    def run(self, *command: str, typed: str | None = None) -> Result:
        """What the command does."""
        options = self.served.options("identity")
        return CliRunner().invoke(app, ["identity", "resolve", *command, *options], input=typed)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    service = _Resolution()
    with serving(
        tmp_path_factory.mktemp("installation"),
        (
            add_ResolutionServiceServicer_to_server,
            service,
            "leadchain.identity.v1.ResolutionService",
        ),
    ) as served:
        yield Installation(served, service)


def test_a_row_from_standard_input_is_resolved_and_not_shown_again(there: Installation) -> None:
    done = there.run("-", typed=json.dumps(ROW))

    assert done.exit_code == 0, done.output
    assert MASTER in done.output
    assert GOLDEN in done.output
    assert "new, recognised by phone" in done.output
    assert PHONE not in done.output
    said = there.service.resolved[-1]
    assert (said.system, said.source_key, dict(said.fields)) == ("crm", "C-1", ROW["fields"])
    assert said.modified_at.seconds == 1_770_436_800


def test_a_row_can_be_given_as_a_file(there: Installation, tmp_path: Path) -> None:
    file = tmp_path / "row.json"
    file.write_text(json.dumps({"system": "crm", "key": "C-2", "is_deleted": True}))

    done = there.run(str(file))

    assert done.exit_code == 0, done.output
    assert there.service.resolved[-1].is_deleted


def test_a_preview_is_only_asked_for(there: Installation) -> None:
    resolved = len(there.service.resolved)

    done = there.run(
        "--system", "crm", "--key", "C-1", "--field", "city=深圳", "--preview", "--json"
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["golden_id"] == GOLDEN
    assert dict(there.service.previewed[-1].fields) == {"city": "深圳"}
    assert len(there.service.resolved) == resolved


def test_a_customer_who_would_be_new_has_no_master_id(there: Installation) -> None:
    done = there.run("-", "--preview", typed=json.dumps(ROW))

    assert "a new customer" in done.output


@pytest.mark.parametrize(
    "typed",
    [
        f'{{"system": "crm", "key": "C-1", "fields": {{"phone": {PHONE}}}}}',
        f'{{"system": "crm", "key": "C-1", "{PHONE}": ""}}',
        PHONE,
        f'"{PHONE}',
    ],
    ids=["number", "unknown", "no object", "no json"],
)
def test_what_cannot_be_read_is_refused_without_being_shown(
    there: Installation, typed: str
) -> None:
    done = there.run("-", typed=typed)

    assert done.exit_code == 2
    assert PHONE not in done.output


@pytest.mark.parametrize(
    "command",
    [(), ("--field", PHONE), ("-", "--system", "crm"), ("/nowhere/at/all.json",)],
    ids=["nothing", "no name", "both", "no file"],
)
def test_a_command_that_says_no_statement_is_refused(
    there: Installation, command: tuple[str, ...]
) -> None:
    done = there.run(*command, typed=json.dumps(ROW))

    assert done.exit_code == 2
    assert PHONE not in done.output
