"""What can be asked about people's rights: requests, receipts, the list, certificates. Nothing here writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from servicekit.errors import Invalid

from lead_intake.domain.subjects import NoSuchRequest
from lead_intake.store import consents, retention, subjects, suppressions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import Database

    from lead_intake.domain.consents import Receipt
    from lead_intake.domain.retention import Certificate
    from lead_intake.domain.subjects import Answered, Point, RequestId, SubjectRequest
    from lead_intake.domain.suppressions import Suppression

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000
_NEWEST_REVISION = 2**63 - 1
_NEWEST_ID = UUID(int=2**128 - 1)


class SuppressionPage(NamedTuple):
    """Entries, newest change first, and where to go on; the token is empty at the end."""

    entries: list[Suppression]
    next_page_token: str


class CertificatePage(NamedTuple):
    """Certificates, newest first, and where to go on; the token is empty at the end."""

    certificates: list[Certificate]
    next_page_token: str


async def get_request(
    database: Database, request_id: RequestId
) -> tuple[SubjectRequest, list[Answered]]:
    """A request and how far each service has answered; raises `NoSuchRequest`."""
    async with database.raw() as raw:
        request = await subjects.request(raw, request_id)
        if request is None:
            raise NoSuchRequest("no such request")
        return request, await subjects.answered(raw, request_id)


async def list_requests(database: Database, *, page_size: int) -> list[SubjectRequest]:
    """The newest requests."""
    async with database.raw() as raw:
        return await subjects.newest_requests(raw, limit=_limit(page_size))


async def list_consents(database: Database, points: Sequence[Point]) -> list[Receipt]:
    """The receipts of a person, oldest first."""
    async with database.raw() as raw:
        return await consents.of_subject(raw, [point.digest for point in points])


async def list_suppressions(
    database: Database, *, page_size: int, page_token: str
) -> SuppressionPage:
    """A page of the suppression list; raises `Invalid` for a token that no page gave."""
    limit = _limit(page_size)
    if page_token and not (page_token.isascii() and page_token.isdigit()):
        raise Invalid("the page token is not one of ours")
    before = min(int(page_token), _NEWEST_REVISION) if page_token else _NEWEST_REVISION
    async with database.raw() as raw:
        entries = await suppressions.page(raw, before=before, limit=limit)
    return SuppressionPage(entries, str(entries[-1].revision) if len(entries) == limit else "")


async def list_certificates(
    database: Database, *, page_size: int, page_token: str
) -> CertificatePage:
    """A page of deletion certificates; raises `Invalid` for a token that no page gave."""
    limit = _limit(page_size)
    try:
        before = UUID(page_token) if page_token else _NEWEST_ID
    except ValueError:
        raise Invalid("the page token is not one of ours") from None
    async with database.raw() as raw:
        found = await retention.certificates(raw, before=before, limit=limit)
    return CertificatePage(found, str(found[-1].certificate_id) if len(found) == limit else "")


def _limit(page_size: int) -> int:
    return min(page_size or PAGE_SIZE, PAGE_SIZE_MAX)
