"""Facts end in the same rows whatever order they are told in, and go when their person goes."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from identity.commands import facts as commands
from leadchain.identity.v1.events_pb2 import FactIdentified
from leadchain.intake.v1 import facts_events_pb2 as intake
from servicekit.errors import InvalidMessage
from servicekit.sealing import UnknownKey

PHONE = "+8613800138001"
NOW = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
DAY = timedelta(days=1)
ROWS = """
select kind, status, happened_at, closed_at, duration_s, amount_minor, person from facts order by fact_id
"""
TOKENS = "select token, kind, happened_at from fact_tokens order by token, kind"


def contract(told: Callable[..., Any], status: Any, when: datetime) -> Any:
    return told("contract", when, own_id="k-1", said={"status": status}, phone_e164=PHONE)


async def test_a_contract_told_in_any_order_ends_as_it_was_last(world: Any, told: Any) -> None:
    story = [
        contract(told, intake.CONTRACT_STATUS_SIGNER_SIGNED, NOW),
        contract(told, intake.CONTRACT_STATUS_SIGNED, NOW + DAY),
        contract(told, intake.CONTRACT_STATUS_EXPIRED, NOW + 2 * DAY),
    ]
    found = set()

    for order in itertools.permutations(story):
        await world.hears(*order, order[0])
        found.add((tuple(await world.rows(ROWS)), tuple(await world.rows(TOKENS))))
        await world.execute("truncate facts, fact_tokens, inbox")

    ((facts, tokens),) = found
    assert [(row[1], row[2]) for row in facts] == [("expired", NOW + 2 * DAY)]
    assert [row[2] for row in tokens] == [NOW + 2 * DAY]


async def test_money_that_came_is_not_undone_by_an_older_notice(world: Any, told: Any) -> None:
    paid = told("payment", NOW, own_id="p-1", phone_e164=PHONE)
    waits = told("payment", NOW + DAY, own_id="p-1", said={"status": intake.PAYMENT_STATUS_PENDING})

    await world.hears(paid, waits)

    ((_, status, *_),) = await world.rows(ROWS)
    assert status == "received"


async def test_what_a_later_telling_leaves_out_is_kept(world: Any, told: Any) -> None:
    began = told("call", NOW, own_id="c-1", said={"person": "ana", "action": "started"})
    ended = told("call", NOW + DAY, own_id="c-1", said={"duration_s": 95, "action": "ended"})

    await world.hears(began, ended)

    ((_, _, happened_at, _, duration_s, _, person),) = await world.rows(ROWS)
    assert (happened_at, duration_s, person) == (NOW, 95, "ana")


async def test_the_same_id_of_two_systems_is_two_facts(world: Any, told: Any) -> None:
    await world.hears(
        told("call", own_id="1", system="call_centre"), told("call", own_id="1", system="scrm")
    )

    assert await world.rows("select count(*) from facts") == [(2,)]


async def test_nothing_personal_is_in_the_clear(world: Any, told: Any) -> None:
    await world.hears(told("call", own_id="wx-openid-17", phone_e164=PHONE, name="张伟"))

    rows = str(await world.rows("select * from facts")) + str(
        await world.rows("select * from fact_tokens")
    )
    assert not any(secret in rows for secret in ("13800138001", "张伟", "wx-openid-17"))


async def test_a_fact_whose_contact_does_not_open_is_set_aside(world: Any, told: Any) -> None:
    broken = told("call", phone_e164=PHONE)
    broken.subject.sealed_contact = b"broken"
    unnamed = told("call", said={"kind": intake.INTERACTION_KIND_UNSPECIFIED})

    for event in (broken, unnamed):
        with pytest.raises(InvalidMessage):
            await world.hears(event)


async def test_a_fact_sealed_with_a_key_that_is_to_come_is_tried_again(
    world: Any, told: Any
) -> None:
    event = told("call", phone_e164=PHONE)
    sealed = bytearray(event.subject.sealed_contact)
    sealed[2:6] = b"late"
    event.subject.sealed_contact = bytes(sealed)

    with pytest.raises(UnknownKey):
        await world.hears(event)


async def test_facts_go_with_their_person_and_others_stay(world: Any, told: Any) -> None:
    person = await world.customer(phone=PHONE, company="示例科技有限公司")
    while await world.relations.step():
        pass
    await world.hears(
        told("call", phone_e164=PHONE),
        told("contract", reference=f"lead:{person.lead_id}"),
        told("call", phone_e164="+8613800138002"),
    )
    tokens = world.model.identifiers(world.model.read({"phone": PHONE}), world.digests.hasher)
    lead_ids = [UUID(person.lead_id)]

    async with world.database.unit_of_work() as uow:
        kept = await commands.kept(uow, tokens=tokens, lead_ids=lead_ids)
        gone = await commands.forget(
            uow, tokens=tokens, record_ids=person.record_ids, lead_ids=lead_ids
        )

    assert sorted(fact["kind"] for fact in kept) == ["contract", "interaction"]
    assert gone == 2
    assert await world.rows("select count(*) from facts") == [(1,)]
    assert await world.rows("select count(*) from fact_tokens") == [(1,)]
    assert await world.rows("select count(*) from relation_keys") == [(0,)]


async def test_a_forgotten_lead_takes_its_facts_along_but_not_those_of_who_shares_its_phone(
    world: Any, told: Any
) -> None:
    person = await world.customer(phone=PHONE, email="a@example.cn")
    await world.customer(phone=PHONE, email="b@example.cn")
    await world.hears(
        told("call", own_id="shared", phone_e164=PHONE), told("call", email="a@example.cn")
    )
    lead_ids = [UUID(person.lead_id)]

    async with world.database.unit_of_work() as uow:
        told_of = await commands.kept_about(uow, lead_ids)
        erased = await commands.forget_leads(uow, lead_ids)

    assert len(told_of) == erased.record_count == 1
    assert any("others have" in hold for hold in erased.holds)
    assert await world.rows("select count(*) from facts") == [(1,)]


async def test_whose_a_fact_is_is_stated_of_each_telling(world: Any, told: Any) -> None:
    person = await world.customer(phone=PHONE)
    stranger = told("payment", own_id="p-9", phone_e164="+8613800138009")
    call = told("call", own_id="c-9", phone_e164=PHONE)
    named = told("contract", own_id="k-9", reference=f"customer:{person.golden_id}")

    await world.hears(stranger, call, named)

    stated = {each.WhichOneof("fact"): each for each in await world.states(FactIdentified)}
    assert stated["payment"].golden_id == ""
    assert stated["interaction"].golden_id == stated["contract"].golden_id == person.golden_id
    assert stated["interaction"].interaction == call


async def test_accounts_and_risks_are_passed_on_with_whose_they_are_and_not_kept(
    world: Any, told: Any
) -> None:
    person = await world.customer(phone=PHONE)
    account = told("account", own_id="A-1", phone_e164=PHONE)
    risk = told("company_risk", own_id="R-1", reference=f"customer:{person.golden_id}")

    await world.hears(account, risk, told("company_risk", own_id="R-2"))

    stated = await world.states(FactIdentified)
    assert [each.golden_id for each in stated] == [person.golden_id, person.golden_id, ""]
    assert stated[0].account == account
    assert stated[1].company_risk == risk
    assert await world.rows("select count(*) from facts") == [(0,)]


async def test_a_fact_that_names_two_customers_is_nobodys(world: Any, told: Any) -> None:
    await world.customer(phone=PHONE)
    await world.customer(phone="+8613800138002", email="a@example.com")

    await world.hears(told("call", phone_e164=PHONE, email="a@example.com"))

    (stated,) = await world.states(FactIdentified)
    assert stated.golden_id == ""
