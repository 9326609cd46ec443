"""The kinds of tasks, read from YAML."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from servicekit.documents import load_document

from engagement.domain.tasks import TaskKind, TaskPolicy

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "engagement.policies"


def load_task_policy(file: Path | None = None) -> TaskPolicy:
    """The kinds in `file`, or the packaged ones; raises `servicekit.documents.InvalidPolicy`."""
    content = load_document(PACKAGE, "tasks", file).content
    kinds = {kind: _kind(kind, told) for kind, told in content["tasks"].items()}
    return TaskPolicy(content["version"], kinds)


def _kind(kind: str, told: dict[str, Any]) -> TaskKind:
    return TaskKind(
        kind=kind,
        zh=told["name"]["zh"],
        en=told["name"]["en"],
        due_in=timedelta(hours=told["due_h"]),
        is_managers=told["to"] == "manager",
        group=told["group"] if told["to"] == "group" else "",
        needs=tuple(told["answers"]),
        needs_approval=told["approval"],
    )
