"""Who is left alone is not let in, and the list says nothing of who that is."""

from __future__ import annotations

from typing import Any

import pytest
from leadchain.intake.v1 import privacy_service_pb2 as pb
from leadchain.intake.v1.events_pb2 import LeadReceived, LeadRejected

from .conftest import PHONE


async def test_a_suppressed_person_who_posts_again_is_rejected_and_nothing_of_them_is_kept(
    rights: Any,
) -> None:
    assert await rights.suppress(phone=PHONE) == 1

    lead_id = await rights.post(mobile="+86 138-0013-8004")

    (item,) = await rights.intake.items()
    (rejected,) = await rights.states(LeadRejected)
    assert (item["state"], item["reason"], item["facts"]) == (3, "suppressed", None)
    assert (rejected.lead_id, rejected.reason) == (lead_id, "suppressed")
    assert await rights.states(LeadReceived) == []
    assert await rights.intake.rows.fetchval("select raw from deliveries") is None
    assert await rights.intake.rows.fetchval("select count(*) from contact_points") == 0
    assert await rights.intake.rows.fetchval("select count(*) from consents") == 0


@pytest.mark.parametrize(
    ("subject", "fields"),
    [
        ({"email": "Somebody@Example.com"}, {"mobile": "", "email": "somebody@example.com"}),
        ({"phone": "138 0013 8004"}, {}),
    ],
    ids=["email", "phone"],
)
async def test_a_person_is_known_however_their_name_is_written(
    rights: Any, subject: dict[str, str], fields: dict[str, str]
) -> None:
    await rights.suppress(**subject)

    await rights.post(**fields)

    (item,) = await rights.intake.items()
    assert item["reason"] == "suppressed"


async def test_a_person_who_wants_no_advertising_may_still_ask(rights: Any) -> None:
    await rights.suppress(pb.SUPPRESSION_PURPOSE_MARKETING, phone=PHONE)

    await rights.post()

    (item,) = await rights.intake.items()
    assert item["state"] == 2


async def test_a_lifted_suppression_lets_in_again_and_stays_as_history(rights: Any) -> None:
    await rights.suppress(phone=PHONE)
    request = pb.UnsuppressRequest(
        subjects=[pb.Subject(phone=PHONE)], purpose=pb.SUPPRESSION_PURPOSE_ALL, reason="DSR-9"
    )

    assert (await rights.call("Unsuppress", request)).lifted_count == 1
    assert (await rights.call("Unsuppress", request)).lifted_count == 0
    await rights.post()

    (item,) = await rights.intake.items()
    (entry,) = (await rights.call("ListSuppressions", pb.ListSuppressionsRequest())).suppressions
    assert item["state"] == 2
    assert (entry.kind, entry.lifted_by, entry.HasField("lifted_at")) == ("phone", "leadctl", True)
    assert PHONE not in str(entry)


async def test_a_repeated_suppression_changes_nothing_and_a_lifted_one_holds_again(
    rights: Any,
) -> None:
    first, second = await rights.suppress(phone=PHONE), await rights.suppress(phone=PHONE)
    await rights.call(
        "Unsuppress",
        pb.UnsuppressRequest(subjects=[pb.Subject(phone=PHONE)], purpose=3, reason="DSR-9"),
    )
    third = await rights.suppress(phone=PHONE)

    assert (first, second, third) == (1, 0, 1)
    await rights.post()
    (item,) = await rights.intake.items()
    assert item["reason"] == "suppressed"


async def test_the_list_is_read_again_at_the_next_start(start_rights: Any) -> None:
    async with start_rights() as before:
        await before.suppress(phone=PHONE)

    async with start_rights() as rights:
        await rights.post()
        (item,) = await rights.intake.items()

    assert item["reason"] == "suppressed"
