"""Answers to requests about people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.reporting.v1.privacy_events_pb2 import (
    SubjectErasedInReporting,
    SubjectExportedFromReporting,
)

if TYPE_CHECKING:
    from servicekit.erasures import Erased, Part


def subject_erased(request_id: str, erased: Erased) -> SubjectErasedInReporting:
    """The fact that everything personal of somebody's leads is gone from here."""
    return SubjectErasedInReporting(**erased.answer(request_id))


def subject_exported(request_id: str, part: Part) -> SubjectExportedFromReporting:
    """One part of what is kept here about somebody's leads."""
    return SubjectExportedFromReporting(**part.answer(request_id))
