"""Changes of the suppression list as the other services are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.intake.v1 import privacy_events_pb2 as pb

if TYPE_CHECKING:
    from lead_intake.domain.suppressions import NewSuppression


def suppressed(entry: NewSuppression, *, is_lifted: bool) -> pb.SubjectsSuppressed:
    """The fact that people are left alone, or no longer, by keyed digests."""
    return pb.SubjectsSuppressed(
        subject_indexes=sorted({point.digest for point in entry.points}),
        purpose=pb.SuppressedPurpose.ValueType(entry.purpose),
        is_lifted=is_lifted,
    )
