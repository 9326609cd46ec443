"""The structure that a proved body must have before it is kept: nothing in it that two readers read differently.

JSON is read by the standard library's scanner because it tells of each pair, and so of a key that is there twice.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
from defusedxml import DefusedXmlException, ElementTree

from lead_intake.channels.decoding import Undecodable, decoded
from lead_intake.channels.nesting import DEPTH_MAX, is_too_deep
from lead_intake.webhooks.answers import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS_MAX = 2000


class Malformed(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A body breaks a rule of its form."""


def document_of(kind: str, body: bytes) -> Any:
    """The document in a body of this kind; None for one that only the mapping can judge (a form, a message).

    Raises `Refused` with 422 for a body that breaks a rule of its form.
    """
    check = _CHECKS.get(kind)
    if check is None:
        return None
    try:
        return check(body)
    except (ValueError, RecursionError, ElementTree.ParseError, DefusedXmlException) as error:
        raise Refused(422, "structure") from error


def decoded_or_none(kind: str, body: bytes) -> Any:
    """The document in a body that was not read yet; None where it does not decode."""
    try:
        return decoded(kind, body)
    except Undecodable:
        return None


def strict_json(raw: bytes) -> Any:
    """The document; raises `Malformed` or another ValueError for anything that is not plain, unambiguous JSON."""
    if is_too_deep(raw):
        raise Malformed("nested too deep")
    if raw.count(b":") <= KEYS_MAX:
        document = _SCANNER.decode(raw.decode())
    else:
        document = _counting_scanner().decode(raw.decode())
    if b"\\u" in raw:
        # An escape may stand for half a character, which the standard library lets through.
        msgspec.json.decode(raw)
    return document


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key twice")
    return found


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise Malformed("a number that is too large")
    return value


def _no_constant(name: str) -> NoReturn:
    raise Malformed(name)


def _scanner(pairs: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=pairs, parse_float=_finite, parse_constant=_no_constant
    )


def _counting_scanner() -> json.JSONDecoder:
    """A scanner for one document that may have too many keys."""
    count = 0

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal count
        count += len(found)
        if count > KEYS_MAX:
            raise Malformed("too many keys")
        return _pairs(found)

    return _scanner(pairs)


def _form(body: bytes) -> None:
    """Judges a form by its raw names: its charset is the mapping's affair."""
    names = [pair.partition(b"=")[0] for pair in body.split(b"&", KEYS_MAX)]
    if len(set(names)) != len(names) or len(names) > KEYS_MAX or not names[0]:
        raise Malformed("no form, a field twice, or too many")


def _xml(body: bytes) -> None:
    root = ElementTree.fromstring(body, forbid_dtd=True)
    count, level = 0, [root]
    for _ in range(DEPTH_MAX):
        count += len(level)
        level = [child for element in level for child in element]
    if level or count > KEYS_MAX:
        raise Malformed("nested too deep, or too many elements")


_SCANNER: Final = _scanner(_pairs)
_CHECKS: Final[dict[str, Callable[[bytes], Any]]] = {
    "json": strict_json,
    "form": _form,
    "xml": _xml,
}
