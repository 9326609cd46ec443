"""Takes personal data out of text before it leaves in a log line, a span or an error.

Hidden decision: what looks personal. Mobile numbers of mainland China in any spelling, e-mail
addresses, unified social credit codes (18 characters) and resident identity numbers are found by
shape; names, companies and raw payloads have no shape, so a field that carries one is known by its
key. A leak is worse than a lost figure: a decimal number of exactly eleven digits that reads like a
mobile number is masked too.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from uuid import UUID

MASK = "***"

_DEPTH_MAX = 8

# White space, hyphens, dots, brackets and invisible joiners that people and spreadsheets put inside
# numbers, with their full-width forms.
_GAP = (
    r"[\s\-.,_/*·•()\[\]\uff08\uff09\uff0e\uff0c\u3001\uff3f\uff0f"
    r"\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d\u200b-\u200f\u2060\ufeff]{0,3}"
)
_MOBILE = (
    rf"(?<!\d)(?:(?:[+\uff0b]|[0\uff10]{{2}})?{_GAP}[8\uff18]{_GAP}[6\uff16]{_GAP}|[0\uff10]{_GAP})?"
    rf"(?P<mobile>[1\uff11]{_GAP}[3-9\uff13-\uff19](?:{_GAP}\d){{9}})(?!\d)"
)
_HEX_ID = (
    r"(?<![0-9A-Za-z])"
    r"(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{16}(?:[0-9a-f]{16}){0,3})"
    r"(?![0-9A-Za-z])"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_ADDRESS = rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.])"
_RESIDENT_ID = (
    r"(?<!\d)[1-9\uff11-\uff19]\d{5}(?:1[89]|20|\uff11[\uff18\uff19]|\uff12\uff10)\d{2}"
    r"[01\uff10\uff11]\d[0-3\uff10-\uff13]\d{4}[\dXx\uff38\uff58](?!\d)"
)
_CREDIT_CODE = (
    r"(?<![0-9A-Za-z])[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}(?![0-9A-Za-z])"
)

_PERSONAL_NUMBER = re.compile(
    rf"(?P<open>{_HEX_ID}|{_ADDRESS})|(?P<number>{_RESIDENT_ID}|(?i:{_CREDIT_CODE}))|{_MOBILE}"
)
_SIX_DIGITS = re.compile(rf"\d(?:{_GAP}\d){{5}}")
_EMAIL = re.compile(r"[\w.+%\-]{1,64}[@\uff20][\w\-]{1,63}(?:[.\uff0e][\w\-]{1,63})+")

_PHONE_KEY = re.compile(r"(?:.*_)?(?:phone|mobile|tel)(?:_.*)?")
_SECRET_KEY = re.compile(
    r"(?:.*_)?(?:email|uscc|id_number|company|body|payload|raw|token|secret|password|authorization)"
    r"|contact.*|(?:full_|first_|last_|family_|given_|person_|customer_|company_|rep_|user_)?name"
)
_PLAIN_TYPES = (date, time, timedelta, Decimal, PurePath, UUID)


def mask_text(text: str) -> str:
    """The text with every mobile number, e-mail, credit code and identity number masked.

    Timestamps, UUIDs, hexadecimal ids (16, 32, 48 or 64 digits), IPv4 addresses and ports stay. Masking
    twice changes nothing.
    """
    if _SIX_DIGITS.search(text) is not None:
        text = _PERSONAL_NUMBER.sub(_masked_number, text)
    if "@" in text or "\uff20" in text:
        text = _EMAIL.sub(MASK, text)
    return text


def mask_phone(phone: str) -> str:
    """`138****8001` for a mainland mobile number in any spelling, `***` for everything else."""
    found = _PERSONAL_NUMBER.search(phone)
    if found is None or found["mobile"] is None:
        return MASK
    return _masked_mobile(found["mobile"])


def mask_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """A copy fit for a log line: personal and secret keys hidden, all other text masked.

    Values become JSON types; an object of an unknown type is replaced by its type's name, because
    its text can hold anything.
    """
    return _masked_mapping(fields, depth=0)


def mask_value(value: object) -> object:
    """One value fit for a log line or a span attribute; see `mask_fields`."""
    return _masked(value, depth=0)


@lru_cache(maxsize=2048)
def _key_kind(key: str) -> str:
    folded = key.lower().replace("-", "_")
    if _PHONE_KEY.fullmatch(folded):
        return "phone"
    return "secret" if _SECRET_KEY.fullmatch(folded) else "open"


def _masked_mapping(fields: Mapping[str, object], *, depth: int) -> dict[str, object]:
    return {
        mask_text(str(key)): _masked_field(str(key), value, depth=depth)
        for key, value in fields.items()
    }


def _masked_field(key: str, value: object, *, depth: int) -> object:
    kind = _key_kind(key)
    if kind == "open" or value is None or isinstance(value, bool):
        return _masked(value, depth=depth)
    if kind == "phone" and isinstance(value, str | int):
        return mask_phone(str(value))
    return MASK


def _masked(value: object, *, depth: int) -> object:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return mask_text(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return _masked_integer(value)
    return _masked_object(value, depth=depth)


def _masked_integer(value: int) -> object:
    text = str(value)
    masked = mask_text(text)
    return value if masked == text else masked


def _masked_object(value: object, *, depth: int) -> object:
    if depth < _DEPTH_MAX and isinstance(value, Mapping):
        return _masked_mapping(value, depth=depth + 1)
    if depth < _DEPTH_MAX and isinstance(value, list | tuple | set | frozenset):
        return [_masked(item, depth=depth + 1) for item in value]
    if isinstance(value, _PLAIN_TYPES):
        return mask_text(str(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return f"<{type(value).__name__}>"


def _masked_number(found: re.Match[str]) -> str:
    if found["open"] is not None:
        return found[0]
    return MASK if found["mobile"] is None else _masked_mobile(found["mobile"])


def _masked_mobile(spelling: str) -> str:
    digits = "".join(str(unicodedata.digit(c)) for c in spelling if c.isdecimal())
    return f"{digits[:3]}****{digits[-4:]}"
