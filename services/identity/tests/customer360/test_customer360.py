"""A customer's snapshot, asked of the running service."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from leadchain.assignment.v1 import events_pb2 as assignment
from leadchain.identity.v1 import customer360_service_pb2 as pb
from leadchain.intake.v1 import facts_events_pb2 as intake
from leadchain.permissions.v1 import events_pb2 as permissions
from servicekit.events import new_id

PHONE = "+8613800138001"
NOW = datetime(2026, 2, 7, 5, 30, tzinfo=UTC)
"""The servicers' time."""
DAY = timedelta(days=1)


async def seen(desk: Any, id_: str, who: str = "dora", **asked: Any) -> pb.GetCustomer360Response:
    request = pb.GetCustomer360Request(id=id_, **asked)
    answer: pb.GetCustomer360Response = await desk.customer360(who).GetCustomer360(request)
    return answer


def at(event: Any, when: datetime) -> Any:
    event.event_id = new_id()
    event.occurred_at.FromDatetime(when)
    return event


async def test_a_snapshot_tells_what_every_system_knows_of_one_customer(
    desk: Any, world: Any, told: Callable[..., Any]
) -> None:
    person = await world.customer(phone=PHONE, name="张伟")
    await world.source(person, system="kingdee", phone=PHONE, company="示例科技有限公司")
    await world.golden_record(person, name="张伟", phone=PHONE, credit_limit="50000")
    solved = told("complaint", NOW - 3 * DAY, own_id="t-1", system="tickets", phone_e164=PHONE)
    solved.closed_at.FromDatetime(NOW - 3 * DAY + timedelta(hours=5))
    await world.hears(
        solved,
        told("complaint", NOW - DAY, own_id="t-2", system="tickets", phone_e164=PHONE),
        told("contract", NOW - 9 * DAY, own_id="k-1", system="esign", phone_e164=PHONE),
        told("call", NOW - 2 * DAY, said={"duration_s": 95, "person": "ana"}, phone_e164=PHONE),
        told("payment", NOW - 5 * DAY, own_id="p-1", phone_e164=PHONE),
    )

    answer = await seen(desk, person.golden_id)

    assert (answer.golden_id, answer.master_id) == (person.golden_id, person.master_id)
    assert {field.name: field.value for field in answer.fields} == {
        "name": "张**",
        "phone": "138****8001",
        "credit_limit": "50000",
    }
    assert {source.system for source in answer.sources.sources} == {"lead", "kingdee"}
    assert answer.sources.total == 2
    assert {each.system for each in answer.freshness} == {"lead", "kingdee"}
    assert (answer.tickets.complaint_count, answer.tickets.open_complaint_count) == (2, 1)
    assert answer.tickets.solved_in_s_mean == 5 * 3600
    assert [ticket.ticket_id for ticket in answer.tickets.tickets] == ["t-2", "t-1"]
    (contract,) = answer.contracts.contracts
    assert (contract.contract_id, contract.status, contract.system) == ("k-1", "signed", "esign")
    (call,) = answer.interactions.interactions
    assert (call.kind, call.duration_s, call.person) == ("call", 95, "ana")
    assert [payment.payment_id for payment in answer.payments.payments] == ["p-1"]


