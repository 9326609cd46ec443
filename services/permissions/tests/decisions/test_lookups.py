"""Lookups, filters and trees: the same as asking about each, of one revision, and never cut short in silence."""

import json

import asyncpg
import grpc
import pytest
from accesskit.changes import PrincipalPut
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import permissions_service_pb2 as pb

LEADS = changes_pb2.Entity(type="lead", id="lead-a")


def wanted(subject_id: str, action: str = "read", **rest) -> pb.LookupRequest:
    return pb.LookupRequest(subject_id=subject_id, action=action, resource_type="lead", **rest)


async def looked_up(stub, request: pb.LookupRequest) -> list[pb.LookupResponse]:
    return [page async for page in stub.Lookup(request)]


async def all_ids(stub, request: pb.LookupRequest) -> list[str]:
    return [id_ for page in await looked_up(stub, request) for id_ in page.ids]


async def test_a_lookup_lists_in_byte_order_and_says_that_it_is_complete(office, own) -> None:
    token = await office.state(*(own(f"lead-{id_}", "ana") for id_ in ("Z", "é", "10", "9")))
    request = wanted("ana")
    request.consistency.at_least = token

    [page] = await looked_up(office.stub, request)

    assert list(page.ids) == ["lead-10", "lead-9", "lead-Z", "lead-a", "lead-é"]
    assert (page.complete, page.token, page.is_everything) == (True, token, False)


async def test_nothing_is_one_empty_and_complete_page(office) -> None:
    [page] = await looked_up(office.stub, wanted("nobody"))

    assert (list(page.ids), page.complete) == ([], True)


async def test_a_director_reads_everything_listed_or_not(office) -> None:
    [page] = await looked_up(office.stub, wanted("dee"))

    assert page.is_everything


async def test_five_thousand_ids_come_in_pages_of_one_revision(office, own) -> None:
    ids = [f"lead-{number:05}" for number in range(5000)]
    await office.state(*(own(id_, "ana") for id_ in ids))
    request = wanted("ana")
    request.consistency.latest = True

    pages = await looked_up(office.stub, request)

    assert [len(page.ids) for page in pages] == [2000, 2000, 1001]
    assert [page.complete for page in pages] == [False, False, True]
    assert [id_ for page in pages for id_ in page.ids] == [*ids, "lead-a"]
    assert {page.token for page in pages} == {office.live.token}


async def test_a_pinned_traversal_goes_on_in_the_state_it_began_with(office, own) -> None:
    await office.state(*(own(f"lead-{number}", "ana") for number in range(9)))
    request = wanted("ana", limit=4)
    request.consistency.latest = True
    [first] = await looked_up(office.stub, request)
    moved = await office.state(*(own(f"lead-{number}", "bo", version=2) for number in range(9)))
    await office.live.at_least(moved)

    rest = wanted("ana", after_id=first.ids[-1], pinned=first.token)
    [second] = await looked_up(office.stub, rest)

    assert [first.complete, second.complete] == [False, True]
    assert list(first.ids) + list(second.ids) == [*(f"lead-{n}" for n in range(9)), "lead-a"]
    assert second.token == first.token != moved


async def test_a_traversal_whose_state_is_gone_is_refused(office, own) -> None:
    await office.live.at_least(await office.state(*(own(f"lead-{n}", "ana") for n in range(9))))
    [first] = await looked_up(office.stub, wanted("ana", limit=4))
    await office.live.at_least(await office.state(own("lead-1", "bo", version=2)))
    office.clock.now_s += 61

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await looked_up(office.stub, wanted("ana", after_id=first.ids[-1], pinned=first.token))

    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.trailing_metadata()["error-type"] == "PinnedStateGone"


