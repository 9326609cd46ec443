"""`leadctl audit`: the log of permissions, dumped, verified by a program of its own, and asked about a resource."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from leadchain.permissions.v1 import audit_service_pb2 as pb
from rich.markup import escape

from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, complain, moment, plain_table, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

DUMP_WITHIN_S = 3600.0
VERIFY_WITHIN_S = 3600.0
PAGE_SIZE = 1000

audit_app = typer.Typer(help="The audit log: dump, verify, ask.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The dump file.")]
Limit = Annotated[int, typer.Option(min=1, max=PAGE_SIZE, help="At most this many.")]


@audit_app.command()
def dump(file: File, target: Targets = None, token_file: Token = None) -> None:
    """Write the whole log, its checkpoints and the state to a file; it holds no personal values."""
    size = run(services(target, token_file), lambda known: write_dump(known, file))
    typer.echo(f"{file}: {size:,} bytes")


@audit_app.command()
def verify(
    file: File,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Checkpoints published elsewhere, as `checkpoints` prints.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Known keys, one a line: name+id+base64.")
    ] = None,
) -> None:
    """Run leadchain-audit on a dump. Exits 0 when it is whole, 2 when tampered with, 3 when incomplete."""
    command = [sys.executable, "-m", "auditor", "verify", str(file)]
    for option, value in (("--checkpoints", checkpoints), ("--keys", keys)):
        command += [option, str(value)] if value else []
    try:
        done = subprocess.run(command, check=False, timeout=VERIFY_WITHIN_S)  # noqa: S603 - our own program
    except subprocess.TimeoutExpired:
        complain("the verification did not end in time")
        raise typer.Exit(3) from None
    raise typer.Exit(done.returncode)


@audit_app.command("who-changed")
def who_changed(
    resource: Annotated[str, typer.Argument(help="What, as type:id.")],
    field: Annotated[str, typer.Option(help="Only this field or relation.")] = "",
    limit: Limit = 100,
    target: Targets = None,
    token_file: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Who changed a resource, or one field or relation of it; newest first."""
    request = pb.WhoChangedRequest(resource=resource, field=field, page_size=limit)
    answer = run(services(target, token_file), lambda known: changes_of(known, request))
    present(answer, render_changes, as_json=as_json)


@audit_app.command()
def checkpoints(target: Targets = None, token_file: Token = None) -> None:
    """Print every checkpoint as a JSON line, to be kept where the log's owner cannot reach it."""
    for checkpoint in run(services(target, token_file), every_checkpoint):
        line = {"size": checkpoint.size, "note": checkpoint.note}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


async def write_dump(known: Services, file: Path) -> int:
    """Writes the dump file; its size in bytes. A dump that breaks off leaves none. Raises `NotAnswered`."""
    from leadchain.permissions.v1.audit_service_pb2_grpc import AuditServiceStub

    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        with known.asking("permissions") as channel, unfinished.open("wb") as out:
            parts = AuditServiceStub(channel).DumpAudit(
                pb.DumpAuditRequest(), timeout=DUMP_WITHIN_S
            )
            async for part in parts:
                out.write(part.content)
        size = unfinished.stat().st_size
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return size


async def changes_of(known: Services, request: pb.WhoChangedRequest) -> pb.WhoChangedResponse:
    """Entries about a resource; raises `NotAnswered`."""
    from leadchain.permissions.v1.audit_service_pb2_grpc import AuditServiceStub

    with known.asking("permissions") as channel:
        return await AuditServiceStub(channel).WhoChanged(request)


async def every_checkpoint(known: Services) -> list[pb.Checkpoint]:
    """All checkpoints, the smallest first; raises `NotAnswered`."""
    from leadchain.permissions.v1.audit_service_pb2_grpc import AuditServiceStub

    found: list[pb.Checkpoint] = []
    with known.asking("permissions") as channel:
        stub = AuditServiceStub(channel)
        while True:
            after_size = found[-1].size if found else 0
            request = pb.ListCheckpointsRequest(after_size=after_size, page_size=PAGE_SIZE)
            page = await stub.ListCheckpoints(request)
            found += page.checkpoints
            if page.complete:
                return found


def render_changes(console: Console, answer: pb.WhoChangedResponse) -> None:
    """A row for each entry."""
    table = plain_table("entry", "when", "action", "who", numbers=("entry",), folds=("who",))
    for change in answer.changes:
        when = moment(change.recorded_at)
        table.add_row(str(change.seq), when, escape(change.action), escape(change.actor))
    console.print(table)
    if not answer.complete:
        console.print("there are older ones: say --limit")
