"""GoldenRecordsService: what stands about customers, why, what stood before, and by which rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.identity.v1 import golden_records_service_pb2 as pb
from leadchain.identity.v1.golden_records_service_pb2_grpc import (
    GoldenRecordsServiceServicer,
    add_GoldenRecordsServiceServicer_to_server,
)
from servicekit.auth import caller_id

from identity.commands import golden_pins as pins
from identity.commands.golden_policies import PolicyOffice
from identity.queries import golden as queries
from identity.rpc.field_masks import FieldMasks
from identity.store import golden as store
from identity.store.golden_pins import NewPin
from identity.wire import golden as wire
from identity.wire.customers import customer_id
from identity.workers import golden as worker
from identity.workers.golden import PolicyFollower

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from accesskit.replica import Replica
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis

    from identity.commands.golden import GoldenRecords

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.identity.v1.GoldenRecordsService"


def serve(chassis: Chassis, records: GoldenRecords, replica: Replica) -> None:
    """Answers GoldenRecordsService on the chassis' gRPC host, and lets records follow their policy.

    `records` must follow the resolver.
    """
    servicer = GoldenRecordsServicer(records, FieldMasks(replica))
    chassis.grpc.add(add_GoldenRecordsServiceServicer_to_server, servicer, SERVICE)
    follower = PolicyFollower(records)
    chassis.work("survivorship policy", follower.step, idle_s=worker.IDLE_S)


class GoldenRecordsServicer(GoldenRecordsServiceServicer):
    """Answers those who read customers, and stewards."""

    def __init__(self, records: GoldenRecords, masks: FieldMasks) -> None:
        self._archive = archive = records.archive
        self._database = archive.database
        self._records = records
        self._masks = masks
        self._office = PolicyOffice(archive)

    async def GetGoldenRecord(
        self, request: pb.GetGoldenRecordRequest, context: Context
    ) -> pb.GetGoldenRecordResponse:
        """What stands, or stood."""
        named = customer_id(request.customer_id)
        if request.HasField("as_of"):
            at = wire.asked_at(request.as_of)
            found = await queries.golden_record_then(self._archive, named, at)
        else:
            found = await queries.golden_record(self._archive, named)
        return wire.record_response(found, self._masks.of)

    async def ListChanges(
        self, request: pb.ListChangesRequest, context: Context
    ) -> pb.ListChangesResponse:
        """How it changed."""
        page = await queries.list_changes(
            self._archive,
            customer_id(request.customer_id),
            field=request.field,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return wire.changes_response(page, self._masks.of)

    async def SearchChanges(
        self, request: pb.SearchChangesRequest, context: Context
    ) -> pb.SearchChangesResponse:
        """What changed anywhere."""
        page = await queries.search_changes(
            self._archive,
            wire.sought(request),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return wire.search_response(page, self._masks.of)

    async def PinValue(self, request: pb.PinValueRequest, context: Context) -> pb.PinValueResponse:
        """Sets a value."""
        new = NewPin(request.field, request.text, caller_id(), request.reason)
        async with self._database.unit_of_work() as uow:
            version = await pins.pin_value(
                uow, self._records, customer_id(request.customer_id), new
            )
        return pb.PinValueResponse(version=version)

    async def ReleasePin(
        self, request: pb.ReleasePinRequest, context: Context
    ) -> pb.ReleasePinResponse:
        """Lets the systems decide again."""
        async with self._database.unit_of_work() as uow:
            version = await pins.release_pin(
                uow,
                self._records,
                customer_id(request.customer_id),
                field=request.field,
                actor=caller_id(),
            )
        return pb.ReleasePinResponse(version=version)

    async def RestoreValue(
        self, request: pb.RestoreValueRequest, context: Context
    ) -> pb.RestoreValueResponse:
        """Puts an old value back."""
        async with self._database.unit_of_work() as uow:
            version, field = await pins.restore_value(
                uow,
                self._records,
                customer_id(request.customer_id),
                wire.change_id(request.change_id),
                actor=caller_id(),
                reason=request.reason,
            )
        return pb.RestoreValueResponse(version=version, field=field)

    async def GetSurvivorshipPolicy(
        self, request: pb.GetSurvivorshipPolicyRequest, context: Context
    ) -> pb.GetSurvivorshipPolicyResponse:
        """A policy."""
        version = wire.policy_version(request.version)
        return wire.policy_response(await queries.get_policy(self._archive, version))

    async def PreviewSurvivorshipPolicy(
        self, request: pb.PreviewSurvivorshipPolicyRequest, context: Context
    ) -> AsyncIterator[pb.PreviewSurvivorshipPolicyResponse]:
        """What another policy would change."""
        async for trial in self._office.preview(
            request.document, customers_max=request.customers_max
        ):
            yield wire.preview_response(trial, is_last=trial.is_over)

    async def PublishSurvivorshipPolicy(
        self, request: pb.PublishSurvivorshipPolicyRequest, context: Context
    ) -> pb.PublishSurvivorshipPolicyResponse:
        """Puts a policy into force."""
        async with self._database.unit_of_work() as uow:
            published = await self._office.publish(
                uow,
                request.document,
                base_version=request.base_version,
                actor=caller_id(),
                reason=request.reason,
            )
            behind_count = await store.behind_count(uow.raw, policy_version=published.version)
        return pb.PublishSurvivorshipPolicyResponse(
            version=published.version, behind_count=behind_count
        )
