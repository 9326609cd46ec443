"""Requests for approval as callers see them: made, found, withdrawn, refused."""

import hashlib
import json

import pytest
from accesskit.decisions import Question
from leadchain.permissions.v1 import approvals_service_pb2 as pb
from leadchain.permissions.v1.changes_pb2 import Entity
from permissions.domain.decisions import binding_token

from .conftest import Office, a_deed, a_request, a_use

MINUTE_S = 60.0
PARAMS_HASH = hashlib.sha256(b'{"undo_days":7}').hexdigest()


def denied(code: str) -> tuple[str, str]:
    return "PERMISSION_DENIED", code


async def test_a_request_is_bound_to_the_question_that_was_refused(office: Office) -> None:
    question = Question("ana", "delete", "customer", "c-1", params_hash=PARAMS_HASH)
    bound = a_request(binding_token=binding_token(question))
    other = a_request(deed=a_deed(params="{}"), binding_token=binding_token(question))

    made = await office.call("RequestAccess", bound, by="ana")
    refused = await office.refusal("RequestAccess", other, by="ana")

    assert made.request.params_hash == PARAMS_HASH
    assert refused == ("FAILED_PRECONDITION", "the binding token is of another question")


async def test_the_same_request_twice_is_one(office: Office) -> None:
    request = a_request()
    first = await office.call("RequestAccess", request, by="ana")
    office.now_s += MINUTE_S

    second = await office.call("RequestAccess", request, by="ana")

    other = a_request(request_id=request.request_id, deed=a_deed(params="{}"))
    assert second == first
    assert await office.refusal("RequestAccess", other, by="ana") == (
        "ALREADY_EXISTS",
        "another request has this id",
    )


async def test_what_no_approval_could_permit_is_not_requested(office: Office) -> None:
    foreign = a_request(deed=a_deed(subject="bo"))
    plain = a_request()
    plain.deed.action = "read"

    refused = await office.refusal("RequestAccess", foreign, by="bo")
    needless = await office.refusal("RequestAccess", plain, by="ana")

    assert refused == denied("no_relation")
    assert needless == ("FAILED_PRECONDITION", "no approval is needed for this")


async def test_a_withdrawn_request_permits_nothing(office: Office) -> None:
    approval_id = await office.approved()
    withdrawal = pb.CancelRequestRequest(request_id=approval_id)

    stranger = await office.refusal("CancelRequest", withdrawal, by="bo")
    first = await office.call("CancelRequest", withdrawal, by="ana")
    second = await office.call("CancelRequest", withdrawal, by="ana")

    assert stranger == ("NOT_FOUND", "no such request")
    assert first.request.status == second.request.status == pb.APPROVAL_STATUS_CANCELLED
    assert await office.refusal("UseApproval", a_use(approval_id), by="ana") == denied(
        "policy_denied"
    )


async def test_a_used_approval_is_not_withdrawn(office: Office) -> None:
    approval_id = await office.approved()
    await office.call("UseApproval", a_use(approval_id), by="ana")

    refused = await office.refusal(
        "CancelRequest", pb.CancelRequestRequest(request_id=approval_id), by="ana"
    )

    assert refused == ("FAILED_PRECONDITION", "the request is used")


async def test_a_request_is_shown_to_those_whom_it_concerns(office: Office) -> None:
    approval_id = await office.requested()
    asking = pb.GetRequestRequest(request_id=approval_id)

    seen = [
        (await office.call("GetRequest", asking, by=each)).request
        for each in ("ana", "boss", "aud")
    ]

    assert {each.request_id for each in seen} == {approval_id}
    assert await office.refusal("GetRequest", asking, by="bo") == ("NOT_FOUND", "no such request")


async def test_approvers_find_what_waits_for_them_page_by_page(office: Office) -> None:
    ids = sorted([await office.requested() for _ in range(3)])
    await office.vote(ids[1], by="boss")

    mine = await office.call("ListRequests", pb.ListRequestsRequest(), by="ana")
    page = await office.call(
        "ListRequests", pb.ListRequestsRequest(awaiting_vote=True, page_size=1), by="boss"
    )
    after = pb.ListRequestsRequest(awaiting_vote=True, page_size=1, after_id=ids[0])
    rest = await office.call("ListRequests", after, by="boss")
    none = await office.call("ListRequests", pb.ListRequestsRequest(awaiting_vote=True), by="bo")

    assert [each.request_id for each in mine.requests] == ids
    assert ([each.request_id for each in page.requests], page.complete) == ([ids[0]], False)
    assert ([each.request_id for each in rest.requests], rest.complete) == ([ids[2]], True)
    assert (list(none.requests), none.complete) == ([], True)


async def test_personal_data_in_a_summary_is_masked_and_the_reason_stays_out_of_the_log(
    office: Office,
) -> None:
    request = a_request(reason="客户 13800138001 要求删除")
    request.summary = "call 13800138001 back"

    made = await office.call("RequestAccess", request, by="ana")

    asking = pb.GetRequestRequest(request_id=request.request_id)
    shown = (await office.call("GetRequest", asking, by="boss")).request
    assert shown.reason == request.reason
    written = json.dumps(await office.entries(), ensure_ascii=False)
    assert "13800138001" not in made.request.summary
    assert "13800138001" not in written
    assert "要求删除" not in written


@pytest.mark.parametrize("request_id", ["", "a:b", "a\u202eb", "e\u0301", "x" * 201])
async def test_an_id_that_could_be_mistaken_for_another_is_refused(
    office: Office, request_id: str
) -> None:
    request = a_request()
    request.request_id = request_id

    code, _ = await office.refusal("RequestAccess", request, by="ana")

    assert code == "INVALID_ARGUMENT"


async def test_a_caller_nobody_knows_requests_nothing(office: Office) -> None:
    request = a_request(deed=a_deed(subject="ghost"))

    assert await office.refusal("RequestAccess", request, by="ghost") == denied("unknown_subject")


async def test_a_deed_on_a_type_without_template_needs_no_approval(office: Office) -> None:
    request = a_request()
    request.deed.resource.CopyFrom(Entity(type="platform", id="permissions"))

    code, _ = await office.refusal("RequestAccess", request, by="ana")

    assert code == "FAILED_PRECONDITION"


@pytest.mark.parametrize(
    "params", ['{"a":1,"a":2}', "[1]", '{"a":NaN}', "{", "[" * 100_000, '{"a":' + "9" * 5000 + "}"]
)
async def test_arguments_without_one_meaning_are_refused(office: Office, params: str) -> None:
    code, _ = await office.refusal("RequestAccess", a_request(deed=a_deed(params=params)), by="ana")

    assert code == "INVALID_ARGUMENT"
