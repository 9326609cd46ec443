"""What was found in one item, as flat names and texts: for people who try a mapping, masked or in full."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from servicekit.masking import MASK, mask_phone, mask_text

from lead_intake.domain.leads import Stated, Understood

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lead_intake.domain.leads import Finding

_UNFOLDED: Final = frozenset({"contact", "subject", "source"})
"""Parts whose own names are clear without theirs."""

_SHOWN_BY_START: Final = frozenset(
    {"name", "company", "wechat", "openid", "unionid", "external_userid", "addressed_to"}
)
_PHONES: Final = frozenset({"phone_e164", "other_phones"})
_HIDDEN: Final = frozenset({"uscc", "remark", "lines", "recording_url"})
_HIDDEN_GROUPS: Final = ("answers.", "fields.")


def values_of(finding: Finding) -> dict[str, str]:
    """Everything that was read, in full, by name; empty for what was refused or set aside.

    A name within a part of its own has that part in front (`region.city`, `answers.需求`); times are in ISO 8601.
    """
    match finding:
        case Understood(inquiry):
            return dict(_flat("", inquiry))
        case Stated(fact):
            return dict(_flat("", fact))
        case _:
            return {}


def masked(values: Mapping[str, str]) -> dict[str, str]:
    """The same with personal data hidden: enough is left to see whether the right thing was read."""
    return {name: _masked(name, value) for name, value in values.items()}


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if is_dataclass(value) and not isinstance(value, type):
        for part in fields(value):
            inner = "" if part.name in _UNFOLDED else f"{part.name}."
            yield from _flat(f"{prefix}{inner}", getattr(value, part.name))
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _flat(f"{prefix}{name}.", each)
    elif (shown := _shown(value)) != "":
        yield prefix.rstrip("."), shown


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _masked(name: str, value: str) -> str:
    if name in _PHONES:
        return ", ".join(map(_masked_number, value.split(", ")))
    if name == "email":
        return f"{value[0]}{MASK}@{value.rpartition('@')[2]}"
    if name in _SHOWN_BY_START:
        return f"{value[0]}{MASK}"
    if name in _HIDDEN or name.startswith(_HIDDEN_GROUPS):
        return f"{MASK} ({len(value)})"
    return mask_text(value)


def _masked_number(number: str) -> str:
    known = mask_phone(number)
    return known if known != MASK else f"{number[:4]}****{number[-2:]}"
