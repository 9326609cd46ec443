"""Somebody leaves: everything they could do ends at once, and what they owned goes on."""

from typing import Any

import pytest
from accesskit.decisions import Circumstances, Outcome
from leadchain.permissions.v1 import sessions_service_pb2 as pb
from leadchain.permissions.v1.events_pb2 import (
    CustomerReleased,
    OwnershipGranted,
    SessionsRevoked,
)


def leaving(**changed: Any) -> pb.OffboardRequest:
    """ana resigns."""
    usual = {"request_id": "leave-ana-1", "principal_id": "ana", "reason": "resigned"}
    return pb.OffboardRequest(**(usual | changed))


async def test_after_the_acknowledgement_nothing_is_allowed_to_the_one_who_left(
    office: Any,
) -> None:
    await office.give("ana", "lead:l-1", "customer:c-1")
    session = await office.sign_in("ana")
    token = office.token("ana", epoch=session.epoch, session_id=session.id)
    await office.call("ListSessions", pb.ListSessionsRequest(), by="ana", token=token)
    assert (await office.may("ana", "read", "lead:l-1")).outcome is Outcome.ALLOW

    await office.call("Offboard", leaving(), by="sec")

    for action in ("read", "edit", "read_history", "export", "claim"):
        decision = await office.may("ana", action, "lead:l-1")
        assert (decision.outcome, decision.reason) == (Outcome.DENY, "departed")
    refused = await office.refusal("ListSessions", pb.ListSessionsRequest(), by="ana", token=token)
    assert refused == ("UNAUTHENTICATED", "revoked")
