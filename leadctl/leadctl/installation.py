"""Which installation a command talks to: the local stack, or a cluster named by options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadctl.stack.settings import caller_environment, stack_dir

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leadctl.clients import Services

SERVICE_NAMES = (
    "lead-intake",
    "identity",
    "assignment",
    "permissions",
    "engagement",
    "notification",
    "reporting",
)

Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="SERVICE=HOST:PORT",
        envvar="LEADCTL_TARGETS",
        help="Where a service listens; else the local stack's.",
    ),
]
Token = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="LEADCTL_TOKEN_FILE",
        help="The operator's token; else the local stack's.",
    ),
]


def services(targets: Sequence[str] | None, token_file: Path | None) -> Services:
    """The services named by the options; what they leave out is the local stack's.

    Raises `typer.BadParameter` (exit code 2) for a malformed option, or where there is no stack.
    """
    from leadctl.clients import Services

    given = dict(_parsed(target) for target in targets or ())
    if given and token_file is not None:
        return Services(given, token_file)
    stack = _local_stack()
    local = {name: target.grpc for name, target in stack.targets().items()}
    return Services(local | given, token_file or stack.operator_token_file())


def spans_dir(given: Path | None) -> Path:
    """Where the local stack keeps its spans, unless another folder is named."""
    folder = given or stack_dir(caller_environment()) / "spans"
    if not folder.is_dir():
        raise typer.BadParameter(f"there are no spans in {folder}; a cluster keeps them elsewhere")
    return folder


def _local_stack() -> _Stack:
    from leadctl.stack.stack import Stack

    stack = Stack()
    if not stack.directory.exists():
        raise typer.BadParameter(
            f"there is no stack in {stack.directory}; start one, or say --target and --token-file"
        )
    return stack


def _parsed(target: str) -> tuple[str, str]:
    name, equals, address = target.partition("=")
    if not (equals and address):
        raise typer.BadParameter(f"{target!r} is not SERVICE=HOST:PORT")
    if name not in SERVICE_NAMES:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(SERVICE_NAMES)}")
    return name, address


if TYPE_CHECKING:
    from leadctl.stack.stack import Stack as _Stack
