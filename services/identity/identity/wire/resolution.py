"""Between the contract and statements that come by a call."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from leadchain.identity.v1 import resolution_service_pb2 as pb
from leadchain.identity.v1.events_pb2 import MatchBasis
from servicekit.errors import Invalid, TooLarge

from identity.domain.statements import LEADS, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from identity.domain.statements import Resolved

STATEMENTS_MAX = 500
FIELDS_MAX = 64
VALUE_CHARS_MAX = 4_096
KEY_CHARS_MAX = 200
CLOCK_AHEAD_MAX = timedelta(days=1)
"""A source's clock that is further ahead would win every comparison of times until then."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


def statements(
    given: Iterable[pb.RowStatement], *, actor: str, received_at: datetime
) -> list[Statement]:
    """The statements of a call; raises `TooLarge` for more than 500, and what `statement` raises."""
    given = list(given)
    if len(given) > STATEMENTS_MAX:
        raise TooLarge(f"{len(given)} statements, {STATEMENTS_MAX} fit in a call")
    return [statement(each, actor=actor, received_at=received_at) for each in given]


def statement(given: pb.RowStatement, *, actor: str, received_at: datetime) -> Statement:
    """One statement; raises `Invalid` with the name of what is wrong, never with a value."""
    if _NAME.fullmatch(given.system) is None or given.system == LEADS:
        raise Invalid("system is not the name of a system whose rows are stated")
    if not 0 < len(given.source_key) <= KEY_CHARS_MAX or "\0" in given.source_key:
        raise Invalid("source_key has 1 to 200 characters")
    if not given.fields and not given.is_deleted:
        raise Invalid("fields are empty")
    return Statement(
        system=given.system,
        source_key=given.source_key,
        fields={} if given.is_deleted else _fields(given),
        modified_at=_modified_at(given, received_at),
        received_at=received_at,
        actor=actor,
        is_deleted=given.is_deleted,
    )


def resolution(resolved: Resolved) -> pb.Resolution:
    """Whose a row is, as an answer."""
    return pb.Resolution(
        golden_id=resolved.golden_id,
        master_id=resolved.master_id,
        change=pb.StatementChange.ValueType(resolved.change),
        match_basis=MatchBasis.ValueType(resolved.basis),
    )


def _fields(given: pb.RowStatement) -> dict[str, str]:
    if len(given.fields) > FIELDS_MAX:
        raise Invalid(f"{len(given.fields)} fields, {FIELDS_MAX} fit")
    for name, value in given.fields.items():
        if _NAME.fullmatch(name) is None:
            raise Invalid("a field's name is not lower-case letters, digits and underscores")
        if len(value) > VALUE_CHARS_MAX:
            raise Invalid(f"{name} has {len(value)} characters, {VALUE_CHARS_MAX} fit")
    return dict(given.fields)


def _modified_at(given: pb.RowStatement, received_at: datetime) -> datetime:
    if not given.HasField("modified_at"):
        raise Invalid("modified_at is missing")
    try:
        modified_at = given.modified_at.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Invalid("modified_at is no time") from None
    if modified_at > received_at + CLOCK_AHEAD_MAX:
        raise Invalid("modified_at lies more than a day ahead")
    return modified_at
