"""What an operator can see and do in any service: dead letters, the outbox, and what waits."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import structlog

from servicekit import dead_letters, outbox
from servicekit.errors import outcome_of
from servicekit.telemetry import TraceContext
from servicekit.v1 import operations_service_pb2 as pb
from servicekit.v1.operations_service_pb2_grpc import OperationsServiceServicer

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    from servicekit.bus import Bus
    from servicekit.database import Database

log = structlog.get_logger()

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000


class OperationsServicer(OperationsServiceServicer):
    """Answers for one service."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    async def ListDeadLetters(
        self, request: pb.ListDeadLettersRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListDeadLettersResponse:
        """Messages that could not be handled, newest first."""
        limit = min(request.page_size or PAGE_SIZE, PAGE_SIZE_MAX)
        async with self._database.raw() as raw:
            letters = await dead_letters.list_letters(raw, consumer=request.consumer, limit=limit)
        return pb.ListDeadLettersResponse(letters=[_letter(letter) for letter in letters])

    async def ReplayDeadLetters(
        self, request: pb.ReplayDeadLettersRequest, context: ServicerContext[Any, Any]
    ) -> pb.ReplayDeadLettersResponse:
        """Handles dead letters again, each in its own transaction, oldest first."""
        async with self._database.raw() as raw:
            letters = await dead_letters.list_letters(
                raw,
                consumer=request.consumer,
                event_ids=list(request.event_ids),
                limit=PAGE_SIZE_MAX,
            )
        handled = [await self._replay(letter) for letter in reversed(letters)]
        return pb.ReplayDeadLettersResponse(
            handled_count=handled.count(True), failed_count=handled.count(False)
        )

    async def ReplayOutbox(
        self, request: pb.ReplayOutboxRequest, context: ServicerContext[Any, Any]
    ) -> pb.ReplayOutboxResponse:
        """Lets the relay publish kept rows again."""
        until = request.until.ToDatetime(tzinfo=UTC) if request.HasField("until") else None
        async with self._database.unit_of_work() as uow:
            count = await outbox.replay(
                uow.raw, since=request.since.ToDatetime(tzinfo=UTC), until=until
            )
        self._database.published()
        return pb.ReplayOutboxResponse(row_count=count)

    async def GetBacklog(
        self, request: pb.GetBacklogRequest, context: ServicerContext[Any, Any]
    ) -> pb.GetBacklogResponse:
        """What waits in this service."""
        async with self._database.raw() as raw:
            letters, retrying = await dead_letters.counts(raw)
            pending = await outbox.pending_count(raw)
        return pb.GetBacklogResponse(
            outbox_count=pending, dead_letter_count=letters, retrying_count=retrying
        )

    async def _replay(self, letter: dead_letters.DeadLetter) -> bool:
        try:
            await self._bus.replay(letter)
        except Exception as error:  # noqa: BLE001 - the letter is kept and the caller told
            outcome = outcome_of(error)
            log.warning("replay_failed", consumer=letter.consumer, code=outcome.grpc_code)
            return False
        return True


def _letter(letter: dead_letters.DeadLetter) -> pb.DeadLetter:
    context = TraceContext.parse(letter.traceparent)
    response = pb.DeadLetter(
        consumer=letter.consumer,
        event_id=letter.event_id,
        event_type=letter.event_type,
        error=letter.error,
        attempt_count=letter.attempt_count,
        trace_id=context.trace_id if context else "",
    )
    response.first_failed_at.FromDatetime(letter.first_failed_at)
    response.quarantined_at.FromDatetime(letter.quarantined_at)
    return response
