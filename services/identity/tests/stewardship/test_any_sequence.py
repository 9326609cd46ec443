"""Whatever stewards do in whatever order: nobody is lost, no word is broken, every id still stands for somebody."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from identity.domain.judgements import Verdict
from identity.domain.references import RecordNamed
from servicekit.errors import ServiceError
from servicekit.testing.thoroughness import rounds

if TYPE_CHECKING:
    from conftest import Office

NUMBERS = st.integers(0, 7)
EVERY_STEP = [
    ("state", 1, 2), ("merge", 0, 1), ("undo", 0, 0), ("redo", 0, 0), ("split", 0, 1), ("must", 0, 2), ("revoke", 0, 0),
    ("never", 1, 2),
]  # fmt: skip
STEPS = st.one_of(
    st.tuples(st.just("state"), NUMBERS, NUMBERS),
    st.tuples(st.just("merge"), NUMBERS, NUMBERS),
    st.tuples(st.just("split"), NUMBERS, NUMBERS),
    st.tuples(st.just("never"), NUMBERS, NUMBERS),
    st.tuples(st.just("must"), NUMBERS, NUMBERS),
    st.tuples(st.just("revoke"), NUMBERS, NUMBERS),
    st.tuples(st.just("undo"), NUMBERS, NUMBERS),
    st.tuples(st.just("redo"), NUMBERS, NUMBERS),
)
TABLES = (
    "customers, aliases, alias_supports, sources, statements, records, record_keys, generic_keys, links, judgements,"
    " regroupings, moves, suspicions, steward_acts, outbox"
)


@pytest.mark.soak
@settings(
    max_examples=rounds(10, long=200),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=4, max_size=rounds(14, long=30)))
@example(EVERY_STEP)
def test_any_sequence_of_decisions_keeps_its_word(
    open_office: Callable[[], Any], steps: list[tuple[str, int, int]]
) -> None:
    async def run() -> None:
        async with open_office() as office:
            async with office.database.unit_of_work() as uow:
                await uow.raw.execute(f"truncate {TABLES}")
            await office.person("A", rows=3, name="Zhang Wei", phone="13800138001")
            await office.person("B", rows=2, name="Li Na", phone="13800138002")
            await office.states("C", name="Wu Ming", phone="13800138003", company="B 1")
            seen: set[str] = set()
            for step in steps:
                before = await office.customers()
                try:
                    await _take(office, *step)
                except ServiceError:
                    assert await office.customers() == before
                seen |= set(await office.customers())
                await _check(office, seen)

    asyncio.run(run())


async def _take(office: "Office", what: str, one: int, other: int) -> None:
    records = sorted(await office.called())
    a, b = records[one % len(records)], records[other % len(records)]
    match what:
        case "state":
            phone = f"1380013800{1 + one % 3}"
            await office.states(f"D-{one}", name=f"Wu {other}", phone=phone)
        case "merge":
            await office.merge(a, b)
        case "split":
            await office.split(a, *{a, b})
        case "never" | "must":
            verdict = Verdict.NEVER if what == "never" else Verdict.MUST
            await office.stewardship.mark(office.act(), RecordNamed(a), RecordNamed(b), verdict)
        case "revoke":
            rows = await office.rows("select judgement_id from judgements order by 1")
            await office.stewardship.revoke(office.act(), _pick(rows, one))
        case _:
            rows = await office.rows(
                "select distinct regrouping_id from moves where record_id = $1 order by 1", a
            )
            await office.stewardship.restore(
                office.act(),
                await office.golden_id(a),
                _pick(rows, other),
                is_before=what == "undo",
            )


def _pick(rows: list[tuple[Any, ...]], number: int) -> int:
    """One of the ids, or one that nothing has."""
    return int(rows[number % len(rows)][0]) if rows else 10**9


async def _check(office: "Office", seen: set[str]) -> None:
    holder = dict(await office.rows("select record_id, customer_id from records"))
    members: dict[object, int] = defaultdict(int)
    for customer in holder.values():
        members[customer] += 1
    counts = dict(await office.rows("select customer_id, record_count from customers"))
    assert {number: count for number, count in counts.items() if count} == members
    for a, b, verdict in await office.rows(
        "select a, b, verdict from judgements where revoked_at is null"
    ):
        if a in holder and b in holder:
            assert (holder[a] == holder[b]) == (verdict == Verdict.MUST), (a, b, verdict)
    living = dict(
        await office.rows(
            "select a.golden_id, customer_id from aliases a join customers using (customer_id)"
        )
    )
    assert seen <= living.keys()
    own = await office.rows("select golden_id, customer_id from customers")
    assert all(living[golden_id] == customer for golden_id, customer in own)
    await _replay(office, holder)


async def _replay(office: "Office", holder: dict[Any, Any]) -> None:
    """The log of moves, from its beginning, leads to where everybody is."""
    place: dict[object, object] = {}
    for record, former, into in await office.rows(
        "select record_id, from_customer, to_customer from moves order by regrouping_id"
    ):
        assert place.get(record, former) == former
        place[record] = into
    assert all(holder[record] == number for record, number in place.items() if record in holder)
