"""Which requests about a person are refused, and to whom."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import grpc
import pytest
import pytest_asyncio
from leadchain.intake.v1 import privacy_service_pb2 as pb

from .conftest import PHONE

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def rights(shared_rights: Any) -> Any:
    return shared_rights


@pytest.mark.parametrize(
    "request_",
    [
        pb.SuppressRequest(subjects=[pb.Subject(phone="95588")], purpose=3, reason="DSR-1"),
        pb.SuppressRequest(subjects=[pb.Subject(phone="138****8004")], purpose=3, reason="DSR-1"),
        pb.SuppressRequest(subjects=[pb.Subject(email="nobody")], purpose=3, reason="DSR-1"),
        pb.SuppressRequest(subjects=[pb.Subject()], purpose=3, reason="DSR-1"),
        pb.SuppressRequest(subjects=[], purpose=3, reason="DSR-1"),
        pb.SuppressRequest(subjects=[pb.Subject(phone=PHONE)], reason="DSR-1"),
        pb.SuppressRequest(subjects=[pb.Subject(phone=PHONE)], purpose=3),
        pb.SuppressRequest(subjects=[pb.Subject(phone=PHONE)], purpose=3, reason=f"of {PHONE}"),
        pb.SuppressRequest(subjects=[pb.Subject(phone=PHONE)], purpose=3, reason="a@example.com"),
    ],
    ids=[
        "hotline", "masked", "no e-mail", "unnamed", "nobody", "no purpose", "no reason",
        "reason with a phone", "reason with an e-mail",
    ],
)  # fmt: skip
async def test_what_names_nobody_or_says_too_much_is_refused(
    rights: Any, request_: pb.SuppressRequest
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await rights.call("Suppress", request_)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert PHONE not in refused.value.details()


async def test_only_operators_change_the_list(rights: Any) -> None:
    request = pb.SuppressRequest(subjects=[pb.Subject(phone=PHONE)], purpose=3, reason="DSR-1")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await rights.call("Suppress", request, scopes=("reader",))

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("scopes", [(), ("reader",)], ids=["no scope", "another scope"])
async def test_only_operators_have_somebody_forgotten(rights: Any, scopes: tuple[str, ...]) -> None:
    request = pb.RequestErasureRequest(subject=pb.Subject(phone=PHONE), reason="DSR-1")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await rights.call("RequestErasure", request, scopes=scopes)

    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_lead_that_is_not_there_is_not_found(rights: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await rights.erase(lead_id=str(uuid4()))

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
