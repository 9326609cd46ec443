"""The RPCs of offline sync. Any authenticated caller may ask; whose records are meant is who calls, nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from leadchain.intake.v1 import sync_service_pb2 as pb
from leadchain.intake.v1.sync_service_pb2_grpc import (
    SyncServiceServicer,
    add_SyncServiceServicer_to_server,
)
from servicekit.auth import caller_id

from lead_intake.commands import sync as commands
from lead_intake.commands.sync import Refused
from lead_intake.domain.media import problems
from lead_intake.queries import sync as queries
from lead_intake.wire import sync as wire

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from lead_intake.domain.sync import Change
    from lead_intake.seals import Seals


def serve(chassis: Chassis, seals: Seals) -> None:
    """Registers the servicer."""
    servicer = SyncServicer(chassis.database, seals)
    chassis.grpc.add(add_SyncServiceServicer_to_server, servicer, "leadchain.intake.v1.SyncService")


class SyncServicer(SyncServiceServicer):
    """Answers people's devices."""

    def __init__(self, database: Database, seals: Seals) -> None:
        self._database = database
        self._seals = seals

    async def PushChanges(
        self, request: pb.PushChangesRequest, context: ServicerContext[Any, Any]
    ) -> pb.PushChangesResponse:
        """Takes changes."""
        owner_id = caller_id()
        changes = [_read(message) for message in request.changes]
        async with self._database.unit_of_work() as uow:
            results = await commands.push(uow, owner_id, changes, self._seals)
        return pb.PushChangesResponse(
            results=[
                wire.result(each.change_id, each.outcome, each.version, each.conflicts, each.reason)
                for each in results
            ]
        )

    async def PullChanges(
        self, request: pb.PullChangesRequest, context: ServicerContext[Any, Any]
    ) -> pb.PullChangesResponse:
        """What has changed since a cursor."""
        page = await queries.pull(
            self._database,
            caller_id(),
            cursor=queries.parsed_cursor(request.cursor),
            page_size=request.page_size,
            seals=self._seals,
        )
        return pb.PullChangesResponse(
            records=[
                wire.synced_record(each.key, each.record, version=each.version, at=each.modified_at)
                for each in page.records
            ],
            cursor="" if page.must_restart else page.cursor.text(),
            has_more=page.has_more,
            must_restart=page.must_restart,
        )

    async def CheckMediaNote(
        self, request: pb.CheckMediaNoteRequest, context: ServicerContext[Any, Any]
    ) -> pb.CheckMediaNoteResponse:
        """Says whether a photo would be taken."""
        found = problems(wire.media_note(request), now=datetime.now(UTC))
        return pb.CheckMediaNoteResponse(is_acceptable=not found, problems=found)


def _read(message: pb.Change) -> Change | Refused:
    try:
        return wire.change(message)
    except wire.Unreadable as error:
        return Refused(message.change_id[:100], str(error))
