"""What operators can do with accounts and ask of a lead, over a real gRPC host with minted tokens."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import grpc
import pytest
import pytest_asyncio
from leadchain.intake.v1 import intake_service_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def intake(shared_intake: Any) -> Any:
    return shared_intake


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code()


async def test_an_account_keeps_its_path_and_its_key_is_stored_nowhere_in_the_clear(
    intake: Any, samples: Any
) -> None:
    first = intake.paths["website_form"]

    again = await intake.put_account("website_form", secrets=[samples.form_secret])

    assert again == first
    key = first.rpartition("/")[2]
    assert len(key) * 6 >= 128
    row = await intake.rows.fetchrow(
        "select * from accounts where channel = 'website_form' and account = $1",
        f"{intake.own}main",
    )
    assert key.encode() not in b"".join(v for v in row.values() if isinstance(v, bytes))


@pytest.mark.parametrize(
    "request_",
    [
        pb.PutAccountRequest(channel="unknown", account="a", secrets=["s" * 20]),
        pb.PutAccountRequest(channel="facebook_leadgen", account="", secrets=["s" * 20]),
        pb.PutAccountRequest(channel="facebook_leadgen", account="a", secrets=[]),
        pb.PutAccountRequest(channel="facebook_leadgen", account="a", secrets=["short"]),
        pb.PutAccountRequest(channel="facebook_leadgen", account="a", secrets=["s" * 20] * 3),
        pb.PutAccountRequest(channel="website_form", account="a", secrets=["whsec_!"]),
    ],
)
async def test_a_bad_account_is_refused(intake: Any, request_: pb.PutAccountRequest) -> None:
    assert await code_of(intake.rpc.PutAccount(request_)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_lead_is_shown_without_its_contact(intake: Any, samples: Any) -> None:
    lead_id = await intake.accepted_form(samples.form())
    await intake.settled(1)

    lead = await intake.rpc.GetLead(pb.GetLeadRequest(lead_id=lead_id))

    assert (lead.lead_id, lead.state, lead.reason) == (lead_id, "received", "")
    assert lead.facts.phone_display == "138****8004"
    assert lead.facts.sealed_contact == b""
    assert len(lead.trace_id) == 32


async def test_an_unknown_lead_is_not_found_and_a_bad_id_is_invalid(intake: Any) -> None:
    unknown = pb.GetLeadRequest(lead_id=str(uuid4()))

    assert await code_of(intake.rpc.GetLead(unknown)) is grpc.StatusCode.NOT_FOUND
    bad = pb.GetLeadRequest(lead_id="x")
    assert await code_of(intake.rpc.GetLead(bad)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_only_operators_are_served(intake: Any, lasting_keys: Any) -> None:
    async def code_for(*scopes: str) -> grpc.StatusCode:
        bearer = (("authorization", f"Bearer {lasting_keys.token(*scopes)}"),)
        call = intake.rpc.ListAccounts(pb.ListAccountsRequest(), metadata=bearer)
        return await code_of(call)

    assert await code_for("service:reporting") is grpc.StatusCode.PERMISSION_DENIED
    nobody = (("authorization", "Bearer x"),)
    unknown = intake.rpc.ListAccounts(pb.ListAccountsRequest(), metadata=nobody)
    assert await code_of(unknown) is grpc.StatusCode.UNAUTHENTICATED
