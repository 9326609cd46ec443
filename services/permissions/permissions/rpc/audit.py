"""AuditService."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servicekit.chassis import Chassis

    from permissions.queries.live import Live


def serve(chassis: Chassis, live: Live) -> None:
    """Answers AuditService on the chassis' gRPC host."""
