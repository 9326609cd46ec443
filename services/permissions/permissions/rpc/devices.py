"""DevicesService."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accesskit.facts import Entity
from leadchain.permissions.v1 import sessions_service_pb2 as pb
from leadchain.permissions.v1.sessions_service_pb2_grpc import (
    DevicesServiceServicer,
    add_DevicesServiceServicer_to_server,
)

from permissions.commands import devices as commands
from permissions.domain.devices import DeviceKey
from permissions.queries import sessions as queries
from permissions.queries.own import owner_or_permitted, permitted, user
from permissions.queries.rights import known_caller
from permissions.wire import sessions as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from permissions.queries.live import Live

    Context = ServicerContext[Any, Any]


def serve(chassis: Chassis, live: Live) -> None:
    """Answers DevicesService on the chassis' gRPC host."""
    chassis.grpc.add(
        add_DevicesServiceServicer_to_server,
        DevicesServicer(chassis.database, live),
        "leadchain.permissions.v1.DevicesService",
    )


class DevicesServicer(DevicesServiceServicer):
    """Devices that people work with, and networks that they work from."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    async def RegisterDevice(
        self, request: pb.RegisterDeviceRequest, context: Context
    ) -> pb.RegisterDeviceResponse:
        """States the public key of a device of the caller's."""
        key = DeviceKey.parse(request.public_key_jwk)
        caller_id = await permitted(self._live, "enrol", Entity("device", key.thumbprint))
        device, token = await commands.register_device(self._database, caller_id, key)
        return pb.RegisterDeviceResponse(
            device_id=device.device_id, status=device.status, token=token
        )

    async def ApproveDevice(
        self, request: pb.ApproveDeviceRequest, context: Context
    ) -> pb.ApproveDeviceResponse:
        """Lets a device be worked with."""
        token = await commands.approve_device(
            self._database,
            self._live,
            request.device_id,
            caller=known_caller(),
            approval_id=request.approval_id,
        )
        return pb.ApproveDeviceResponse(token=token)

    async def RevokeDevice(
        self, request: pb.RevokeDeviceRequest, context: Context
    ) -> pb.RevokeDeviceResponse:
        """Ends a device."""
        device_id = request.device_id
        owner_id = await queries.device_owner(self._database, device_id)
        device = Entity("device", device_id)
        actor = await owner_or_permitted(self._live, owner_id, "revoke", device)
        token = await commands.revoke_device(self._database, device_id, actor=actor)
        return pb.RevokeDeviceResponse(token=token)

    async def ListDevices(
        self, request: pb.ListDevicesRequest, context: Context
    ) -> pb.ListDevicesResponse:
        """A principal's devices."""
        whose = request.principal_id or known_caller().subject
        await owner_or_permitted(self._live, whose, "read", user(whose))
        return wire.list_devices_response(await queries.list_devices(self._database, whose))

    async def ChallengeDevice(
        self, request: pb.ChallengeDeviceRequest, context: Context
    ) -> pb.ChallengeDeviceResponse:
        """A nonce for a device to sign."""
        owner_id = await queries.device_owner(self._database, request.device_id)
        await owner_or_permitted(self._live, owner_id, "open", Entity("session", "permissions"))
        challenge = await commands.challenge_device(self._database, request.device_id)
        return wire.challenge_response(challenge)

    async def ProveDevice(
        self, request: pb.ProveDeviceRequest, context: Context
    ) -> pb.ProveDeviceResponse:
        """Binds a session to the device that signed a nonce."""
        session_id, device_id = request.session_id, request.device_id
        owner_id = await queries.session_owner(self._database, session_id)
        session = Entity("session", "permissions")
        actor = await owner_or_permitted(self._live, owner_id, "open", session)
        device = await commands.prove_device(
            self._database, session_id, device_id, request.proof, actor=actor
        )
        return pb.ProveDeviceResponse(device_status=device.status)

    async def PutNetwork(
        self, request: pb.PutNetworkRequest, context: Context
    ) -> pb.PutNetworkResponse:
        """Trusts a network."""
        actor, cidr, name = known_caller().subject, request.cidr, request.name
        token = await commands.put_network(self._database, cidr, name, actor=actor)
        return pb.PutNetworkResponse(token=token)

    async def RemoveNetwork(
        self, request: pb.RemoveNetworkRequest, context: Context
    ) -> pb.RemoveNetworkResponse:
        """Trusts a network no longer."""
        actor = known_caller().subject
        token = await commands.remove_network(self._database, request.cidr, actor=actor)
        return pb.RemoveNetworkResponse(token=token)

    async def ListNetworks(
        self, request: pb.ListNetworksRequest, context: Context
    ) -> pb.ListNetworksResponse:
        """The trusted networks."""
        return wire.list_networks_response(await queries.list_networks(self._database))
