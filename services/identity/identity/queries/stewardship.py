"""What stewards see: judgements, pairs that wait, the log of regroupings, and keys that say nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from identity.domain import pages
from identity.queries.naming import faces
from identity.store import generic_keys, judgements, members, regroupings, reviews
from identity.store.customers import customer_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import asyncpg
    from servicekit.database import Database

    from identity.domain.judgements import Judgement
    from identity.queries.naming import Face
    from identity.seals import Seals
    from identity.store.generic_keys import GenericKey
    from identity.store.regroupings import Regrouping
    from identity.store.reviews import Place, Waiting

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1_000
NEWEST = 2**63 - 1
OLDEST_PLACE: Place = (datetime(1, 1, 1, tzinfo=UTC), 0, 0, 0)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list, and where the rest begins; an empty token on the last page."""

    entries: Sequence[T]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class Review:
    """A pair that waits, with its records."""

    waiting: Waiting
    a: Face
    b: Face


async def list_judgements(
    database: Database,
    customer_id: str,
    *,
    include_revoked: bool,
    page_size: int,
    page_token: str,
) -> Page[Judgement]:
    """Judgements, newest first; of one customer's records unless `customer_id` is empty.

    Raises `Invalid` for a page token that was never given, `CustomerNotFound`.
    """
    limit = pages.page_size(page_size)
    async with database.raw() as raw:
        found = await judgements.page(
            raw,
            await _records_of(raw, customer_id),
            include_revoked=include_revoked,
            before_id=_number(page_token),
            limit=limit + 1,
        )
    return _page(found, limit, lambda last: str(last.judgement_id))


async def list_reviews(
    database: Database, seals: Seals, customer_id: str, *, page_size: int, page_token: str
) -> Page[Review]:
    """Pairs that wait, oldest first; of one customer's records unless `customer_id` is empty.

    Raises `Invalid` for a page token that was never given, `CustomerNotFound`.
    """
    limit = pages.page_size(page_size)
    async with database.raw() as raw:
        found = await reviews.page(
            raw,
            await _records_of(raw, customer_id),
            after=_place(page_token),
            limit=limit + 1,
        )
        shown = await faces(raw, {end for each in found for end in (each.a, each.b)}, seals)
    whole = _page(found, limit, lambda last: _place_token(last.place))
    entries = [
        Review(each, shown[each.a], shown[each.b])
        for each in whole.entries
        if each.a in shown and each.b in shown
    ]
    return Page(entries, whole.next_page_token)


async def list_regroupings(
    database: Database, customer_id: str, *, page_size: int, page_token: str
) -> Page[Regrouping]:
    """How a customer's members changed, newest first.

    Raises `Invalid` for a page token that was never given, `CustomerNotFound`.
    """
    limit = pages.page_size(page_size)
    async with database.raw() as raw:
        customer = await customer_named(raw, customer_id)
        found = await regroupings.page(
            raw,
            await members.of_customer(raw, customer.customer_id),
            customer=customer.customer_id,
            before_id=_number(page_token),
            limit=limit + 1,
        )
    return _page(found, limit, lambda last: str(last.regrouping_id))


async def list_generic_keys(
    database: Database, *, page_size: int, page_token: str
) -> Page[GenericKey]:
    """Keys that say nothing, newest first; raises `Invalid` for a page token that was never given."""
    limit = pages.page_size(page_size)
    async with database.raw() as raw:
        found = await generic_keys.page(raw, before=_key_place(page_token), limit=limit + 1)
    return _page(found, limit, lambda last: f"{last.made_at.isoformat()}/{last.key}")


async def _records_of(raw: asyncpg.Connection, customer_id: str) -> list[int] | None:
    if not customer_id:
        return None
    customer = await customer_named(raw, customer_id)
    return await members.of_customer(raw, customer.customer_id)


def _page(found: Sequence[T], limit: int, token: Callable[[T], str]) -> Page[T]:
    """`found` has one more entry than fits when there is another page."""
    if len(found) <= limit:
        return Page(found, "")
    return Page(found[:limit], token(found[limit - 1]))


def _number(page_token: str) -> int:
    return pages.number(page_token) or NEWEST


def _place(page_token: str) -> Place:
    if not page_token:
        return OLDEST_PLACE
    try:
        at, a, b, kind = page_token.split("/")
        return (datetime.fromisoformat(at), _key(a), _key(b), _key(kind))
    except ValueError:
        raise pages.WrongPageToken from None


def _place_token(place: Place) -> str:
    at, *numbers = place
    return "/".join((at.isoformat(), *map(str, numbers)))


def _key_place(page_token: str) -> tuple[datetime, int]:
    if not page_token:
        return (datetime(9999, 1, 1, tzinfo=UTC), NEWEST)
    try:
        at, key = page_token.split("/")
        return (datetime.fromisoformat(at), _key(key))
    except ValueError:
        raise pages.WrongPageToken from None


def _key(text: str) -> int:
    """A number as the database holds it; raises ValueError."""
    number = int(text)
    if not -NEWEST <= number <= NEWEST:
        raise ValueError(text)
    return number
