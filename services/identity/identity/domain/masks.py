"""What is shown of a record's values: enough to tell two records apart, too little to reach anybody. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from servicekit.masking import MASK, mask_phone

if TYPE_CHECKING:
    from collections.abc import Mapping

HIDDEN: Final = "**"
OPEN_FIELDS: Final = frozenset({"province", "city", "honorific"})
"""Fields whose values many people share; they are shown as they are."""

PHONE_FIELDS: Final = frozenset({"phone", "other_phones", "masked_phone"})
CODE_FIELDS: Final = frozenset({"uscc", "resident_id", "passport"})
_CODE_TAIL: Final = 2
_SHOWN: Final = (
    "name",
    "phone",
    "other_phones",
    "masked_phone",
    "email",
    "company",
    "uscc",
    "resident_id",
    "passport",
    "wechat",
    "openid",
    "unionid",
    "external_userid",
    "province",
    "city",
    "district",
    "address",
    "honorific",
)


def masked_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """The identifying fields of a statement, masked; attributes of business are left out."""
    return {name: masked(name, fields[name]) for name in _SHOWN if fields.get(name)}


def masked(field: str, value: str) -> str:
    """One value: `138****8001`, `张**`, `z***@***`, `**7X` of a number of state; nothing of a value of one sign."""
    if field in OPEN_FIELDS:
        return value
    if field in PHONE_FIELDS:
        return ", ".join(_phone(each.strip()) for each in value.split(",") if each.strip())
    if field in CODE_FIELDS:
        return HIDDEN + value[-_CODE_TAIL:] if len(value) > 2 * _CODE_TAIL else HIDDEN
    first = value[0] if len(value) > 1 else ""
    return f"{first}***@***" if "@" in value else f"{first}{HIDDEN}"


def _phone(text: str) -> str:
    """Masked already, a mobile number's ends, or nothing but the last two digits."""
    if "*" in text:
        return text
    shown = mask_phone(text)
    if shown != MASK:
        return shown
    return HIDDEN + text[-_CODE_TAIL:] if len(text) > 2 * _CODE_TAIL else HIDDEN