async def test_one_traversal_cannot_be_continued_as_another(office, own) -> None:
    await office.live.at_least(await office.state(*(own(f"lead-{n}", "ana") for n in range(9))))
    [first] = await looked_up(office.stub, wanted("ana", limit=4))
    await office.live.at_least(await office.state(own("lead-1", "bo", version=2)))

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await looked_up(office.stub, wanted("bo", pinned=first.token))

    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_looking_up_others_needs_a_right(office) -> None:
    dee = await office.as_caller("dee")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await looked_up(dee, wanted("ana"))
    with pytest.raises(grpc.aio.AioRpcError) as refused_too:
        [
            page
            async for page in dee.LookupSubjects(
                pb.LookupSubjectsRequest(action="read", resource=LEADS)
            )
        ]

    assert await looked_up(dee, wanted("dee"))
    assert refused.value.code() is refused_too.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_subjects_are_those_at_work(office, state_fact) -> None:
    await office.live.at_least(
        await office.state(
            PrincipalPut("eve", "user", "departed", 2),
            PrincipalPut("fay", "user", "active", 1, is_test=True),
            *(state_fact(f"role:director#member@user:{id_}") for id_ in ("eve", "fay")),
        )
    )
    request = pb.LookupSubjectsRequest(action="read", resource=LEADS, limit=2)

    [first] = [page async for page in office.stub.LookupSubjects(request)]
    request.after_id, request.limit = first.ids[-1], 0
    [rest] = [page async for page in office.stub.LookupSubjects(request)]

    assert (list(first.ids), first.complete) == (["ana", "boss"], False)
    assert (list(rest.ids), rest.complete) == (["dee", "engagement"], True)


async def test_a_tree_shows_the_facts_behind_a_relation(office) -> None:
    answer = await office.stub.Expand(pb.ExpandRequest(resource=LEADS, relation="owner"))

    assert json.loads(answer.tree_json)["facts"][0]["subject_id"] == "ana"


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_a_lookup_and_a_filter_hold_for_just_what_checks_allow(
    office, ask, own, numbers, migrated_url: str, data
) -> None:
    people = st.sampled_from(["ana", "bo", "boss"])
    rows = [
        (f"lead-{numbers()}", data.draw(people), data.draw(st.integers(0, 45))) for _ in range(6)
    ]
    token = await office.state(
        *(own(id_, owner, touched_at_s=office.clock() - 86_400 * days) for id_, owner, days in rows)
    )
    await office.live.at_least(token)
    subject_id = data.draw(st.sampled_from(["ana", "bo", "boss", "dee", "nobody"]))
    action = data.draw(st.sampled_from(["read", "edit", "hand_over", "claim", "delete"]))

    checks = [ask(subject_id, action, f"lead:{id_}") for id_, _, _ in rows]
    batch = await office.stub.BatchCheck(pb.BatchCheckRequest(checks=checks))
    allowed = {row[0] for row, result in zip(rows, batch.results, strict=True) if result.allowed}

    listed = set(await all_ids(office.stub, wanted(subject_id, action)))
    assert listed & {row[0] for row in rows} == allowed
    for owner_column in ("", "t.owner_id"):
        request = pb.FilterRequest(
            subject_id=subject_id, action=action, resource_type="lead", id_column="t.id"
        )
        request.owner_column, request.first_parameter = owner_column, 3
        found = await office.stub.Filter(request)
        assert await selected(migrated_url, found, rows) == allowed


async def selected(url: str, found: pb.FilterResponse, rows) -> set[str]:
    """The rows that a filter's SQL selects, with two parameters of the query's own before it."""
    query = (
        "with t as (select * from unnest($1::text[], $2::text[]) as t(id, owner_id))"
        f" select id from t where {found.predicate}"
    )
    connection = await asyncpg.connect(url)
    try:
        given_ = [[row[0] for row in rows], [row[1] for row in rows]]
        parameters = [list(parameter.values) for parameter in found.parameters]
        return {row["id"] for row in await connection.fetch(query, *given_, *parameters)}
    finally:
        await connection.close()
