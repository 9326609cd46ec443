"""PoliciesService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from permissions.commands.bootstrap import Bootstrap

if TYPE_CHECKING:
    from servicekit.chassis import Chassis

    from permissions.queries.live import Live


def serve(chassis: Chassis, live: Live) -> None:
    """Answers PoliciesService on the chassis' gRPC host, and has a policy before the state is loaded."""
    chassis.workers.insert(0, Bootstrap(chassis.database, None))
