"""`leadctl identity resolve`: whose a row of some system is. What the row says is never shown again."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from leadchain.identity.v1 import resolution_service_pb2 as pb
from leadchain.identity.v1.events_pb2 import MatchBasis
from leadchain.identity.v1.resolution_service_pb2_grpc import ResolutionServiceStub

from leadctl.identity.references import SERVICE
from leadctl.installation import Targets, Token, services
from leadctl.presentation import AsJson, parsed_moment, present, run

if TYPE_CHECKING:
    from rich.console import Console

    from leadctl.clients import Services

CHARS_MAX = 500_000
"""More than the largest statement that identity takes: 64 fields of 4,096 characters."""

STDIN = Path("-")
_FORM = "an object of system, key, fields (texts by name), and maybe modified_at and is_deleted"


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    """A statement as a file gives it; `modified_at` is ISO 8601, or an age, and now without it."""

    system: str
    key: str
    fields: dict[str, str] = {}
    modified_at: str = ""
    is_deleted: bool = False


def resolve(  # noqa: PLR0913, PLR0917 - each is an argument of the command
    file: Annotated[
        Path | None,
        typer.Argument(help="A JSON file with one statement; - is standard input."),
    ] = None,
    system: Annotated[str, typer.Option(help="The system whose row it is, such as crm.")] = "",
    key: Annotated[str, typer.Option(help="The row's key in that system.")] = "",
    field: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, such as city=深圳; again for more.")
    ] = None,
    modified_at: Annotated[
        str, typer.Option(help="When it was changed there: ISO 8601, or an age such as 2h.")
    ] = "",
    target: Targets = None,
    token_file: Token = None,
    *,
    is_deleted: Annotated[bool, typer.Option("--deleted", help="The row is gone.")] = False,
    preview: Annotated[bool, typer.Option(help="Only answer; nothing is written.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a row of a system says, and learn whose it is.

    Personal values belong into a file or standard input, which no shell's history keeps:
    {"system": "crm", "key": "C-1", "fields": {"name": "张伟", "phone": "13800138001"}}.
    For example: leadctl identity resolve --system crm --key C-1 --field city=深圳 --preview
    """
    given = system or key or field or modified_at or is_deleted
    if bool(given) == (file is not None):
        raise typer.BadParameter("give either a file or --system, --key and --field")
    row = _Row(system, key, _fields(field or ()), modified_at, is_deleted)
    statement = _statement(row if file is None else _read(file))
    answer = run(services(target, token_file), _Asked(statement, is_preview=preview))
    present(answer, _render, as_json=as_json)


class _Asked:
    """The question, whose answer is a resolution."""

    def __init__(self, statement: pb.RowStatement, *, is_preview: bool) -> None:
        self._statement = statement
        self._is_preview = is_preview

    async def __call__(self, known: Services) -> pb.Resolution:
        """Asks identity."""
        with known.asking(SERVICE) as channel:
            stub = ResolutionServiceStub(channel)
            if self._is_preview:
                preview = await stub.Preview(pb.PreviewRequest(statement=self._statement))
                return preview.resolution
            answer = await stub.Resolve(pb.ResolveRequest(statement=self._statement))
            return answer.resolution


def _fields(given: list[str] | tuple[()]) -> dict[str, str]:
    """Values by name; raises `typer.BadParameter` without telling them."""
    fields = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise typer.BadParameter("a field is given as NAME=VALUE")
        fields[name] = value
    return fields


def _read(file: Path) -> _Row:
    """What a file says; raises `typer.BadParameter` without telling what it was."""
    try:
        if file == STDIN:
            text = sys.stdin.read(CHARS_MAX)
        else:
            with file.open(encoding="utf-8") as opened:
                text = opened.read(CHARS_MAX)
        return msgspec.json.decode(text, type=_Row)
    except (msgspec.DecodeError, UnicodeError):
        raise typer.BadParameter(f"the statement is not {_FORM}, in JSON") from None
    except OSError:
        raise typer.BadParameter("the file cannot be read") from None


def _statement(row: _Row) -> pb.RowStatement:
    now = datetime.now(UTC)
    statement = pb.RowStatement(
        system=row.system, source_key=row.key, fields=row.fields, is_deleted=row.is_deleted
    )
    at = parsed_moment(row.modified_at, now=now) if row.modified_at else now
    statement.modified_at.FromDatetime(at)
    return statement


def _render(console: Console, answer: pb.Resolution) -> None:
    change = pb.StatementChange.Name(answer.change).removeprefix("STATEMENT_CHANGE_").lower()
    basis = MatchBasis.Name(answer.match_basis).removeprefix("MATCH_BASIS_").lower()
    console.print(
        f"{answer.master_id or 'a new customer'}  the row is {change}, recognised by {basis}"
    )
    console.print(answer.golden_id or "nobody")
