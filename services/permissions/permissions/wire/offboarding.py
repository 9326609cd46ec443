"""Offboardings: protobuf to domain and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from leadchain.permissions.v1 import sessions_service_pb2 as pb

from permissions.domain.offboarding import OffboardingRequest

if TYPE_CHECKING:
    from permissions.domain.facts import ReplicaState
    from permissions.domain.offboarding import Offboarding, OffboardingReport
    from permissions.queries.offboarding import Shown


def offboarding_request(request: pb.OffboardRequest, *, requested_by: str) -> OffboardingRequest:
    """Who leaves; raises `BadRequestId`, `BadName`, `BadReason` or `OwnDeparture`."""
    return OffboardingRequest(
        request_id=request.request_id,
        principal_id=request.principal_id,
        successor_id=request.successor_id,
        reason=request.reason,
        requested_by=requested_by,
    )


def preview_response(report: OffboardingReport) -> pb.OffboardResponse:
    """What would be done as an answer."""
    return pb.OffboardResponse(report=_counts(report))


def offboard_response(offboarding: Offboarding, *, is_confirmed: bool) -> pb.OffboardResponse:
    """What was done as an answer."""
    return pb.OffboardResponse(report=_report(offboarding), is_confirmed=is_confirmed)


def get_offboarding_response(shown: Shown) -> pb.GetOffboardingResponse:
    """The report, and who has confirmed it, as an answer."""
    said = [_confirmation(replica) for replica in shown.replicas]
    return pb.GetOffboardingResponse(
        report=_report(shown.offboarding),
        confirmed=[each for each in said if each.HasField("confirmed_at")],
        pending=[each for each in said if not each.HasField("confirmed_at")],
        is_late=shown.is_late,
    )


def _counts(report: OffboardingReport) -> pb.OffboardingReport:
    return pb.OffboardingReport(**asdict(report))


def _report(offboarding: Offboarding) -> pb.OffboardingReport:
    message = _counts(offboarding.report)
    message.token = offboarding.token
    message.offboarded_at.FromDatetime(offboarding.offboarded_at)
    return message


def _confirmation(replica: ReplicaState) -> pb.Confirmation:
    message = pb.Confirmation(service=replica.service, instance_id=replica.instance_id)
    if replica.confirmation is not None:
        message.applied_at.FromDatetime(replica.confirmation.applied_at)
        message.confirmed_at.FromDatetime(replica.confirmation.confirmed_at)
    return message
