"""Whose statements are, decided on a real database."""

from collections.abc import Callable
from typing import Any

from identity.domain.customers import MatchBasis
from identity.domain.statements import Change, Statement

A_Statement = Callable[..., Statement]
USCC, OTHER_USCC = "91440300MA5EXAMP1F", "91110108551385082Q"


async def test_the_same_phone_and_company_is_one_customer(
    door: Any, statement: A_Statement
) -> None:
    fields = {"name": "张伟", "phone": "13800138001", "uscc": USCC}

    first, second = await door.state(statement(1, **fields), statement(2, **fields))

    assert first.golden_id == second.golden_id
    assert first.master_id == second.master_id == "CID-" + first.master_id[4:12] + "-000001"
    assert [first.basis, second.basis] == [MatchBasis.NEW, MatchBasis.PHONE_AND_USCC]
    assert await door.count("customers") == await door.count("records") == 1
    assert await door.count("sources") == await door.count("statements") == 2


async def test_a_customer_is_known_again_by_another_spelling(
    door: Any, statement: A_Statement
) -> None:
    (first,) = await door.state(statement(1, name="张伟", phone="13800138001"))

    (second,) = await door.state(
        statement(2, minute=1, name="Zhang Wei", phone="+86 138-0013-8001", uscc=USCC)
    )

    assert second.golden_id == first.golden_id
    assert second.basis == MatchBasis.PHONE
    assert await door.count("aliases") == 2


async def test_another_company_is_another_customer_behind_one_phone(
    door: Any, statement: A_Statement
) -> None:
    golden_ids = await door.golden_ids(
        statement(1, name="张伟", phone="13800138001", uscc=USCC),
        statement(2, name="张伟", phone="13800138001", uscc=OTHER_USCC),
    )

    assert len(set(golden_ids)) == 2


async def test_a_merge_keeps_the_id_that_was_stated_first(
    door: Any, statement: A_Statement
) -> None:
    by_phone = statement(1, minute=1, name="李雷", phone="13800138002")
    by_mail = statement(2, minute=0, name="李雷", email="li@example.com")
    apart = await door.golden_ids(by_phone, by_mail)

    (bridge,) = await door.state(
        statement(3, minute=5, name="李雷", phone="13800138002", email="li@example.com")
    )

    assert len(set(apart)) == 2
    assert bridge.golden_id == apart[1]
    assert await door.count("customers") == 1
    assert door.published == ["CustomerMerged"]


async def test_a_source_that_says_the_same_again_changes_nothing(
    door: Any, statement: A_Statement
) -> None:
    first, again = statement(1), statement(1, minute=3)
    (before,) = await door.state(first)

    (after,) = await door.state(again)

    assert after.change is Change.UNCHANGED
    assert after.golden_id == before.golden_id
    assert await door.count("statements") == 1
