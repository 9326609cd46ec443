"""Times of the domain as protobuf timestamps."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.timestamp_pb2 import Timestamp


def stamp(target: Timestamp, moment: datetime | None) -> None:
    """What `FromDatetime` does, for times with a zone, at a third of its cost; None leaves the target unset."""
    if moment is None:
        return
    moment = moment.astimezone(UTC)
    target.seconds = int(moment.timestamp() // 1)
    target.nanos = moment.microsecond * 1000