async def test_payments_are_added_up_by_month_and_currency_for_twelve_months(
    desk: Any, world: Any, told: Callable[..., Any]
) -> None:
    person = await world.customer(phone=PHONE)
    refund = told("payment", datetime(2026, 2, 3, tzinfo=UTC), own_id="p-1", phone_e164=PHONE)
    refund.status, refund.amount_minor = intake.PAYMENT_STATUS_REFUNDED, 250_00
    refund.origin.external_id = "p-1:R-1"
    again = told("payment", datetime(2026, 2, 1, tzinfo=UTC), own_id="p-1", phone_e164=PHONE)
    again.amount_minor = 1000_00
    await world.hears(
        again,
        at(again, datetime(2026, 2, 2, tzinfo=UTC)),
        refund,
        told("payment", datetime(2025, 3, 1, tzinfo=UTC), phone_e164=PHONE),
        told("payment", datetime(2025, 2, 28, tzinfo=UTC), phone_e164=PHONE),
        told("payment", NOW - DAY, said={"currency": "USD"}, phone_e164=PHONE),
        told(
            "payment", NOW - DAY, said={"status": intake.PAYMENT_STATUS_PENDING}, phone_e164=PHONE
        ),
    )

    answer = await seen(desk, person.master_id)

    assert [
        (
            month.month,
            month.currency,
            month.received_minor,
            month.refunded_minor,
            month.received_count,
        )
        for month in answer.payments.months
    ] == [
        ("2025-03", "CNY", 100, 0, 1),
        ("2026-02", "CNY", 1000_00, 250_00, 1),
        ("2026-02", "USD", 100, 0, 1),
    ]
    assert answer.payments.total == 6


async def test_leads_say_who_works_on_them_and_what_became_of_them(desk: Any, world: Any) -> None:
    person = await world.customer(phone=PHONE)
    lead = {"lead_id": person.lead_id}

    async def lead_view() -> pb.LeadView:
        (view,) = (await seen(desk, person.lead_id)).leads.leads
        return view

    waiting = await lead_view()
    late = at(assignment.LeadAssigned(**lead, assignee_id="ana", assignment_no=1), NOW)
    await world.hears(
        at(assignment.LeadAssigned(**lead, assignee_id="bo", assignment_no=2), NOW), late
    )
    assigned = await lead_view()
    await world.hears(
        at(permissions.OwnershipGranted(**lead, owner_id="bo", audit_seq=7), NOW),
        at(assignment.LeadContacted(**lead, rep_id="bo"), NOW),
        at(_demoted(person.lead_id, "bo", 9), NOW),
    )
    contacted = await lead_view()
    await world.hears(
        at(_released(person.lead_id, 12), NOW), at(_demoted(person.lead_id, "bo", 11), NOW)
    )
    released = await lead_view()
    await world.hears(at(assignment.LeadWithdrawn(**lead), NOW))
    withdrawn = await seen(desk, person.lead_id)

    assert (waiting.state, waiting.owner_id) == (pb.LEAD_STATE_WAITING, "")
    assert (assigned.state, assigned.owner_id) == (pb.LEAD_STATE_ASSIGNED, "bo")
    assert (contacted.state, contacted.lease_state) == (pb.LEAD_STATE_CONTACTED, "notice")
    assert (released.state, released.owner_id) == (pb.LEAD_STATE_WAITING, "")
    assert withdrawn.leads.leads[0].state == pb.LEAD_STATE_WITHDRAWN
    assert (withdrawn.leads.total, withdrawn.leads.open_count) == (1, 0)


def _demoted(lead_id: str, owner_id: str, seq: int) -> permissions.OwnershipDemoted:
    event = permissions.OwnershipDemoted(owner_id=owner_id, state="notice", audit_seq=seq)
    event.resource.type, event.resource.id = "lead", lead_id
    return event


def _released(lead_id: str, seq: int) -> permissions.CustomerReleased:
    event = permissions.CustomerReleased(reason="lapsed", audit_seq=seq)
    event.resource.type, event.resource.id = "lead", lead_id
    return event


async def test_lists_are_bounded_and_say_how_many_there_are(
    desk: Any, world: Any, told: Callable[..., Any]
) -> None:
    person = await world.customer(phone=PHONE)
    calls = [told("call", NOW - hours * timedelta(hours=1), phone_e164=PHONE) for hours in range(5)]
    await world.hears(*calls)

    answer = await seen(desk, person.golden_id, list_size=2)

    found = [call.happened_at.ToDatetime(tzinfo=UTC) for call in answer.interactions.interactions]
    assert found == [NOW, NOW - timedelta(hours=1)]
    assert answer.interactions.total == 5


