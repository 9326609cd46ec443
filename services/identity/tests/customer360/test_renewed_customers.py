"""The case of ID-17: 327 customers who had renewed were called four times and more, by three systems."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from leadchain.identity.v1 import customer360_service_pb2 as pb

NOW = datetime(2026, 2, 7, 5, 30, tzinfo=UTC)
RENEWED, UNTOUCHED = 327, 40
SYSTEMS = ("call_centre", "scrm", "erp")


async def test_the_fourth_call_is_refused_for_each_of_327_customers_and_for_nobody_else(
    desk: Any, world: Any, told: Any
) -> None:
    stated = [_known_as(number) for number in range(RENEWED + UNTOUCHED)]
    people = await world.customers(stated)
    calls = [
        told("call", NOW - days * timedelta(days=1), system=system, **_contact(known, days))
        for number, known in enumerate(stated)
        for days, system in enumerate(SYSTEMS if number < RENEWED else SYSTEMS[:2], start=1)
    ]
    await world.hears_together(calls)

    answers = await asyncio.gather(*(_may_call(desk, person) for person in people))

    refused = [not answer.may for answer in answers]
    assert refused == [True] * RENEWED + [False] * UNTOUCHED
    assert {answer.contact_count for answer in answers[:RENEWED]} == {3}
    assert {tuple(answer.reasons[0].systems) for answer in answers[:RENEWED]} == {
        tuple(sorted(SYSTEMS))
    }


def _known_as(number: int) -> dict[str, str]:
    """A customer whom every system knows by another id."""
    return {
        "phone": f"+86138{number:08}",
        "openid": f"openid-{number:06}",
        "email": f"customer{number}@example.cn",
    }


def _contact(known: dict[str, str], days: int) -> dict[str, str]:
    name = ("phone", "openid", "email")[days - 1]
    return {name.replace("phone", "phone_e164"): known[name]}


async def _may_call(desk: Any, person: Any) -> Any:
    return await desk.contactability("dora").MayContact(
        pb.MayContactRequest(
            id=person.golden_id,
            purpose=pb.CONTACT_PURPOSE_RENEWAL,
            channel=pb.CONTACT_CHANNEL_CALL,
        )
    )
