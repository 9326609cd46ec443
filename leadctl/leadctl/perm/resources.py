"""How operators write resources: `type:id`, or a bare id for a lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from leadchain.permissions.v1.changes_pb2 import Entity


def resource(text: str) -> Entity:
    """The resource; raises `typer.BadParameter` when its type or id is missing."""
    from leadchain.permissions.v1.changes_pb2 import Entity

    kind, separator, id_ = text.partition(":")
    if not separator:
        kind, id_ = "lead", text
    if not kind or not id_:
        raise typer.BadParameter(f"{text!r} is neither TYPE:ID nor the id of a lead")
    return Entity(type=kind, id=id_)


def written(entity: Entity) -> str:
    """A resource as operators write it."""
    return f"{entity.type}:{entity.id}"
