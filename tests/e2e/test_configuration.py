"""Configuration changes over the whole stack: only with the consent of two others, each with a second factor."""

from functools import partial

import pytest
from leadchain.intake.v1.intake_service_pb2 import (
    ListConfigurationChangesRequest,
    PutAccountRequest,
    RemoveAccountRequest,
)
from leadchain.intake.v1.intake_service_pb2_grpc import IntakeServiceStub
from leadchain.intake.v1.mappings_service_pb2 import CheckMappingRequest, PublishMappingRequest
from leadctl.accounts import put_account
from leadctl.clients import NotAnswered
from leadctl.consent import needed_by
from leadctl.demo.deciders import GOVERNOR, changing
from leadctl.mappings import check_mapping, publish_mapping

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ACCOUNT = {"channel": "website_form", "account": "changed-site"}
SECRET = "whsec_" + "RkZG" * 8
DOCUMENT = "map: {name: {path: fields.salutation, via: text}}"


@pytest.fixture(scope="module")
def stack(shared_stack):
    return shared_stack


async def opened(known, stack):
    """The account, put by an operator with the consent of two others."""
    async with changing(known, stack) as change:

        async def put(approval_id):
            request = PutAccountRequest(**ACCOUNT, secrets=[SECRET], approval_id=approval_id)
            return await put_account(change.author, request)

        return await change.approved(put)


async def publish(author, checked, approval_id):
    request = PublishMappingRequest(
        **ACCOUNT, document=DOCUMENT, sha256=checked.sha256, approval_id=approval_id
    )
    return await publish_mapping(author, request)


async def close(author, approval_id):
    with author.asking("lead-intake") as channel:
        request = RemoveAccountRequest(**ACCOUNT, approval_id=approval_id)
        return await IntakeServiceStub(channel).RemoveAccount(request)


async def test_an_operator_alone_changes_no_account(known, stack):
    await opened(known, stack)
    request = PutAccountRequest(**ACCOUNT, secrets=["whsec_" + "QUJD" * 8])

    with pytest.raises(NotAnswered) as refused:
        await put_account(known, request)

    needed = needed_by(refused.value)
    assert needed is not None
    assert (needed.subject, needed.resource) == (
        "leadctl",
        "webhook_account:website_form/changed-site",
    )


async def test_a_governor_publishes_a_mapping_that_two_others_agreed_to_and_an_operator_cannot(
    known, stack
):
    await opened(known, stack)
    async with changing(known, stack, author=GOVERNOR) as change:
        checked = await check_mapping(
            change.author, CheckMappingRequest(**ACCOUNT, document=DOCUMENT)
        )
        published = await change.approved(partial(publish, change.author, checked))
    with pytest.raises(NotAnswered) as refused:
        await publish(known, checked, "")

    assert published.version >= 1000
    assert refused.value.code == "PERMISSION_DENIED"
    with known.asking("lead-intake") as channel:
        listed = await IntakeServiceStub(channel).ListConfigurationChanges(
            ListConfigurationChangesRequest(kind="mapping")
        )
    own = [each for each in listed.changes if each.resource_id == "website_form/changed-site"]
    assert [each.actor_id for each in own] == [GOVERNOR]


async def test_a_closed_account_is_opened_again_by_the_same_two_people(known, stack):
    before = await opened(known, stack)
    async with changing(known, stack) as change:
        closed = await change.approved(partial(close, change.author))

    after = await opened(known, stack)

    assert closed.HasField("closed_at")
    assert after.path == before.path
