"""What records of different customers may share: a phone or the like, a company, its code, an address. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from matchkit.model import Features, Hasher, Model

RELATION_KINDS: Final = frozenset({"uscc", "company", "address"})
"""Fields that relate customers to each other without making them one."""
IDENTIFIER: Final = "identifier"


def shared_tokens(model: Model, features: Features, hasher: Hasher) -> dict[int, str]:
    """The keyed tokens of everything by which a record may be related to others, each with its kind."""
    identifiers = dict.fromkeys(model.identifiers(features, hasher), IDENTIFIER)
    return {**identifiers, **relation_tokens(model, features, hasher)}


def relation_tokens(
    model: Model,
    features: Features,
    hasher: Hasher,
    *,
    kinds: Collection[str] = RELATION_KINDS,
) -> dict[int, str]:
    """The keyed tokens of what a record may share, each with the name of its field."""
    found: dict[int, str] = {}
    for field, kind, value in zip(model.fields, model.kinds, features, strict=True):
        if field.name not in kinds:
            continue
        for each in field.values(value):
            term = kind.term(each)
            if term:
                found[hasher(f"relation {field.name}", term)] = field.name
    return found
