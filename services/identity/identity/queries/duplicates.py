"""Looks for records like one that is described; reads only, and opens what it compares in memory only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matchkit.errors import Unreadable
from matchkit.scoring import Hubs, Outcome, assess

from identity.domain.duplicates import Likeness, UnreadableProbe
from identity.domain.relations import relation_tokens
from identity.store import duplicates as store

if TYPE_CHECKING:
    from collections.abc import Mapping

    import asyncpg
    from matchkit.model import Features, Hasher, Model

    from identity.seals import Seals


class Lookalikes:
    """Finds records by the same model as the resolver's, and changes nothing."""

    def __init__(self, model: Model, hasher: Hasher, seals: Seals) -> None:
        self._model = model
        self._hasher = hasher
        self._seals = seals

    async def of(self, raw: asyncpg.Connection, probe: Mapping[str, str]) -> list[Likeness]:
        """How every candidate compares; raises `UnreadableProbe` when nothing of the probe can be read."""
        features = self._read(probe)
        keys = self._model.keys_of(features, self._hasher)
        company = relation_tokens(self._model, features, self._hasher, kinds=_COMPANY)
        found = await store.candidates(raw, keys, company)
        return [self._likeness(features, record, probe) for record in found]

    def _read(self, probe: Mapping[str, str]) -> Features:
        try:
            features = self._model.read(probe)
        except Unreadable:
            raise UnreadableProbe from None
        fields = zip(self._model.fields, features, strict=True)
        readable = {field.name for field, value in fields if value is not None}
        if not (readable & _ENOUGH or readable >= _TOGETHER):
            raise UnreadableProbe
        return features

    def _likeness(self, probe: Features, record: store.Found, given: Mapping[str, str]) -> Likeness:
        theirs = self._seals.open_features(record.digest, record.sealed_features, self._model)
        assessment = assess(self._model, probe, theirs, Hubs(self._hasher, set(record.hubs)))
        agreeing = self._agreeing(probe, theirs)
        shared = self._shared(probe, theirs) - set(record.hubs)
        # Who asks by nothing but a company's number asks about the company.
        is_the_company = "uscc" in agreeing and given.keys() <= {"uscc", "company"}
        return Likeness(
            customer_id=record.customer_id,
            posterior=assessment.posterior,
            is_accepted=assessment.outcome is Outcome.ACCEPT,
            is_review=assessment.outcome is Outcome.REVIEW or "uscc" in agreeing,
            is_vetoed=assessment.outcome is Outcome.VETO,
            has_identifier=bool(shared) or is_the_company,
            agreeing=agreeing,
        )

    def _shared(self, a: Features, b: Features) -> set[int]:
        mine = self._model.identifiers(a, self._hasher)
        return set(mine) & set(self._model.identifiers(b, self._hasher))

    def _agreeing(self, a: Features, b: Features) -> tuple[str, ...]:
        """The fields of the probe that are equal in the strongest sense."""
        return tuple(
            field.name
            for position, (field, kind) in enumerate(
                zip(self._model.fields, self._model.kinds, strict=True)
            )
            if field.name in _TOLD
            and any(
                kind.compare(mine, other) == 0
                for mine in field.values(a[position])
                for other in field.values(b[position])
            )
        )


_ENOUGH = frozenset({"phone", "email", "uscc"})
_TOGETHER = frozenset({"company", "name"})
_COMPANY = frozenset({"uscc", "company"})
_TOLD = frozenset({"phone", "email", "uscc", "company", "name"})