async def test_a_fact_that_names_a_customer_or_lead_is_theirs_without_any_phone(
    desk: Any, world: Any, told: Callable[..., Any]
) -> None:
    person = await world.customer(email="a@example.cn")
    await world.hears(
        told("contract", NOW - DAY, own_id="k-1", reference=f"lead:{person.lead_id}"),
        told("contract", NOW - 2 * DAY, own_id="k-2", reference=f"customer:{person.master_id}"),
        told("contract", NOW - 3 * DAY, own_id="k-3", reference="opportunity:OPP-1"),
    )

    answer = await seen(desk, person.golden_id)

    assert [contract.contract_id for contract in answer.contracts.contracts] == ["k-1", "k-2"]


async def test_who_owns_a_lead_may_see_values_in_clear_and_their_manager_may_not(
    desk: Any, world: Any
) -> None:
    person = await world.customer(phone=PHONE)
    await world.golden_record(person, phone=PHONE)
    await desk.owns("ana", person)

    clear = await seen(desk, person.golden_id, "ana", is_clear=True)
    masked = await seen(desk, person.golden_id, "mia")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await seen(desk, person.golden_id, "mia", is_clear=True)
    with pytest.raises(grpc.aio.AioRpcError) as stranger:
        await seen(desk, person.golden_id, "bo")

    assert [(field.value, field.is_masked) for field in clear.fields] == [(PHONE, False)]
    assert [(field.value, field.is_masked) for field in masked.fields] == [("138****8001", True)]
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert stranger.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_customers_who_share_a_company_are_related_and_strangers_stay_unnamed(
    desk: Any, world: Any
) -> None:
    company = {"company": "示例科技有限公司"}
    mine = await world.customer(phone=PHONE, name="张伟", **company)
    colleague = await world.customer(phone="+8613800138002", name="李娜", **company)
    await world.customer(phone="+8613800138003", name="王芳", company="别处贸易有限公司")
    await desk.owns("ana", mine)

    while await world.relations.step():
        pass
    by_ana = (await seen(desk, mine.golden_id, "ana")).relations
    by_dora = (await seen(desk, mine.golden_id, "dora")).relations

    assert [node.golden_id for node in by_ana.nodes] == [mine.golden_id, ""]
    assert [node.golden_id for node in by_dora.nodes] == [mine.golden_id, colleague.golden_id]
    assert [(edge.from_node, edge.to_node, edge.kind) for edge in by_dora.edges] == [
        (0, 1, "company")
    ]


async def test_what_everybody_shares_relates_nobody(desk: Any, world: Any) -> None:
    first = await world.customer(phone=PHONE, company="示例科技有限公司")
    await world.customer(phone=PHONE, company="别处贸易有限公司")
    while await world.relations.step():
        pass

    before = (await seen(desk, first.golden_id)).relations
    tokens = world.model.identifiers(world.model.read({"phone": PHONE}), world.digests.hasher)
    await world.execute("insert into generic_keys values ($1, 'phone', 'names', now())", tokens[0])
    after = (await seen(desk, first.golden_id)).relations

    assert [edge.kind for edge in before.edges] == ["identifier"]
    assert len(after.nodes) == 1


async def test_a_graph_has_fifty_customers_at_most_and_says_that_it_is_cut(
    desk: Any, world: Any
) -> None:
    company = {"company": "示例科技有限公司"}
    people = [
        await world.customer(email=f"p{number}@example.cn", **company) for number in range(52)
    ]
    while await world.relations.step():
        pass

    graph = (await seen(desk, people[0].golden_id)).relations

    assert (len(graph.nodes), graph.is_cut) == (50, True)


async def test_an_id_of_former_times_still_finds_the_customer(desk: Any, world: Any) -> None:
    kept, gone = await world.customer(phone=PHONE), await world.customer(email="a@example.cn")
    await world.merge(kept, gone)

    for former in (gone.golden_id, gone.master_id, gone.lead_id):
        assert (await seen(desk, former)).golden_id == kept.golden_id
