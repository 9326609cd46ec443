"""Stewards on different replicas decide about the same people at once: one after the other, whoever comes first."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from identity.domain.judgements import Contradicted, Verdict
from identity.domain.references import RecordNamed
from identity.domain.stewardship import Outcome
from servicekit.errors import Unavailable

if TYPE_CHECKING:
    from conftest import Office


async def decided(office: "Office", a: int, b: int, verdict: Verdict) -> Outcome | Contradicted:
    """What came of a judgement, tried again as long as others are in the way."""
    while True:
        try:
            return await office.stewardship.mark(
                office.act(f"{verdict}-{a}-{b}"), RecordNamed(a), RecordNamed(b), verdict
            )
        except Contradicted as refusal:
            return refusal
        except Unavailable:
            continue


async def test_of_must_and_never_said_at_once_one_is_refused(
    open_office: Callable[[], Any],
) -> None:
    async with open_office() as here, open_office() as there:
        for number in range(5):
            one = await here.states(f"A{number}", name=f"Ann {number}", phone=f"1380013{number:04}")
            other = await here.states(
                f"B{number}", name=f"Bob {number}", phone=f"1390013{number:04}"
            )

            async with asyncio.timeout(20):
                outcomes = await asyncio.gather(
                    decided(here, one, other, Verdict.MUST),
                    decided(there, one, other, Verdict.NEVER),
                )

            assert sum(isinstance(each, Contradicted) for each in outcomes) == 1
            called = await here.called()
            is_joined = not isinstance(outcomes[0], Contradicted)
            assert (called[one] == called[other]) is is_joined


async def test_a_request_that_comes_twice_at_once_is_done_once(
    open_office: Callable[[], Any],
) -> None:
    async with open_office() as here, open_office() as there:
        one = await here.states("A", name="Ann", phone="13800138001")
        other = await here.states("B", name="Bob", phone="13800138002")

        async with asyncio.timeout(20):
            outcomes = await asyncio.gather(
                decided(here, one, other, Verdict.MUST), decided(there, one, other, Verdict.MUST)
            )

        found = [each for each in outcomes if isinstance(each, Outcome)]
        assert sorted(each.is_repeated for each in found) == [False, True]
        assert found[0].customers == found[1].customers
        assert await here.rows("select count(*) from judgements") == [(1,)]


async def test_statements_and_decisions_at_once_lose_nothing(
    open_office: Callable[[], Any],
) -> None:
    async with open_office() as here, open_office() as there:
        ones = await here.person("A", rows=2, name="Zhang Wei", phone="13800138001")
        others = await here.person("B", rows=2, name="Li Na", phone="13800138002")

        async def state() -> None:
            for number in range(6):
                await there.states(f"C{number}", name="Zhang Wei", phone="13800138001")

        async with asyncio.timeout(30):
            await asyncio.gather(state(), decided(here, ones[0], others[0], Verdict.MUST))

        [customer] = await here.parts()
        assert set(customer) > {*ones, *others}
