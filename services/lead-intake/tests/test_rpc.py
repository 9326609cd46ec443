"""What operators can ask and do, over a real gRPC host with minted tokens."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from leadchain.intake.v1 import intake_service_pb2 as pb
from servicekit.testing.waiting import eventually
from servicekit.v1 import book_service_pb2 as book


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code()


async def test_accounts_are_listed_with_their_last_delivery(intake: Any, samples: Any) -> None:
    await intake.accepted_form(samples.form())

    async def seen() -> list[tuple[str, bool]] | None:
        listed = (await intake.rpc.ListAccounts(pb.ListAccountsRequest())).accounts
        found = [(each.channel, each.HasField("last_delivery_at")) for each in listed]
        return found if found[1][1] else None

    listed = await eventually(seen, what="the delivery is noted")
    assert listed == [("facebook_leadgen", False), ("website_form", True)]


async def test_quarantined_items_are_paged_newest_first(intake: Any) -> None:
    sent = [await intake.accepted_form(b'{"n": %d}' % number) for number in range(5)]
    await intake.settled(5)

    found: list[str] = []
    token = ""
    while True:
        page = await intake.rpc.ListQuarantined(
            pb.ListQuarantinedRequest(channel="website_form", page_size=2, page_token=token)
        )
        found += [item.lead_id for item in page.items]
        token = page.next_page_token
        if not token:
            break

    assert found == sent[::-1]
    bad = pb.ListQuarantinedRequest(page_token="x!")
    assert await code_of(intake.rpc.ListQuarantined(bad)) is grpc.StatusCode.INVALID_ARGUMENT
    other = await intake.rpc.ListQuarantined(pb.ListQuarantinedRequest(channel="facebook_leadgen"))
    assert not other.items


async def test_a_replay_maps_again_under_the_same_id_and_only_what_was_asked(intake: Any) -> None:
    first, second = [await intake.accepted_form(b'{"n": %d}' % number) for number in range(2)]
    await intake.settled(2)

    replay = await intake.rpc.ReplayQuarantined(
        pb.ReplayQuarantinedRequest(lead_ids=[first], force=True)
    )

    assert replay.replayed_count == 1
    items = await intake.settled(2)
    assert [str(item["lead_id"]) for item in items] == [first, second]
    keys = [key for name, key in await intake.events() if name == "DeliveryQuarantined"]
    assert sorted(keys) == sorted([first, first, second])
    nothing = await intake.rpc.ReplayQuarantined(
        pb.ReplayQuarantinedRequest(channel="facebook_leadgen")
    )
    assert nothing.replayed_count == 0


async def test_the_book_counts_each_item_once_where_it_stands(intake: Any, samples: Any) -> None:
    await intake.accepted_form(samples.form())
    await intake.accepted_form({**samples.form(), "is_test": True})
    await intake.accepted_form(b"{}")
    await intake.settled(3)
    await intake.rows.execute(
        "insert into deliveries select gen_random_uuid(), account_id, '\\x00', '\\x00', now(), 0, null"
        " from accounts where channel = 'facebook_leadgen'"
    )

    answer = await intake.book.GetBook(book.GetBookRequest())

    cells = {(cell.channel, cell.state): cell.item_count for cell in answer.cells}
    form = "website_form"
    assert {key: cells.get(key) for key in cells if key[0] == form} == {
        (form, book.BOOK_STATE_PASSED): 1,
        (form, book.BOOK_STATE_REJECTED): 1,
        (form, book.BOOK_STATE_QUARANTINED): 1,
    }
    assert sum(cells.values()) == 4


async def test_a_replayed_item_that_repeats_a_known_id_stays_in_quarantine(
    intake: Any, samples: Any
) -> None:
    await intake.post_page(samples.page_event("91"))
    await intake.post_page(samples.page_event("92"))
    await intake.settled(2)
    # As an older channel file, which did not find the id, would have left the second item.
    await intake.rows.execute("delete from items where external_id = '91'")
    await intake.rows.execute(
        "update items set external_id = null, state = 4, reason = 'unmapped_field_required'"
        " where external_id = '92'"
    )
    await intake.post_page({**samples.page_event("92"), "again": True})
    await intake.settled(2)

    replay = await intake.rpc.ReplayQuarantined(pb.ReplayQuarantinedRequest(force=True))

    assert replay.replayed_count == 1
    items = await intake.settled(2)
    assert sorted((item["state"], item["detail"]) for item in items if item["reason"]) == [
        (4, "external_id repeated")
    ]


async def test_a_fetch_that_always_fails_ends_in_quarantine_and_can_be_replayed(
    start_intake: Any, samples: Any
) -> None:
    async with start_intake(fetch_retry_scale=0.0005) as intake:
        intake.graph.fail(500, count=6)
        await intake.post_page(samples.page_event("51"))
        (item,) = await intake.settled(1)
        assert (item["state"], item["reason"]) == (4, "enrich_exhausted")
        assert item["detail"] == "status 500"

        replay = await intake.rpc.ReplayQuarantined(pb.ReplayQuarantinedRequest())

        assert replay.replayed_count == 1
        (again,) = await intake.settled(1)
        assert (again["state"], again["lead_id"]) == (2, item["lead_id"])
        names = [name for name, _ in await intake.events()]
        assert names == ["DeliveryQuarantined", "LeadReceived"]
