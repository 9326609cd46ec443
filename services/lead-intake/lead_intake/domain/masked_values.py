"""What may be shown of a value so that a person recognises the field and learns nothing of the customer. Pure.

Hidden decision: how much is shown. A mobile number keeps its first three and last four digits, as everywhere; any other
text keeps its first character, a number its first digit; yes, no and nothing are shown. Names of fields stay, unless
they look like a number or an address themselves.
"""

from __future__ import annotations

from typing import Any, Final

from servicekit.masking import MASK, mask_phone, mask_text

HIDDEN: Final = "**"
DEPTH_MAX: Final = 40
KEY_LENGTH_MAX: Final = 100
ELEMENTS_MAX: Final = 20

_MOBILE_DIGITS = 11


def masked_text(text: str) -> str:
    """A text of unknown content: `138****1234`, `z***@***`, or its first character and stars."""
    if not text:
        return ""
    if sum(each.isdigit() for each in text) >= _MOBILE_DIGITS:
        phone = mask_phone(text)
        if phone != MASK:
            return phone
    first = text[0] if len(text) > 1 else ""
    return f"{first}***@***" if "@" in text else f"{first}{HIDDEN}"


def masked_document(value: Any, *, depth: int = 0) -> Any:
    """A decoded body with its structure and no value; lists are cut after 20 elements."""
    if depth > DEPTH_MAX:
        return HIDDEN
    if isinstance(value, dict):
        return {
            masked_key(key): masked_document(each, depth=depth + 1) for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked_document(each, depth=depth + 1) for each in value[:ELEMENTS_MAX]]
    if value is None or isinstance(value, bool):
        return value
    return masked_text(str(value))


def masked_key(key: object) -> str:
    """A field's name; one that looks like a person's number or address is masked."""
    name = str(key)[:KEY_LENGTH_MAX]
    return masked_text(name) if is_personal_key(name) else name


def is_personal_key(name: str) -> bool:
    """Whether a field's name is itself a phone number, an address or the like."""
    digit_count = sum(each.isdigit() for each in name)
    return "@" in name or digit_count >= 6 or mask_text(name) != name
