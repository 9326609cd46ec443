"""Which questions about decisions are refused, whatever the state of the office."""

from typing import Any

import grpc
import pytest
import pytest_asyncio
from leadchain.permissions.v1 import permissions_service_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def office(lasting_office: Any) -> Any:
    return lasting_office


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("v1.{log}.999999", grpc.StatusCode.FAILED_PRECONDITION),
        ("v1.another.1", grpc.StatusCode.INVALID_ARGUMENT),
        ("v2.{log}.1", grpc.StatusCode.INVALID_ARGUMENT),
        ("1", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_a_token_that_cannot_be_kept_is_refused(office, ask, token: str, code) -> None:
    request = ask("ana", "edit", "lead:lead-a")
    request.consistency.at_least = token.format(log=office.live.log_id)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await office.stub.Check(request)

    assert refused.value.code() is code


@pytest.mark.parametrize(
    "change",
    [
        {"subject_id": ""},
        {"subject_id": "a\u202eb"},
        {"subject_id": "a:b"},
        {"action": "x" * 201},
        {"resource": None},
        {"lead_id": "lead-1"},
        {"context_json": "[1]"},
        {"context_json": '{"a":'},
        {"context_json": "[" * 5000},
        {"params_hash": "abc"},
        {"fields": ["e\u0301"]},
    ],
)
async def test_what_is_no_question_is_refused(office, ask, change) -> None:
    request = ask("ana", "edit", "lead:lead-a")
    for name in change:
        request.ClearField(name)
    request.MergeFrom(
        pb.CheckRequest(**{name: value for name, value in change.items() if value is not None})
    )

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await office.stub.Check(request)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("column", ["id; drop table x", "", "1d", "a.b.c.d", "id--", 'i"d'])
async def test_a_filter_over_what_is_no_column_is_refused(office, column: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await office.stub.Filter(
            pb.FilterRequest(
                subject_id="ana", action="read", resource_type="lead", id_column=column
            )
        )

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("bad_id", ["", "a\u200bb", "a\x00", "x" * 201])
async def test_one_bad_id_refuses_the_whole_batch(office, bad_id: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await office.stub.BatchCheck(
            pb.BatchCheckRequest(
                subject_id="dee", action="read", resource_type="lead", resource_ids=["a", bad_id]
            )
        )

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
