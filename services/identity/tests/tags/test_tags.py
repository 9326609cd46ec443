"""Tags on a real database: made by rule, said with evidence, renamed, worked out, searched, and following customers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from identity.commands import tags as commands
from identity.domain.customers import CustomerNotFound
from identity.domain.statements import Regrouped
from identity.domain.tags import (
    Computation,
    Definition,
    MalformedTag,
    Metric,
    NotGivenByHand,
    OpinionTag,
    TagExists,
    TagNotFound,
    TagRetired,
)
from identity.policies.tags import load_opinion_words
from identity.queries import tags as queries
from identity.queries.tags import Search
from identity.workers.computed_tags import ComputedTags
from leadchain.identity.v1.customer_events_pb2 import CustomerChanged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servicekit.database import Database

NOW = datetime(2026, 2, 7, 4, 30, tzinfo=UTC)
OPINIONS = load_opinion_words()
ACTOR = "user:head-of-marketing"


def golden_id(number: int) -> str:
    return f"{number:064x}"


def a_definition(name: str = "消费力_高", **named: object) -> Definition:
    given = {"dimension": "", "rule": "月均订单 > 5 万", "source": "ERP 订单", "computed_by": None}
    return Definition(name, **{**given, "is_closing": False, **named})  # type: ignore[arg-type]


async def put_customers(database: Database, *numbers: int) -> None:
    async with database.raw() as raw:
        for number in numbers:
            master_id = f"CID-20260207-{number:06d}"
            await raw.execute(
                "insert into customers (customer_id, golden_id, master_id, first_seen_at, record_count, version)"
                " values ($1, $2, $3, $4, 1, 1)",
                number,
                golden_id(number),
                master_id,
                NOW,
            )
            await raw.execute(
                "insert into aliases (golden_id, master_id, customer_id, recipe, key_id, first_seen_at, minted_at)"
                " values ($1, $2, $3, 1, 'k', $4, $4)",
                golden_id(number),
                master_id,
                number,
                NOW,
            )


async def create(database: Database, definition: Definition) -> None:
    async with database.unit_of_work() as uow:
        await commands.create_tag(uow, definition, actor=ACTOR, opinion_words=OPINIONS)


async def say(
    database: Database, number: int, tag: str, evidence: str = "contract C-1"
) -> list[str]:
    async with database.unit_of_work() as uow:
        return await commands.tag_customer(
            uow, golden_id(number), tag, evidence=evidence, actor=ACTOR
        )


async def found(
    database: Database, *all_of: str, none_of: Sequence[str] = (), **named: object
) -> list[int]:
    given = {"with_closed": False, "page_size": 0, "after": 0, **named}
    search = Search(all_of, none_of, **given)  # type: ignore[arg-type]
    page = await queries.find_customers(database, search, may_read=set)
    return [int(golden, 16) for golden, _ in page.customers]


async def tags_of(database: Database, number: int, *, with_former: bool = False) -> list[str]:
    tags = await queries.tags_of_customer(database, golden_id(number), with_former=with_former)
    return [tagged.definition.name for tagged in tags]


async def test_a_tag_shows_its_rule_source_and_who_made_it(database: Database) -> None:
    await create(database, a_definition())
    await create(database, a_definition())

    [tag] = await queries.list_tags(database, with_retired=False)

    assert (tag.definition.rule, tag.definition.source) == ("月均订单 > 5 万", "ERP 订单")
    assert (tag.made_by, tag.customer_count, tag.synonyms) == (ACTOR, 0, ())


@pytest.mark.parametrize("name", ["感觉难搞", "有钱", "潜力大", "Nice customer".lower()])
async def test_an_opinion_is_no_tag(database: Database, name: str) -> None:
    with pytest.raises(OpinionTag):
        await create(database, a_definition(name))


@pytest.mark.parametrize(
    "broken",
    [
        a_definition(rule=""),
        a_definition(source=" "),
        a_definition(name=""),
        a_definition(name="长" * 41),
        a_definition(name="a\x00b"),
        a_definition(computed_by=Computation(Metric.PAYMENT_COUNT, 0, 3)),
        a_definition(computed_by=Computation(Metric.PAYMENT_COUNT, 7, 0)),
    ],
    ids=["no rule", "no source", "no name", "long", "control", "no days", "no threshold"],
)
async def test_a_tag_without_a_checkable_meaning_is_refused(
    database: Database, broken: Definition
) -> None:
    with pytest.raises(MalformedTag):
        await create(database, broken)


async def test_one_word_means_one_tag(database: Database) -> None:
    await create(database, a_definition())

    with pytest.raises(TagExists):
        await create(database, a_definition(rule="something else"))


async def test_a_synonym_renames_history(database: Database) -> None:
    await put_customers(database, 1, 2, 3)
    for name in ("消费力_高", "高消费", "VIP等级A"):
        await create(database, a_definition(name))
    await say(database, 1, "高消费")
    await say(database, 2, "VIP等级A")
    await say(database, 3, "VIP等级A")
    await say(database, 3, "消费力_高")

    async with database.unit_of_work() as uow:
        renamed = [
            await commands.add_synonym(uow, "消费力_高", word)
            for word in ("高消费", "VIP等级A", "月均订单>5万", "VIP等级A")
        ]

    assert renamed == [1, 2, 0, 0]
    assert [await tags_of(database, number) for number in (1, 2, 3)] == [["消费力_高"]] * 3
    assert await found(database, "高消费") == await found(database, "月均订单>5万") == [1, 2, 3]
    assert await say(database, 1, "VIP等级A") == []
    tags = {t.definition.name: t for t in await queries.list_tags(database, with_retired=True)}
    assert tags["消费力_高"].synonyms == ("VIP等级A", "月均订单>5万", "高消费")
    assert tags["消费力_高"].customer_count == 3
    assert tags["高消费"].retired_at is not None


async def test_of_one_dimension_a_customer_has_the_tag_said_last(database: Database) -> None:
    await put_customers(database, 1)
    for name in ("消费力_高", "消费力_低"):
        await create(database, a_definition(name, dimension="消费力"))
    await say(database, 1, "消费力_低")

    replaced = await say(database, 1, "消费力_高")

    assert replaced == ["消费力_低"]
    assert await tags_of(database, 1) == ["消费力_高"]
    assert sorted(await tags_of(database, 1, with_former=True)) == ["消费力_低", "消费力_高"]


async def test_a_tag_needs_evidence_and_is_taken_back_by_whichever_id(database: Database) -> None:
    await put_customers(database, 1)
    await create(database, a_definition())
    with pytest.raises(MalformedTag):
        await say(database, 1, "消费力_高", evidence=" ")
    await say(database, 1, "消费力_高")

    async with database.unit_of_work() as uow:
        await commands.untag_customer(uow, "CID-20260207-000001", "消费力_高", actor=ACTOR)

    assert await tags_of(database, 1) == []
    [event] = [CustomerChanged.FromString(each.payload) for each in uow.outgoing]
    assert (event.golden_id, list(event.fields), event.actor) == (golden_id(1), ["tags"], ACTOR)


async def test_nobody_tags_a_stranger_or_says_an_unknown_or_retired_word(
    database: Database,
) -> None:
    await put_customers(database, 1)
    await create(database, a_definition())
    with pytest.raises(CustomerNotFound):
        await say(database, 2, "消费力_高")
    with pytest.raises(TagNotFound):
        await say(database, 1, "不存在")
    await say(database, 1, "消费力_高")
    async with database.unit_of_work() as uow:
        await commands.retire_tag(uow, "消费力_高")

    with pytest.raises(TagRetired):
        await say(database, 1, "消费力_高")
    assert await found(database, "消费力_高") == []


async def test_a_search_leaves_out_closed_shops_and_goes_on_where_it_ended(
    database: Database,
) -> None:
    await put_customers(database, 1, 2, 3, 4, 5)
    await create(database, a_definition("外卖"))
    await create(database, a_definition("连锁"))
    await create(database, a_definition("已闭店", is_closing=True))
    for number in (1, 2, 3, 4):
        await say(database, number, "外卖")
        await say(database, number, "连锁")
    await say(database, 2, "已闭店")

    assert await found(database, "外卖", "连锁") == [1, 3, 4]
    assert await found(database, "外卖", "连锁", with_closed=True) == [1, 2, 3, 4]
    assert await found(database, "外卖", "已闭店") == [2]
    assert await found(database, "外卖", none_of=["连锁"]) == []
    assert await found(database, "外卖", page_size=2) == [1, 3]
    assert await found(database, "外卖", page_size=2, after=3) == [4]
    with pytest.raises(TagNotFound):
        await found(database, "外卖", "无此标签")
    with pytest.raises(MalformedTag):
        await found(database)


async def test_a_search_hands_out_only_whom_the_caller_may_read(database: Database) -> None:
    await put_customers(database, 1, 2, 3)
    await create(database, a_definition())
    for number in (1, 2, 3):
        await say(database, number, "消费力_高")
    search = Search(["消费力_高"], [], with_closed=False, page_size=1, after=0)

    page = await queries.find_customers(
        database, search, may_read=lambda ids: {golden_id(3)} & set(ids)
    )

    assert [golden for golden, _ in page.customers] == [golden_id(3)]


async def test_tags_follow_customers_who_merge_and_part(database: Database) -> None:
    await put_customers(database, 1, 2)
    await create(database, a_definition("消费力_高", dimension="消费力"))
    await create(database, a_definition("消费力_低", dimension="消费力"))
    await create(database, a_definition("连锁"))
    await say(database, 1, "消费力_高")
    await say(database, 2, "消费力_低")
    await say(database, 2, "连锁")

    await regroup(database, {2: 1}, merged={2: 1})
    assert sorted(await found_tags(database, 1)) == ["消费力_低", "连锁"]

    await regroup(database, {2: 2}, parted={2: 1})
    assert await found_tags(database, 1) == ["消费力_高"]
    assert sorted(await found_tags(database, 2)) == ["消费力_低", "连锁"]


async def regroup(
    database: Database,
    aliases: dict[int, int],
    *,
    merged: dict[int, int] | None = None,
    parted: dict[int, int] | None = None,
) -> None:
    async with database.unit_of_work() as uow:
        for number, customer_id in aliases.items():
            await uow.raw.execute(
                "update aliases set customer_id = $2 where golden_id = $1",
                golden_id(number),
                customer_id,
            )
        touched = frozenset({1, 2}) - frozenset(merged or ())
        regrouped = Regrouped(touched, frozenset(), merged or {}, parted or {}, ACTOR, "test")
        await commands.follow_regrouping(uow, regrouped)


async def found_tags(database: Database, number: int) -> list[str]:
    """The tags by which a customer is found."""
    async with database.raw() as raw:
        rows = await raw.fetch(
            "select t.name from customer_tags c join tags t using (tag_id) where c.customer_id = $1",
            number,
        )
    return [row["name"] for row in rows]


async def test_a_computed_tag_is_worked_out_and_taken_back_when_its_rule_no_longer_holds(
    database: Database,
) -> None:
    await put_customers(database, 1, 2)
    await create(
        database, a_definition("外卖活跃", computed_by=Computation(Metric.PAYMENT_COUNT, 7, 3))
    )
    now = datetime.now(UTC)
    await put_payments(database, 1, [now - timedelta(days=day) for day in (1, 2, 3)])
    await put_payments(database, 2, [now - timedelta(days=day) for day in (1, 2, 9)])
    worker = ComputedTags(database, every=timedelta(0))

    assert await worker.step()
    assert await found(database, "外卖活跃") == [1]
    [tagged] = await queries.tags_of_customer(database, golden_id(1), with_former=False)
    assert (tagged.evidence, tagged.actor) == ("payment_count=3", "identity")
    with pytest.raises(NotGivenByHand):
        await say(database, 2, "外卖活跃")

    async with database.raw() as raw:
        await raw.execute("update facts set status = 'refunded'")
    await worker.step()
    assert await found(database, "外卖活跃") == []
    assert await tags_of(database, 1, with_former=True) == ["外卖活跃"]


async def put_payments(database: Database, number: int, times: Sequence[datetime]) -> None:
    """Payments of a customer who is known by one token and one record."""
    async with database.raw() as raw:
        await raw.execute(
            "insert into records"
            " (record_id, digest, sealed_features, keys, is_current, customer_id, family_id, made_at)"
            " values ($1, $2, '', '{}', true, $1, $1, $3)",
            number,
            number.to_bytes(16),
            NOW,
        )
        await raw.execute("insert into record_keys (key, record_id) values ($1, $1)", number)
        for at in times:
            fact_id = uuid4()
            await raw.execute(
                "insert into facts (fact_id, kind, system, status, word, reference, detail, currency, person, rank,"
                " happened_at, stated_at) values ($1, 1, 'wechat_pay', 'received', '', '', '', 'CNY', '', 0, $2, $2)",
                fact_id,
                at,
            )
            await raw.execute(
                "insert into fact_tokens (token, fact_id, kind, happened_at) values ($1, $2, 1, $3)",
                number,
                fact_id,
                at,
            )


async def test_every_metric_can_be_worked_out(database: Database) -> None:
    for metric in Metric:
        await create(
            database, a_definition(f"指标_{metric}", computed_by=Computation(metric, 7, 1))
        )
    worker = ComputedTags(database)

    steps = [await worker.step() for _ in range(len(Metric) + 1)]

    assert steps == [True] * len(Metric) + [False]
