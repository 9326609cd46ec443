"""RecordingsService: what was said that nobody has written down?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.engagement.v1 import recordings_service_pb2 as pb
from leadchain.engagement.v1.recordings_service_pb2_grpc import (
    RecordingsServiceServicer,
    add_RecordingsServiceServicer_to_server,
)

from engagement.queries import recordings as queries
from engagement.wire import recordings as wire
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from grpc.aio import ServicerContext
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from engagement.commands.recordings import Recordings

    Context = ServicerContext[Any, Any]

SERVICE = "leadchain.engagement.v1.RecordingsService"


def serve(chassis: Chassis, recordings: Recordings) -> None:
    """Answers RecordingsService on the chassis' gRPC host."""
    servicer = RecordingsServicer(chassis.database, recordings)
    chassis.grpc.add(add_RecordingsServiceServicer_to_server, servicer, SERVICE)


class RecordingsServicer(RecordingsServiceServicer):
    """What was said that nobody has written down?"""

    def __init__(self, database: Database, recordings: Recordings) -> None:
        self._database = database
        self._recordings = recordings

    async def ListFailedRecordings(
        self, request: pb.ListFailedRecordingsRequest, context: Context
    ) -> pb.ListFailedRecordingsResponse:
        """Recordings that nobody tries any more."""
        return wire.failed(await queries.list_failed(self._database))

    async def RetryRecordings(
        self, request: pb.RetryRecordingsRequest, context: Context
    ) -> pb.RetryRecordingsResponse:
        """Tries them again."""
        contact_ids = [uuid(each, "contact_ids") for each in request.contact_ids]
        async with self._database.unit_of_work() as uow:
            count = await self._recordings.retry(uow, contact_ids)
        return pb.RetryRecordingsResponse(count=count)
