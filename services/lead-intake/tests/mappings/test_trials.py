"""A mapping is tried out before it is published: what it would change, lose and not understand."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
import pytest_asyncio

BY_SALUTATION = "map: {name: {path: fields.salutation, via: text}}"
STRICT = "require: [fields.budget]"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def intake(shared_intake: Any) -> Any:
    return shared_intake


@pytest_asyncio.fixture(loop_scope="module")
async def mapper(shared_mapper: Any) -> Any:
    return shared_mapper


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code(), refused.value.details() or ""


async def versions(intake: Any) -> list[int]:
    return [item["mapping_version"] for item in await intake.items()]


async def test_a_trial_counts_what_would_differ_and_shows_it_masked(
    intake: Any, mapper: Any, samples: Any
) -> None:
    for number in range(3):
        await intake.accepted_form(samples.form(name=f"示例{number}", salutation="钱七"))
    await intake.settled(3)

    result = await mapper.check(BY_SALUTATION)

    assert {each.field: each.item_count for each in result.differences} == {"contact.name": 3}
    assert {(each.before, each.after) for each in result.examples} == {("示**", "钱**")}
    assert [(each.outcome, each.before_count, each.after_count) for each in result.outcomes] == [
        ("accepted", 3, 3)
    ]
    assert await versions(intake) == [1, 1, 1]


async def test_a_trial_names_the_leads_that_would_be_lost(
    intake: Any, mapper: Any, samples: Any
) -> None:
    lead_id = await intake.accepted_form(samples.form())
    await intake.settled(1)

    result = await mapper.check(STRICT)

    assert (result.newly_quarantined_count, list(result.newly_quarantined_ids)) == (1, [lead_id])
    after = {each.outcome: each.after_count for each in result.outcomes}
    assert after == {"accepted": 0, "quarantined:unmapped_field_required": 1}


async def test_a_body_that_is_no_longer_kept_is_counted(
    intake: Any, mapper: Any, samples: Any
) -> None:
    await intake.accepted_form(samples.form())
    await intake.settled(1)
    for delivery in await intake.deliveries():
        await intake.rows.execute(
            "delete from deliveries where delivery_id = $1", delivery["delivery_id"]
        )

    result = await mapper.check(BY_SALUTATION)

    assert (result.accepted_checked_count, result.unreadable_count) == (0, 1)


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("map: {name: {path: 'fields[', via: text}}", "fields["),
        ("map: {name: {path: a, via: shout}}", "shout"),
        ("map: {colour: {path: a, via: text}}", "colour"),
        ("verify: hub256", "verify"),
        ("map: [", "line 1"),
        ("- a", "object"),
        ("a: &x [1]\nb: *x", "anchors"),
        ("double_click_s: soon", "double_click_s"),
    ],
    ids=["path", "transform", "name", "proof", "yaml", "list", "anchor", "type"],
)
async def test_what_is_no_mapping_is_refused_with_the_place(
    intake: Any,
    mapper: Any,
    document: str,
    place: str,
) -> None:
    code, text = await refusal(mapper.check(document))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert place in text
