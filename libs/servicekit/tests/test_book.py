"""What the book says: cells that can be compared, and pages that find the item that differs."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from servicekit.book import BookServicer
from servicekit.errors import Invalid
from servicekit.v1 import book_service_pb2 as pb

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
IDS = [UUID(f"0190a000-0000-7000-8000-00000000000{number}") for number in range(9)]


@pytest.fixture
async def book(database):
    async with database.raw() as raw:
        await raw.execute(
            "create table book (item_id uuid, channel text, received_at timestamptz, state smallint)"
        )
    return BookServicer(database)


async def enter(database, *items, channel="web", received_at=NOON, state=1):
    async with database.raw() as raw:
        await raw.executemany(
            "insert into book values ($1, $2, $3, $4)",
            [(item, channel, received_at, state) for item in items],
        )


async def cells(book, **span):
    request = pb.GetBookRequest()
    for name, time in span.items():
        getattr(request, name).FromDatetime(time)
    response = await book.GetBook(request, None)
    return {
        (cell.channel, cell.hour.ToDatetime(tzinfo=UTC), cell.state): cell
        for cell in response.cells
    }


def page_request(**fields):
    request = pb.ListBookItemsRequest(channel="web", **fields)
    request.hour.FromDatetime(NOON)
    return request


async def test_a_cell_is_a_channel_an_hour_and_a_state(database, book):
    await enter(database, IDS[0], IDS[1], received_at=NOON + timedelta(minutes=59))
    await enter(database, IDS[2], state=2)
    await enter(database, IDS[3], channel="call")
    await enter(database, IDS[4], received_at=NOON + timedelta(hours=1))

    found = await cells(book)

    assert {key: cell.item_count for key, cell in found.items()} == {
        ("web", NOON, 1): 2,
        ("web", NOON, 2): 1,
        ("call", NOON, 1): 1,
        ("web", NOON + timedelta(hours=1), 1): 1,
    }
    assert set(await cells(book, since=NOON + timedelta(hours=1))) == {
        ("web", NOON + timedelta(hours=1), 1)
    }
    assert ("web", NOON + timedelta(hours=1), 1) not in await cells(
        book, until=NOON + timedelta(hours=1)
    )


async def test_equal_sets_have_equal_checksums_whatever_the_order(database, book):
    await enter(database, *IDS, channel="one")
    await enter(database, *reversed(IDS), channel="two")
    await enter(database, *IDS[1:], channel="three")

    found = {key[0]: cell.checksum for key, cell in (await cells(book)).items()}

    assert found["one"] == found["two"] != found["three"]


async def test_items_are_paged_in_order_of_id(database, book):
    await enter(database, *reversed(IDS))
    await enter(database, UUID(int=7), received_at=NOON + timedelta(hours=1))
    seen: list[str] = []

    while True:
        request = page_request(page_size=4, after_item_id=seen[-1] if seen else "")
        page = await book.ListBookItems(request, None)
        seen += [item.item_id for item in page.items]
        if len(page.items) < 4:
            break

    assert seen == [str(item) for item in IDS]


async def test_a_page_after_no_item_id_is_refused(book):
    with pytest.raises(Invalid):
        await book.ListBookItems(page_request(after_item_id="nonsense"), None)
