"""Requests about forms, as commands take them."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from servicekit.auth import current_caller
from servicekit.errors import Unauthenticated

from lead_intake.domain.form_publications import Permit, Publication

if TYPE_CHECKING:
    from datetime import datetime

    from leadchain.intake.v1 import forms_service_pb2 as pb


def publication(request: pb.PublishFormRequest) -> Publication:
    """A version as it is to be published."""
    return Publication(
        form=request.form,
        text=request.document,
        version=request.version,
        accept_breaking=request.accept_breaking,
        percent=request.canary_percent,
        duration_s=request.canary_duration_s,
    )


def permit(
    request: pb.PublishFormRequest | pb.SetFormGuardRequest | pb.ExemptFormOriginRequest,
) -> Permit:
    """By which approval the caller does a risky step; raises `Unauthenticated` when nobody calls."""
    caller = current_caller()
    if caller is None:
        raise Unauthenticated("no caller")
    return Permit(request.approval_id, request.idempotency_key, caller.subject)


def since(request: pb.ListFormCallersRequest) -> datetime | None:
    """From when on callers are asked about; None for the usual time."""
    return request.since.ToDatetime(tzinfo=UTC) if request.HasField("since") else None
