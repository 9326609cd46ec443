"""How commands show what they learnt: tables for people, JSON for programs, one red line for a refusal."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine

    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

    from leadctl.clients import Services

WIDTH_OUTSIDE_A_TERMINAL = 150

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

T = TypeVar("T")
M = TypeVar("M", bound="Message")


def screen() -> Console:
    """Standard output; wide where no terminal sets a width, so that ids are never cut."""
    width = None if sys.stdout.isatty() else WIDTH_OUTSIDE_A_TERMINAL
    return Console(highlight=False, width=width)


def complain(text: str) -> None:
    """One red line on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, style="red", markup=False)


def run(services: Services, work: Callable[[Services], Awaitable[T]]) -> T:
    """What `work` learns from the services; a service that does not answer ends the command with 1."""
    return run_or_exit(_asked(services, work))


def run_or_exit(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; `NotAnswered` becomes one line and exit code 1."""
    from leadctl.clients import NotAnswered

    try:
        return asyncio.run(work)
    except NotAnswered as problem:
        complain(str(problem))
        raise typer.Exit(1) from None


def present(answer: M, render: Callable[[Console, M], None], *, as_json: bool) -> None:
    """Show an answer: as JSON with the names of the contract, or as `render` puts it."""
    if as_json:
        print_json(as_dict(answer))
    else:
        render(screen(), answer)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def as_dict(answer: Message) -> dict[str, Any]:
    """An answer with the names of its contract, zeros and empty texts included; counts are numbers."""
    content: dict[str, Any] = MessageToDict(
        answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return _with_numbers(content, answer.DESCRIPTOR)


def plain_table(*columns: str, numbers: Collection[str] = (), folds: Collection[str] = ()) -> Table:
    """A table without lines; columns in `numbers` are flush right.

    On a narrow screen those in `folds` are folded, by default the last; the others never are.
    """
    table = Table(box=None, padding=(0, 2 if not numbers else 1, 0, 0), header_style="bold")
    for column in columns:
        side: Literal["left", "right"] = "right" if column in numbers else "left"
        may_fold = column in (folds or columns[-1:])
        table.add_column(column, justify=side, no_wrap=not may_fold, overflow="fold")
    return table


def moment(stamp: Timestamp) -> str:
    """A time in this machine's zone, to the millisecond; `-` for one that is not set."""
    if not stamp.ToNanoseconds():
        return "-"
    local = stamp.ToDatetime(tzinfo=UTC).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}"


def parsed_moment(text: str, *, now: datetime) -> datetime:
    """A time given as ISO 8601 or as an age such as `90s`, `30m`, `2h` or `7d`.

    A time without a zone is of this machine's. Raises `typer.BadParameter` for anything else.
    """
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}.get(text[-1:])
    if unit and text[:-1].isascii() and text[:-1].isdecimal() and len(text) <= 7:
        return now - timedelta(**{unit: int(text[:-1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither ISO 8601 nor an age such as 2h") from None
    return found.astimezone(UTC)


def _with_numbers(content: dict[str, Any], descriptor: Any) -> dict[str, Any]:
    """`content` with 64-bit numbers as numbers: protobuf's own JSON writes them as text."""
    for name, value in content.items():
        field = descriptor.fields_by_name[name]
        if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64):
            content[name] = [int(v) for v in value] if isinstance(value, list) else int(value)
        elif field.message_type is not None:
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict):
                    _with_numbers(part, field.message_type)
    return content


async def _asked(services: Services, work: Callable[[Services], Awaitable[T]]) -> T:
    async with services:
        return await work(services)
