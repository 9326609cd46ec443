"""What the running service refuses, and how."""

from typing import Any

import grpc
import pytest
import pytest_asyncio
from leadchain.identity.v1 import identity_service_pb2 as pb
from leadchain.identity.v1 import resolution_service_pb2 as resolution
from leadchain.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from leadchain.identity.v1.resolution_service_pb2_grpc import ResolutionServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def channel(lasting_identity: Any) -> grpc.aio.Channel:
    return await lasting_identity.channel("reporting")


def a_row(key: str, **fields: str) -> resolution.RowStatement:
    """What a row of the ERP says."""
    said = fields or {"name": "张伟", "phone": "13800138001"}
    row = resolution.RowStatement(system="kingdee", source_key=key, fields=said)
    row.modified_at.FromJsonString("2026-02-07T04:00:00Z")
    return row


def a_late_row() -> resolution.RowStatement:
    row = a_row("K-1")
    row.modified_at.FromJsonString("2926-02-07T04:00:00Z")
    return row


@pytest.mark.parametrize(
    "row",
    [
        resolution.RowStatement(),
        resolution.RowStatement(system="lead", source_key="K-1", fields={"name": "张伟"}),
        resolution.RowStatement(system="kingdee", source_key="K-1", fields={"name": "张伟"}),
        a_row("K" * 201),
        a_row("K-1", name="张" * 4_097),
        a_row("K-1", **{"na me": "张伟"}),
        a_row("K-1", **{f"f{n}": "x" for n in range(65)}),
        a_late_row(),
    ],
    ids=["empty", "lead", "no-time", "long-key", "long", "odd-name", "many", "ahead"],
)
async def test_a_statement_that_cannot_be_one_is_refused(
    channel: Any, row: resolution.RowStatement
) -> None:
    stub = ResolutionServiceStub(channel)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stub.Resolve(resolution.ResolveRequest(statement=row))

    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "张" not in (refusal.value.details() or "")


@pytest.mark.parametrize(
    ("lead_id", "code"),
    [
        ("0198a000-0000-7000-8000-000000000000", grpc.StatusCode.NOT_FOUND),
        ("lead-1", grpc.StatusCode.INVALID_ARGUMENT),
        ("", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_an_unknown_lead_is_refused_by_its_kind(
    channel: Any, lead_id: str, code: grpc.StatusCode
) -> None:
    stub = IdentityServiceStub(channel)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stub.GetIdentity(pb.GetIdentityRequest(lead_id=lead_id))

    assert refusal.value.code() is code


@pytest.mark.parametrize(
    ("customer_id", "code"),
    [
        ("CID-20260207-999999", grpc.StatusCode.NOT_FOUND),
        ("f" * 64, grpc.StatusCode.NOT_FOUND),
        ("", grpc.StatusCode.INVALID_ARGUMENT),
        ("CID-20260207-1'; --", grpc.StatusCode.INVALID_ARGUMENT),
        ("\x00", grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_an_unknown_customer_is_refused_by_its_kind(
    channel: Any, customer_id: str, code: grpc.StatusCode
) -> None:
    stub = IdentityServiceStub(channel)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stub.GetCustomer(pb.GetCustomerRequest(customer_id=customer_id))

    assert refusal.value.code() is code
