"""Judgements on pairs, the queue of doubts, and keys that a steward declares worthless."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from identity.domain.judgements import (
    AlreadyRevoked,
    Contradicted,
    JudgementNotFound,
    OneRecordOnly,
    Verdict,
)
from identity.domain.references import RecordNamed, RecordNotFound
from identity.domain.stewardship import CannotHold, NobodyHoldsIt, NotDeclared, NotWaiting
from identity.queries import stewardship as queries
from identity.store.reviews import ReviewKind
from identity.workers.over_merges import OverMergeWatch
from identity.workers.steward_acts import StewardActs
from servicekit.errors import Invalid

if TYPE_CHECKING:
    from conftest import Office
    from identity.domain.stewardship import Outcome


async def judge(office: "Office", a: int, b: int, verdict: Verdict) -> "Outcome":
    return await office.stewardship.mark(office.act(), RecordNamed(a), RecordNamed(b), verdict)


async def a_doubt(office: "Office") -> tuple[int, int]:
    """Two records of one name and company, and different phones."""
    one = await office.states("A", name="Wang Fang", company="Acme", phone="13800138001")
    other = await office.states("B", name="Wang Fang", company="Acme")
    return one, other


async def waiting(office: "Office") -> list[tuple[int, int]]:
    page = await queries.list_reviews(
        office.database, office.resolver.seals, "", page_size=0, page_token=""
    )
    return [(each.a.record.record_id, each.b.record.record_id) for each in page.entries]


async def test_never_parts_two_records_and_must_joins_them(office: "Office") -> None:
    one, other = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")

    parted = await judge(office, one, other, Verdict.NEVER)
    assert await office.parts() == [[one], [other]]
    await office.stewardship.revoke(office.act(), parted.judgement_ids[0])
    stranger = await office.states("B", name="Li Na", phone="13800138002")
    await judge(office, other, stranger, Verdict.MUST)

    assert await office.parts() == [[one, other, stranger]]


async def test_what_was_said_of_a_record_that_is_gone_binds_nobody(office: "Office") -> None:
    one = await office.states("A", name="Zhang Wei", phone="13800138001")
    gone = await office.states("B", name="Li Na", phone="13800138002")
    other = await office.states("C", name="Wu Ming", phone="13800138003")
    await judge(office, one, gone, Verdict.MUST)
    await office.goes("B")

    await judge(office, one, other, Verdict.MUST)

    assert await office.parts() == [[one, other]]


async def test_what_was_said_already_is_not_said_again(office: "Office") -> None:
    one, other = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")

    first = await judge(office, one, other, Verdict.MUST)
    second = await judge(office, other, one, Verdict.MUST)

    assert (len(first.judgement_ids), second.judgement_ids) == (1, ())
    assert first.regrouping_id == 0


async def test_must_and_never_do_not_make_a_ring(office: "Office") -> None:
    a, b, c = [
        await office.states(key, name=key, phone=f"1380013800{number}")
        for number, key in enumerate(("Ann", "Bob", "Cid"))
    ]
    await judge(office, a, b, Verdict.MUST)
    await judge(office, b, c, Verdict.MUST)

    with pytest.raises(Contradicted):
        await judge(office, a, c, Verdict.NEVER)

    assert await office.parts() == [[a, b, c]]
    assert len(await office.rows("select 1 from judgements")) == 2


async def test_never_and_must_do_not_make_a_ring(office: "Office") -> None:
    a, b, c = [
        await office.states(key, name=key, phone=f"1380013800{number}")
        for number, key in enumerate(("Ann", "Bob", "Cid"))
    ]
    await judge(office, a, c, Verdict.NEVER)
    await judge(office, a, b, Verdict.MUST)

    with pytest.raises(Contradicted):
        await judge(office, b, c, Verdict.MUST)


async def test_a_record_is_not_judged_against_itself_or_nobody(office: "Office") -> None:
    one = await office.states("A", name="Ann", phone="13800138001")

    with pytest.raises(OneRecordOnly):
        await judge(office, one, one, Verdict.MUST)
    with pytest.raises(RecordNotFound):
        await judge(office, one, 10**12, Verdict.MUST)


async def test_a_judgement_is_revoked_once(office: "Office") -> None:
    one, other = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    done = await judge(office, one, other, Verdict.NEVER)
    await office.stewardship.revoke(office.act(), done.judgement_ids[0])

    with pytest.raises(AlreadyRevoked):
        await office.stewardship.revoke(office.act(), done.judgement_ids[0])
    with pytest.raises(JudgementNotFound):
        await office.stewardship.revoke(office.act(), 10**12)


async def test_judgements_are_listed_newest_first_a_page_at_a_time(office: "Office") -> None:
    one, other = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    first = await judge(office, one, other, Verdict.NEVER)
    await office.stewardship.revoke(office.act(), first.judgement_ids[0])
    await judge(office, one, other, Verdict.MUST)

    async def page(*, include_revoked: bool, token: str = "") -> queries.Page:
        return await queries.list_judgements(
            office.database,
            await office.golden_id(one),
            include_revoked=include_revoked,
            page_size=1,
            page_token=token,
        )

    newest = await page(include_revoked=True)
    rest = await page(include_revoked=True, token=newest.next_page_token)
    standing = await page(include_revoked=False)
    assert [each.verdict for each in newest.entries] == [Verdict.MUST]
    assert [each.revoked_by for each in rest.entries] == ["steward-1"]
    assert (rest.next_page_token, standing.next_page_token) == ("", "")


async def test_a_doubt_waits_until_somebody_answers(office: "Office") -> None:
    one, other = await a_doubt(office)
    assert await waiting(office) == [(one, other)]

    await office.stewardship.decide(
        office.act(), RecordNamed(other), RecordNamed(one), Verdict.MUST
    )

    assert await waiting(office) == []
    assert await office.parts() == [[one, other]]
    with pytest.raises(NotWaiting):
        await office.stewardship.decide(
            office.act(), RecordNamed(one), RecordNamed(other), Verdict.NEVER
        )


async def test_a_revoked_answer_waits_again(office: "Office") -> None:
    one, other = await a_doubt(office)
    done = await office.stewardship.decide(
        office.act(), RecordNamed(one), RecordNamed(other), Verdict.NEVER
    )

    await office.stewardship.revoke(office.act(), done.judgement_ids[0])

    assert await waiting(office) == [(one, other)]


@pytest.mark.parametrize("token", ["x", "1/2", "2026-02-07/1/2/99999999999999999999"])
async def test_a_page_token_that_was_never_given_is_refused(office: "Office", token: str) -> None:
    with pytest.raises(Invalid):
        await queries.list_reviews(
            office.database, office.resolver.seals, "", page_size=0, page_token=token
        )


async def test_a_switchboard_joins_nobody_until_it_is_cleared(office: "Office") -> None:
    one, other = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    key = office.stewardship.key_of("phone", "13800138001")

    await office.stewardship.set_generic(office.act(), key, is_generic=True)
    declared = await queries.list_generic_keys(office.database, page_size=0, page_token="")
    apart = await office.parts()
    await office.stewardship.set_generic(office.act(), key, is_generic=False)

    assert [(each.key, each.rule, each.reason) for each in declared.entries] == [
        (key, "phone", "steward")
    ]
    assert declared.entries[0].record_count == 2
    assert apart == [[one], [other]]
    assert await office.parts() == [[one, other]]


async def test_a_switchboard_that_nobody_has_any_more_is_cleared(office: "Office") -> None:
    await office.states("A", name="Zhang Wei", phone="13800138001")
    key = office.stewardship.key_of("phone", "13800138001")
    await office.stewardship.set_generic(office.act(), key, is_generic=True)
    await office.goes("A")

    await office.stewardship.set_generic(office.act(), key, is_generic=False)

    assert await office.rows("select key from generic_keys") == []


async def test_only_what_a_steward_declared_is_cleared(office: "Office") -> None:
    await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    known = office.stewardship.key_of("phone", "13800138001")
    unknown = office.stewardship.key_of("phone", "13800138009")

    with pytest.raises(NotDeclared):
        await office.stewardship.set_generic(office.act(), known, is_generic=False)
    with pytest.raises(NobodyHoldsIt):
        await office.stewardship.set_generic(office.act(), unknown, is_generic=True)


async def test_a_pair_that_barely_holds_two_parts_is_asked_about_once(office: "Office") -> None:
    left = await office.person("A", rows=3, name="Zhang Wei", phone="13800138001")
    right = await office.person("B", rows=3, name="Li Na", phone="13800138002")
    bridge = (left[2], right[0])
    async with office.database.unit_of_work() as uow:
        await uow.raw.execute(
            "insert into links (a, b, kind, outcome, bits, posterior, levels, model_version, made_at)"
            " values ($1, $2, 1, 1, 2.6, 0.86, '', 'test-1', now())",
            *bridge,
        )
        await uow.raw.execute(
            "update records set customer_id = (select min(customer_id) from customers)"
        )
        await uow.raw.execute("update customers set record_count = 6")
    watch = OverMergeWatch(office.database, office.resolver.model)

    await watch.step()
    await watch.step()

    page = await queries.list_reviews(
        office.database, office.resolver.seals, "", page_size=0, page_token=""
    )
    assert [(each.waiting.a, each.waiting.b, each.waiting.kind) for each in page.entries] == [
        (*bridge, ReviewKind.WEAK_BRIDGE)
    ]
    assert await office.events("OverMergeSuspected") == 1


async def test_a_customer_cannot_be_made_larger_than_may_be(office: "Office") -> None:
    ones = await office.person("A", rows=30, name="Zhang Wei", phone="13800138001")
    others = await office.person("B", rows=30, name="Li Na", phone="13800138002")

    with pytest.raises(CannotHold, match="at most 50 records"):
        await office.merge(ones[0], others[0])


async def test_a_declared_switchboard_stays_one_when_its_holders_change(office: "Office") -> None:
    _, other = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    key = office.stewardship.key_of("phone", "13800138001")
    await office.stewardship.set_generic(office.act(), key, is_generic=True)

    await office.states("A-1", name="Zhang Wei", phone="13800138009", company="A 1")
    later = await office.states("A-3", name="Zhang Wei", phone="13800138001", company="A 3")

    assert await office.rows("select key, reason from generic_keys") == [(key, "steward")]
    assert [other] in await office.parts()
    assert [later] in await office.parts()


async def test_keys_are_forgotten_when_nobody_would_try_again(office: "Office") -> None:
    ones = await office.person("A", rows=1, name="Zhang Wei", phone="13800138001")
    others = await office.person("B", rows=1, name="Li Na", phone="13800138002")
    await office.merge(ones[0], others[0])

    await StewardActs(office.database, keep=timedelta(days=1)).step()
    kept = await office.rows("select count(*) from steward_acts")
    await StewardActs(office.database, keep=timedelta(0)).step()

    assert kept == [(1,)]
    assert await office.rows("select count(*) from steward_acts") == [(0,)]
