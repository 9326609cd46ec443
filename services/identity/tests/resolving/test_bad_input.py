"""What nobody should say, and what is said by too many."""

from collections.abc import Callable
from typing import Any

import pytest
from identity.domain.customers import MatchBasis
from identity.domain.statements import Change, Statement
from servicekit.errors import TooLarge

A_Statement = Callable[..., Statement]


@pytest.mark.parametrize(
    "fields",
    [
        {"remark": "nothing to go by"},
        {"name": "张"},
        {"name": "张" * 5_000, "phone": "13800138001" * 500},
        {"name": "\u202e伟张\u0000\u0007", "company": "\u200f\u2066公司"},
        {"phone": "not a phone", "uscc": "0" * 18, "email": "@"},
        {"name": "\ud800", "address": "😀" * 300},
    ],
    ids=["nothing", "one-field", "long", "bidi", "invalid", "surrogate"],
)
async def test_whatever_is_said_somebody_said_it_and_nobody_is_merged(
    door: Any, statement: A_Statement, fields: dict[str, str]
) -> None:
    first, second = await door.state(statement(1, **fields), statement(2, **fields))

    assert first.golden_id != second.golden_id
    assert {first.basis, second.basis} == {MatchBasis.NONE}
    assert await door.count("statements") == 2


async def test_more_than_fit_are_refused(door: Any, statement: A_Statement) -> None:
    with pytest.raises(TooLarge):
        await door.state(*[statement(number) for number in range(2_001)])


async def test_ten_thousand_with_one_phone_are_not_one_customer(
    door: Any, statement: A_Statement
) -> None:
    letters = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建文斌波辉海"
    names = [f"张{a}{b}" for a in letters for b in letters][:500]
    for start in range(0, 10_000, 2_000):
        await door.state(
            *[
                statement(at, minute=at, name=names[at % 500], phone="13800138000", address=f"{at}")
                for at in range(start, start + 2_000)
            ]
        )

    assert await door.count("sources") == 10_000
    assert await door.rows("select max(record_count) from customers") < [(51,)]
    assert await door.rows("select count(*) from generic_keys where rule = 'phone'") == [(1,)]
    assert "OverMergeSuspected" in door.published


async def test_a_hub_gathers_nobody_and_further_evidence_still_does(
    door: Any, statement: A_Statement
) -> None:
    front_desk = [
        statement(at, name=name, phone="13800138000", email=f"{at}@example.com")
        for at, name in enumerate(["张伟", "李娜", "王芳", "陈静", "刘洋", "赵敏"])
    ]

    apart = await door.golden_ids(*front_desk)
    known = await door.golden_ids(statement(9, minute=5, name="李娜", email="1@example.com"))

    assert len(set(apart)) == 6
    assert known == [apart[1]]


async def test_a_row_that_is_gone_is_evidence_no_more(door: Any, statement: A_Statement) -> None:
    by_phone, by_mail, bridge = (
        statement(1, minute=0, name="李雷", phone="13800138002"),
        statement(2, minute=1, name="李雷", email="li@example.com"),
        statement(3, minute=2, name="李雷", phone="13800138002", email="li@example.com"),
    )
    apart = await door.golden_ids(by_phone, by_mail)
    await door.state(bridge)

    (gone,) = await door.state(door.deleted(bridge, minute=9))

    assert gone.change is Change.DELETED
    assert await door.count("customers") == 2
    assert await door.golden_ids(by_phone, by_mail) == apart
    assert door.published == ["CustomerMerged", "CustomerSplit"]
    (again,) = await door.state(statement(3, minute=20, **dict(bridge.fields)))
    assert again.change is Change.UPDATED
    assert await door.count("customers") == 1


async def test_a_corrected_company_takes_its_source_along(
    door: Any, statement: A_Statement
) -> None:
    wrong, right = "91440300MA5EXAMP1F", "91110108551385082Q"
    person = {"name": "李雷", "phone": "13800138002"}
    await door.state(
        statement(1, uscc=wrong, **person), statement(2, minute=1, uscc=right, **person)
    )
    assert await door.count("customers") == 2

    corrected, other = await door.state(
        statement(1, minute=5, uscc=right, **person), statement(2, minute=1, uscc=right, **person)
    )

    assert corrected.golden_id == other.golden_id
    assert await door.count("customers") == 1


async def test_what_comes_late_is_history(door: Any, statement: A_Statement) -> None:
    (now,) = await door.state(statement(1, minute=9, name="李雷", phone="13800138002"))

    (late,) = await door.state(statement(1, minute=1, name="李雷", phone="13800138009"))

    assert late.change is Change.STALE
    assert await door.count("statements") == 2
    assert await door.rows("select count(*) from statements where is_current") == [(1,)]
    assert await door.count("customers") == 1
    assert (now.customer_id, 2) == (late.customer_id, await door.count("records"))


async def test_nothing_that_names_a_person_is_readable_at_rest(
    door: Any, statement: A_Statement
) -> None:
    said = {
        "name": "欧阳示例",
        "phone": "13800138007",
        "uscc": "91440300MA5EXAMP1F",
        "email": "ouyang@example.com",
        "resident_id": "11010519491231002X",
        "address": "深圳市示例路1号",
    }
    await door.state(statement(424242, **said), statement(2, minute=1, **said))

    tables = await door.rows(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    dump = [
        str(row)
        for (table,) in tables
        for row in await door.rows(f'select t.*, t::text from "{table}" t')
    ]

    words = [*said.values(), "8613800138007", "C-424242", "138001380"]
    hexed = [word.encode().hex() for word in words]
    assert len(dump) > 10
    assert not [row for row in dump for word in [*words, *hexed] if word in row]
