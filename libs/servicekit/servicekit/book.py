"""The book: what a service says it has, in a shape that another can compare.

A service with a book has a view `book(item_id uuid, channel text, received_at timestamptz, state smallint)` in its
database; `state` is a number of `BookState`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from servicekit.errors import Invalid
from servicekit.v1 import book_service_pb2 as pb
from servicekit.v1.book_service_pb2_grpc import BookServiceServicer

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp
    from grpc.aio import ServicerContext

    from servicekit.database import Database

PAGE_SIZE_MAX = 10_000

_CELLS = """
select channel, date_trunc('hour', received_at, 'UTC') as hour, state, count(*),
       bit_xor(substring(uuid_send(item_id) from 9 for 8)::bigint)
from book
where received_at >= coalesce($1, '-infinity'::timestamptz) and received_at < coalesce($2, 'infinity'::timestamptz)
group by 1, 2, 3
"""
_ITEMS = """
select item_id, state from book
where channel = $1 and received_at >= $2 and received_at < $2 + interval '1 hour' and item_id > $3
order by item_id limit $4
"""


class BookServicer(BookServiceServicer):
    """Answers what is on this service's book."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetBook(
        self, request: pb.GetBookRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetBookResponse:
        """Counts and checksums by channel, hour and state."""
        since = _time(request.since) if request.HasField("since") else None
        until = _time(request.until) if request.HasField("until") else None
        async with self._database.raw() as raw:
            rows = await raw.fetch(_CELLS, since, until)
        response = pb.GetBookResponse()
        for channel, hour, state, count, checksum in rows:
            cell = response.cells.add(
                channel=channel, state=state, item_count=count, checksum=checksum
            )
            cell.hour.FromDatetime(hour)
        return response

    async def ListBookItems(
        self, request: pb.ListBookItemsRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListBookItemsResponse:
        """A page of the items of one channel and hour."""
        after = _item_id(request.after_item_id)
        limit = min(request.page_size or PAGE_SIZE_MAX, PAGE_SIZE_MAX)
        async with self._database.raw() as raw:
            rows = await raw.fetch(_ITEMS, request.channel, _time(request.hour), after, limit)
        items = [pb.BookItem(item_id=str(item_id), state=state) for item_id, state in rows]
        return pb.ListBookItemsResponse(items=items)


def _item_id(text: str) -> UUID:
    try:
        return UUID(text) if text else UUID(int=0)
    except ValueError as error:
        raise Invalid("after_item_id is no UUID") from error


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
