"""Reads statements: what is compared of them, which keys propose whom, which Golden IDs their factors give."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from matchkit.chinese import phone_numbers
from matchkit.errors import Unreadable
from matchkit.model import Record
from msgspec.structs import replace

from identity.domain.golden_ids import Factors
from identity.domain.statements import LEADS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matchkit.model import Features, Model

    from identity.domain.golden_ids import GoldenIdKeys, Minted
    from identity.domain.statements import Statement
    from identity.seals import Digests

STRONG = frozenset({"phone", "email", "resident_id", "openid", "unionid", "external_userid"})
"""Fields of which one value names one person: sources that state the same of them share a record."""

SEVERAL = ("phone", "other_phones")
"""Fields of which several values, with commas between, are stated at once."""

_PHONE = re.compile(r"\+[1-9]\d{6,14}(;ext=\d{1,20})?", re.ASCII)
_USCC = re.compile(r"[0-9A-Z]{18}", re.ASCII)
_RESIDENT_ID = re.compile(r"\d{17}[\dX]", re.ASCII)


class Reading(NamedTuple):
    """A statement as it is compared; `record.id` is 0 until it is known whether the record is a new one."""

    statement: Statement
    key_digest: bytes
    record: Record
    minted: tuple[Minted, ...]


class Reader:
    """Reads statements by a model; what it returns holds values and must not outlive the transaction."""

    def __init__(self, model: Model, digests: Digests, keys: GoldenIdKeys) -> None:
        self._model = model
        self._digests = digests
        self._keys = keys
        self._strong = tuple(at for at, field in enumerate(model.fields) if field.name in STRONG)

    def read(self, statement: Statement) -> Reading:
        """The reading of a statement; values too long to be one are not compared."""
        key_digest = self._digests.of_source(statement.system, statement.source_key)
        features = self._features(statement.fields)
        record = self._record(features, key_digest)
        minted = tuple(self._keys.mint(factors(statement)))
        return Reading(statement, key_digest, record, minted)

    def record(self, record_id: int, digest: bytes, features: Features, keys: list[int]) -> Record:
        """A record of the store."""
        hasher = self._digests.hasher
        return Record(
            record_id,
            digest,
            features,
            tuple(keys),
            self._model.identifiers(features, hasher),
            self._model.exclusives(features, hasher),
            self._model.full_names(features, hasher),
        )

    def is_strong(self, features: Features) -> bool:
        """Whether the features name one person by themselves."""
        return any(features[at] is not None for at in self._strong)

    def _record(self, features: Features, key_digest: bytes) -> Record:
        record = self._model.record(0, features, self._digests.hasher)
        if self.is_strong(features):
            return record
        return replace(record, digest=self._digests.of_lonely(record.digest, key_digest))

    def _features(self, fields: Mapping[str, str]) -> Features:
        raw: dict[str, str | list[str]] = dict(fields)
        for name in SEVERAL:
            if "," in fields.get(name, ""):
                raw[name] = [part for part in fields[name].split(",") if part]
        while True:
            try:
                return self._model.read(raw)
            except Unreadable as error:
                del raw[error.field]


def with_id(record: Record, record_id: int, *, is_current: bool) -> Record:
    """The record under its id; one that only former statements hold contradicts nobody."""
    return replace(record, id=record_id, exclusives=record.exclusives if is_current else ())


def factors(statement: Statement) -> Factors:
    """What a statement gives Golden IDs: a complete phone with its extension, and identity numbers as such."""
    fields = statement.fields
    own = statement.source_key
    return Factors(
        phone=_phone(fields.get("phone", "")),
        uscc=_matching(_USCC, fields.get("uscc", "")),
        resident_id=_matching(_RESIDENT_ID, fields.get("resident_id", "")),
        own=own if statement.system == LEADS else f"{statement.system}:{own}",
    )


def _phone(text: str) -> str:
    first = text.partition(",")[0]
    if _PHONE.fullmatch(first):
        return first
    return phone_numbers.read(first[:64]) or "" if first else ""


def _matching(pattern: re.Pattern[str], text: str) -> str:
    found = text.strip().upper()
    return found if pattern.fullmatch(found) else ""
