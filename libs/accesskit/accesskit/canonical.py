"""One way to write a value as bytes, so that its hash means the value.

Objects are sorted by key, nothing is padded, text is UTF-8. What has no single written form is refused.
"""

import hashlib
import json
import math
from typing import Any

from servicekit.errors import Invalid

NESTING_MAX = 32


class NotCanonical(Invalid):
    """A value that JSON cannot state in exactly one way: not finite, a key that is no text, or too deep."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no canonical form at {path}")
        self.path = path


def canonical_json(value: Any) -> bytes:
    """The value's only written form; raises `NotCanonical`."""
    _check(value, "$", 0)
    return _encode(value).encode()


def params_hash(params: Any) -> str:
    """SHA-256 (hex) of the canonical arguments of a sensitive action: what an approval is bound to."""
    return hashlib.sha256(canonical_json(params)).hexdigest()


_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def _check(value: Any, path: str, depth: int) -> None:
    if depth > NESTING_MAX:
        raise NotCanonical(path)
    if isinstance(value, dict):
        _check_object(value, path, depth)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", depth + 1)
    elif not _is_plain(value):
        raise NotCanonical(path)


def _check_object(value: dict[Any, Any], path: str, depth: int) -> None:
    for key, item in value.items():
        if not isinstance(key, str) or not _is_plain(key):
            raise NotCanonical(path)
        _check(item, f"{path}.{key}" if key.isidentifier() else f"{path}[key]", depth + 1)


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int)
