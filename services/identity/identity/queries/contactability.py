"""Whether a customer may be contacted now, over all systems."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from matchkit.kinds import KINDS
from servicekit.sealing import BlindIndex

from identity.domain.contactability import (
    Channel,
    Complaint,
    Objection,
    Purpose,
    Signing,
    Situation,
    Touch,
    may_contact,
)
from identity.domain.customers import CustomerNotFound
from identity.queries.walls import READ
from identity.store import contactability as store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    import asyncpg
    from servicekit.database import Database

    from identity.domain.contactability import Answer, ContactPolicy, Wish
    from identity.queries.customer360 import Named
    from identity.queries.walls import Walls
    from identity.seals import Seals

_WECHAT_NAMES = ("wechat", "openid", "external_userid")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a customer may be contacted, what they are called, and which policy says so."""

    answer: Answer
    golden_id: str
    policy_version: int


class ContactPoints:
    """The digests by which lead-intake knows the ways to reach somebody.

    `index_key` is base64 of 32 bytes, the same as lead-intake's. Raises `servicekit.sealing.InvalidKey`.
    """

    def __init__(self, index_key: str) -> None:
        self._phones = BlindIndex.parse(index_key, "phone")
        self._emails = BlindIndex.parse(index_key, "email")
        self._wechats = BlindIndex.parse(index_key, "wechat")

    def of(self, fields: Mapping[str, str]) -> Iterator[bytes]:
        """The digests of every phone, e-mail and WeChat id in a statement's fields."""
        numbers = [fields.get("phone", ""), *fields.get("other_phones", "").split(",")]
        for number in filter(None, map(KINDS["phone"].normalise, numbers)):
            yield self._phones.of(str(number))
        if fields.get("email"):
            yield self._emails.of(fields["email"].strip().lower())
        for name in _WECHAT_NAMES:
            if fields.get(name):
                yield self._wechats.of(fields[name].strip())


class Contactability:
    """Answers by a policy; `clock` gives the time."""

    def __init__(
        self,
        database: Database,
        walls: Walls,
        policy: ContactPolicy,
        seals: Seals,
        points: ContactPoints,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._walls = walls
        self._policy = policy
        self._seals = seals
        self._points = points
        self._clock = clock

    async def may_contact(self, named: Named, wish: Wish) -> Verdict:
        """The answer with every reason; raises `CustomerNotFound`, and `Refusal` for whoever may not see them."""
        now = self._clock()
        async with self._database.raw() as raw:
            row = await store.situation(
                raw,
                customer_id=named.customer_id,
                lead_id=named.lead_id,
                since=self._policy.since(now),
                complaints_since=now - timedelta(days=store.COMPLAINT_DAYS),
                complaint_types=self._policy.complaint_types,
            )
            if row is None:
                raise CustomerNotFound
            is_marketing = wish.purpose is Purpose.MARKETING
            suppressed_at = await self._suppressed_at(raw, row, is_marketing=is_marketing)
        await self._walls.require(READ, row.golden_id, row.lead_ids)
        known = _situation(row, suppressed_at)
        answer = may_contact(self._policy, known, wish, now=now)
        return Verdict(answer, row.golden_id, self._policy.version)

    async def _suppressed_at(
        self, raw: asyncpg.Connection, row: store.Row, *, is_marketing: bool
    ) -> datetime | None:
        """Asks only where somebody is on the list at all and the customer says by what they are reached."""
        points = {
            point
            for digest, sealed in row.statements
            for point in self._points.of(self._seals.open_fields(digest, sealed))
        }
        if not points:
            return None
        return await store.suppressed_at(raw, points, is_marketing=is_marketing)


def _situation(row: store.Row, suppressed_at: datetime | None) -> Situation:
    return Situation(
        touches=[Touch(at, system, is_marked) for at, system, is_marked in row.touches],
        complaints=[Complaint(at, system) for at, system in row.complaints],
        signings=[Signing(at, system) for at, system in row.signings],
        objections=[
            Objection(Purpose(purpose), Channel(channel), made_at, until)
            for purpose, channel, made_at, until in row.objections
        ],
        suppressed_at=suppressed_at,
    )
