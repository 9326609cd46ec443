"""The forms of lead-intake, asked for by commands, and the files that documents are written in."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leadchain.intake.v1.forms_service_pb2_grpc import FormsServiceAsyncStub

    from leadctl.clients import Services

Form = Annotated[str, typer.Option("--form", help="The form's name.")]
FormName = Annotated[str, typer.Argument(help="The form's name.")]
Approval = Annotated[
    str,
    typer.Option(
        "--approval", help="The approval to use; without one, the refusal says what to ask for."
    ),
]
DocumentFile = Annotated[Path, typer.Argument(help="The document, YAML or JSON.")]


@contextmanager
def asking(known: Services) -> Iterator[FormsServiceAsyncStub]:
    """The service of forms; a call that fails inside the block raises `NotAnswered`."""
    from leadchain.intake.v1.forms_service_pb2_grpc import FormsServiceStub

    with known.asking("lead-intake") as channel:
        yield FormsServiceStub(channel)


def document_of(file: Path) -> str:
    """A document as it is checked, approved and published: JSON with sorted names.

    Raises `typer.BadParameter` (exit code 2) when the file cannot be read or holds what JSON has no words for.
    """
    try:
        content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        return json.dumps(
            content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
        )
    except (OSError, UnicodeDecodeError, ValueError, TypeError, yaml.YAMLError) as error:
        raise typer.BadParameter(f"{file}: {' '.join(str(error).split())}") from None


def use_key(*parts: object) -> str:
    """The key of one use of an approval: a command that is given again is the same use."""
    return "/".join(map(str, parts))
