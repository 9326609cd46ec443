"""PermissionsService: questions and their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadchain.permissions.v1.permissions_service_pb2_grpc import (
    PermissionsServiceServicer,
    add_PermissionsServiceServicer_to_server,
)
from servicekit.auth import current_caller
from servicekit.errors import ServiceError

from permissions.commands.checks import Checks
from permissions.commands.decisions import Recorder
from permissions.domain.decisions import ANYTIME, STANDS
from permissions.queries import approvals, decisions, entries, lookups, replays
from permissions.wire import decisions as wire
from permissions.wire import lookups as lookups_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from accesskit.decisions import Question
    from grpc.aio import ServicerContext
    from leadchain.permissions.v1 import permissions_service_pb2 as pb
    from servicekit.auth import Caller
    from servicekit.chassis import Chassis
    from servicekit.database import Database

    from permissions.queries.live import Live

SERVICE = "leadchain.permissions.v1.PermissionsService"


def serve(chassis: Chassis, live: Live) -> Checks:
    """Answers PermissionsService on the chassis' gRPC host, and writes down what was decided; gives what answers."""
    recorder = Recorder(chassis.database, clock=lambda: live.now_s)
    chassis.workers.append(recorder)

    async def standing(question: Question) -> str:
        denial = await approvals.standing(chassis.database, live, question)
        return STANDS if denial is None else denial.value

    checks = Checks(live, recorder, standing)
    servicer = PermissionsServicer(chassis.database, live, checks)
    chassis.grpc.add(add_PermissionsServiceServicer_to_server, servicer, SERVICE)
    return checks


class PermissionsServicer(PermissionsServiceServicer):
    """May this actor do this, now?"""

    def __init__(self, database: Database, live: Live, checks: Checks) -> None:
        self._database = database
        self._live = live
        self._checks = checks
        self._lookups = lookups.Lookups(live)

    async def Check(
        self, request: pb.CheckRequest, context: ServicerContext[Any, Any]
    ) -> pb.CheckResponse:
        """One decision, with its reason."""
        asked = wire.asked(request)
        return wire.check_response(
            await self._checks.check(asked, current_caller()), asked.question
        )

    async def CheckStream(
        self, request_iterator: AsyncIterator[pb.CheckStreamRequest], context: Any
    ) -> AsyncIterator[pb.CheckStreamResponse]:
        """Decisions over one open call, in the order of the questions; a refused question does not end it."""
        caller = current_caller()
        async for request in request_iterator:
            yield await self._streamed(request, caller)

    async def BatchCheck(
        self, request: pb.BatchCheckRequest, context: ServicerContext[Any, Any]
    ) -> pb.BatchCheckResponse:
        """Many decisions at once, of one revision."""
        if request.checks:
            return await self._batch(request)
        compact, freshness = wire.compact(request), wire.freshness(request)
        found = await self._checks.outcomes(compact, current_caller(), freshness)
        return wire.outcomes_response(found, self._live.token)

    async def Lookup(
        self, request: pb.LookupRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.LookupResponse]:
        """What a subject may do an action to, page by page, of one revision."""
        for page in await self._lookups.find(lookups_wire.wanted(request), current_caller()):
            yield lookups_wire.lookup_response(page)

    async def LookupSubjects(
        self, request: pb.LookupSubjectsRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.LookupSubjectsResponse]:
        """Who may do an action to a resource, page by page, of one revision."""
        wanted = lookups_wire.wanted_subjects(request)
        for page in await lookups.find_subjects(self._live, wanted, current_caller()):
            yield lookups_wire.subjects_response(page)

    async def Filter(
        self, request: pb.FilterRequest, context: ServicerContext[Any, Any]
    ) -> pb.FilterResponse:
        """A predicate for the caller's SQL."""
        wanted = lookups_wire.wanted_filter(request)
        await decisions.admit(
            self._live, current_caller(), wanted.freshness, subject_id=wanted.subject_id
        )
        return lookups_wire.filter_response(
            decisions.find_filter(self._live, wanted), self._live.token
        )

    async def Expand(
        self, request: pb.ExpandRequest, context: ServicerContext[Any, Any]
    ) -> pb.ExpandResponse:
        """How a relation of a resource comes about."""
        await decisions.admit(self._live, current_caller(), ANYTIME)
        tree = decisions.expand(self._live, *lookups_wire.expanded(request))
        return lookups_wire.expand_response(tree, self._live.token)

    async def Explain(
        self, request: pb.ExplainRequest, context: ServicerContext[Any, Any]
    ) -> pb.ExplainResponse:
        """A decision with everything that led to it."""
        asked = wire.asked(request.check)
        explained = await self._checks.explain(asked, current_caller())
        return wire.explain_response(explained, asked.question)

    async def Replay(
        self, request: pb.ReplayRequest, context: ServicerContext[Any, Any]
    ) -> pb.ReplayResponse:
        """An audited decision, made again."""
        decision_id, log_id = lookups_wire.decision_id(request), self._live.log_id
        return wire.replay_response(
            await replays.replay(self._database, decision_id, log_id=log_id)
        )

    async def ListAuditEntries(
        self, request: pb.ListAuditEntriesRequest, context: ServicerContext[Any, Any]
    ) -> pb.ListAuditEntriesResponse:
        """A page of the audit log, oldest first."""
        after_seq, page_size = wire.after_seq(request), request.page_size
        found = await entries.list_audit_entries(
            self._database, after_seq=after_seq, page_size=page_size
        )
        return wire.audit_entries_response(found)

    async def VerifyAudit(
        self, request: pb.VerifyAuditRequest, context: ServicerContext[Any, Any]
    ) -> pb.VerifyAuditResponse:
        """Recomputes the hash chain and names the first entry that does not fit."""
        return wire.verdict_response(await entries.verify_audit(self._database))

    async def _streamed(
        self, request: pb.CheckStreamRequest, caller: Caller | None
    ) -> pb.CheckStreamResponse:
        try:
            asked = wire.asked(request.check)
            answer = await self._checks.check(asked, caller)
        except ServiceError as error:
            return wire.stream_refusal(request.id, wire.refusal_code(error))
        return wire.stream_response(request.id, answer, asked.question)

    async def _batch(self, request: pb.BatchCheckRequest) -> pb.BatchCheckResponse:
        asked, freshness = wire.many_asked(request), wire.freshness(request)
        answers = await self._checks.answer_all(asked, current_caller(), freshness)
        return wire.batch_response(answers, asked)
