"""Enforcement: what a service's composition root calls so that permissions decides about its RPCs."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from servicekit.grpc_client import TokenFile, connect

from accesskit.guard import AccessGuard, ReplicaState
from accesskit.replica import Replica

if TYPE_CHECKING:
    import grpc
    from servicekit.chassis import Chassis
    from servicekit.settings import ServiceSettings


class PermissionsChannel:
    """The channel to permissions, dialled when first asked for. A part of a service."""

    name = "channel to permissions"

    def __init__(self, settings: ServiceSettings, target: str) -> None:
        self._target = target
        self._tls = settings.tls()
        self._token = (
            TokenFile(settings.service_token_file) if settings.service_token_file else None
        )
        self._channel: grpc.aio.Channel | None = None

    def __call__(self) -> grpc.aio.Channel:
        """The channel."""
        if self._channel is None:
            self._channel = connect(self._target, token=self._token, tls=self._tls)
        return self._channel

    async def start(self) -> None:
        """Nothing: the channel is dialled at its first call."""

    async def stop(self) -> None:
        """Closes the channel."""
        if self._channel is not None:
            await self._channel.close()

    def problem(self) -> str | None:
        """None: whoever asks through it says what is missing."""
        return None


def enforce(chassis: Chassis, settings: ServiceSettings, *, permissions_grpc: str) -> Replica:
    """Lets permissions decide about the chassis' RPCs, through a replica in this process; returns the replica."""
    channel = PermissionsChannel(settings, permissions_grpc)
    replica = Replica(
        channel, chassis.announcements, instance_id=f"{socket.gethostname()}-{os.getpid()}"
    )
    guard = AccessGuard(chassis.name, ReplicaState(replica, channel))
    chassis.grpc.guard_with(guard)
    chassis.verifier.is_revoked = guard.is_revoked
    chassis.workers.extend([channel, replica])
    return replica
