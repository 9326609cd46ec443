"""Between the contract and the answers to requests about people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.identity.v1.privacy_events_pb2 import (
    SubjectErasedInIdentity,
    SubjectExportedFromIdentity,
)

if TYPE_CHECKING:
    from servicekit.erasures import Erased, Part


def subject_erased(request_id: str, erased: Erased) -> SubjectErasedInIdentity:
    """The fact that everything personal of somebody's leads is gone from here."""
    return SubjectErasedInIdentity(**erased.answer(request_id))


def subject_exported(request_id: str, part: Part) -> SubjectExportedFromIdentity:
    """One part of what is kept here about somebody's leads."""
    return SubjectExportedFromIdentity(**part.answer(request_id))
