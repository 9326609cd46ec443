"""What reporting's tests share: a migrated database, events whose defaults are valid, and other services' books."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import nats
import pytest
from accesskit.changes import FactPut, PolicyPut, PrincipalPut
from accesskit.facts import Fact
from accesskit.testing.stand_in import APPROVED, StandIn, colleagues
from leadchain.assignment.v1 import clock_events_pb2 as clocks
from leadchain.assignment.v1 import events_pb2 as assignment
from leadchain.assignment.v1 import pool_events_pb2 as pool
from leadchain.engagement.v1 import follow_up_events_pb2 as follow_ups
from leadchain.intake.v1 import events_pb2 as intake
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from leadchain.notification.v1 import events_pb2 as notification
from leadchain.permissions.v1.events_pb2 import OwnershipGranted
from leadchain.reporting.v1 import reporting_service_pb2 as reporting_pb
from leadchain.reporting.v1.rates_service_pb2_grpc import RatesServiceStub
from leadchain.reporting.v1.reporting_service_pb2_grpc import ReportingServiceStub
from leadchain.reporting.v1.settlements_service_pb2_grpc import SettlementsServiceStub
from nats.aio.client import Client
from reporting import subscribers
from reporting.app import build
from reporting.clients import OwnBook, RemoteBook
from reporting.commands.privacy import erase_leads
from reporting.domain.books import REPORTING, Cell, Standing
from reporting.queries.ledger import Keepers
from reporting.settings import Settings
from servicekit.auth import TokenVerifier, mint_token, new_signing_key
from servicekit.book import BookServicer
from servicekit.bus import Bus
from servicekit.database import Database
from servicekit.erasures import Erasures
from servicekit.events import new_id, subject_of
from servicekit.grpc_client import connect
from servicekit.grpc_server import GrpcServer
from servicekit.streams import apply_streams, load_definitions
from servicekit.testing.databases import Migrated
from servicekit.testing.hearing import Hearing
from servicekit.testing.waiting import eventually
from servicekit.v1 import book_service_pb2 as pb
from servicekit.v1.book_service_pb2_grpc import (
    BookServiceServicer,
    add_BookServiceServicer_to_server,
)

NOON = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
CHANNEL = "website_form"
HOUR_S = 3600
STREAMS = Path(__file__).parents[3] / "deploy" / "nats" / "streams.yaml"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


POLICY = (
    APPROVED.replace("  type rule\n", "  type rule\n  type settlement\n")
    .replace("mapping, rule, contract]", "mapping, rule, contract, settlement]")
    .replace("  type user\n", "  type user\n    relations\n      define manager: [user]\n")
)


class StoryTeller:
    """Builds the events of a lead that was received `at` noon; `after_s` is when each happened."""

    def __init__(self, lead_id: str | None = None, *, at: datetime = NOON) -> None:
        self.lead_id = lead_id or new_id()
        self.at = at

    def received(self, after_s: float = 0) -> intake.LeadReceived:
        """It was accepted and understood."""
        event = intake.LeadReceived(event_id=new_id(), lead_id=self.lead_id)
        event.facts.channel = CHANNEL
        event.facts.region.city = "深圳"
        event.facts.received_at.FromDatetime(self.at)
        event.occurred_at.FromDatetime(self.at + timedelta(seconds=after_s))
        return event

    def rejected(self, after_s: float = 0) -> intake.LeadRejected:
        """It was refused after acceptance."""
        return self._event(intake.LeadRejected, after_s, reason="spam")

    def quarantined(self, after_s: float = 0) -> intake.DeliveryQuarantined:
        """It could not be understood."""
        return self._event(intake.DeliveryQuarantined, after_s, reason="no_contact_point")

    def assigned(
        self, after_s: float = 1, number: int = 1, due_h: Sequence[float] = ()
    ) -> assignment.LeadAssigned:
        """It has an owner, `number` the first, second and so on; `due_h` is when 24, 48 and 72 hours are over."""
        event = self._event(
            assignment.LeadAssigned, after_s, assignee_id=f"rep-0{number}", assignment_no=number
        )
        stated = (
            event.follow_up_24h_due_at,
            event.follow_up_48h_due_at,
            event.follow_up_72h_due_at,
        )
        for stamp, hours in zip(stated, due_h, strict=False):
            stamp.FromDatetime(self.at + timedelta(hours=hours))
        return event

    def unassignable(self, after_s: float = 1) -> assignment.LeadUnassignable:
        """Nobody can take it."""
        return self._event(assignment.LeadUnassignable, after_s, refusal_count=3)

    def merged(self, after_s: float = 1) -> assignment.LeadMerged:
        """It joined an open lead."""
        return self._event(assignment.LeadMerged, after_s, into_lead_id=new_id())

    def withdrawn(self, after_s: float = 30) -> assignment.LeadWithdrawn:
        """It is closed, for its import was undone."""
        return self._event(assignment.LeadWithdrawn, after_s, import_id=new_id())

    def contacted(self, after_s: float = 60) -> assignment.LeadContacted:
        """Its owner made contact."""
        return self._event(assignment.LeadContacted, after_s, rep_id="rep-01")

    def overdue(self, after_s: float = 900, number: int = 1) -> assignment.ContactOverdue:
        """Assignment `number` ran out."""
        return self._event(
            assignment.ContactOverdue, after_s, assignee_id="rep-01", assignment_no=number
        )

    def declined(self, after_s: float = 40, number: int = 1) -> assignment.LeadDeclined:
        """Owner `number` gave it back."""
        return self._event(
            assignment.LeadDeclined, after_s, rep_id=f"rep-0{number}", assignment_no=number
        )

    def yellow(self, number: int = 1, *, after_h: float = 48) -> clocks.FollowUpBecameYellow:
        """Owner `number` has done nothing that counts for 48 hours of their calendar."""
        return self._late(clocks.FollowUpBecameYellow, number, after_h)

    def not_followed_up(self, number: int = 1, *, after_h: float = 72) -> clocks.FollowUpOverdue:
        """Owner `number` has done nothing that counts for 72 hours of their calendar."""
        return self._late(clocks.FollowUpOverdue, number, after_h)

    def review_required(self, after_s: float = 72 * HOUR_S) -> clocks.ReviewRequired:
        """Its owner must say why."""
        return self._event(clocks.ReviewRequired, after_s, owner_id="rep-01", assignment_no=1)

    def pooled(self, after_s: float = 1000, number: int = 1) -> pool.LeadPooled:
        """Owner `number` lost it to the public pool."""
        return self._event(
            pool.LeadPooled,
            after_s,
            previous_owner_id=f"rep-0{number}",
            reason="lapsed",
            assignment_no=number,
        )

    def claimed(self, after_s: float = 2000, number: int = 2) -> pool.LeadClaimed:
        """A rep took it out of the pool."""
        return self._event(pool.LeadClaimed, after_s, rep_id=f"rep-0{number}")

    def followed_up(self, after_s: float = 60, number: int = 1) -> follow_ups.FollowUpRecorded:
        """Owner `number` did something."""
        return self._event(
            follow_ups.FollowUpRecorded,
            after_s,
            follow_up_id=new_id(),
            author_id=f"rep-0{number}",
            is_contact=True,
            evidence=[follow_ups.EVIDENCE_KIND_CALL],
        )

    def effective(
        self, after_h: float, number: int = 1, *, told_after_h: float | None = None
    ) -> follow_ups.FollowUpBecameEffective:
        """What owner `number` recorded after so many hours counts, which was known at `told_after_h`."""
        event: follow_ups.FollowUpBecameEffective = self._event(
            follow_ups.FollowUpBecameEffective,
            (after_h if told_after_h is None else told_after_h) * HOUR_S,
            follow_up_id=new_id(),
            author_id=f"rep-0{number}",
            counted=[follow_ups.EVIDENCE_KIND_CALL, follow_ups.EVIDENCE_KIND_ATTACHMENT],
        )
        event.recorded_at.FromDatetime(self.at + timedelta(hours=after_h))
        return event

    def granted(self, after_s: float = 2) -> OwnershipGranted:
        """Its owner's rights are in force."""
        return self._event(OwnershipGranted, after_s, owner_id="rep-01", audit_seq=7)

    def reminded(self, after_s: float = 3, *, kind: int = 1) -> notification.ReminderDelivered:
        """A reminder was taken; kind 1 is the owner's, 2 the manager's."""
        return self._event(
            notification.ReminderDelivered, after_s, recipient_id="rep-01", kind=kind
        )

    def not_reminded(self, after_s: float = 3) -> notification.ReminderFailed:
        """The owner's reminder was given up."""
        return self._event(notification.ReminderFailed, after_s, kind=1, reason="timeout")

    def _late(self, event_class: Any, number: int, after_h: float) -> Any:
        """A deadline `after_h` hours from noon, of an assignment that began a second after noon."""
        event = self._event(
            event_class, after_h * HOUR_S, owner_id=f"rep-0{number}", assignment_no=number
        )
        event.assigned_at.FromDatetime(self.at + timedelta(seconds=1))
        event.due_at.FromDatetime(self.at + timedelta(hours=after_h))
        return event

    def _event(self, event_class: Any, after_s: float, **fields: Any) -> Any:
        event = event_class(event_id=new_id(), lead_id=self.lead_id, channel=CHANNEL, **fields)
        event.received_at.FromDatetime(self.at)
        event.occurred_at.FromDatetime(self.at + timedelta(seconds=after_s))
        return event


@pytest.fixture
def a_lead() -> Callable[..., StoryTeller]:
    return StoryTeller


@pytest.fixture
async def migrated_url(database_url: str, migrated: Migrated) -> str:
    await migrated.migrate(database_url, "reporting")
    return database_url


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    opened = Database(migrated_url, service="reporting")
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
def hearing(database: Database) -> Hearing:
    """Reporting's subscribers, which are handed events without a stream."""
    bus = Bus("nats://127.0.0.1:1", database=database)
    erasures = Erasures(
        database, erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    subscribers.subscribe(bus, erasures)
    return Hearing("reporting", database, bus)


@pytest.fixture
def tell(hearing: Hearing) -> Callable[[Sequence[Any]], Awaitable[None]]:
    """Lets events happen one by one, in the order given."""

    async def happen(events: Sequence[Any]) -> None:
        for event in events:
            await hearing.hears(event)

    return happen


@dataclass
class FakeBook(BookServiceServicer):
    """Another service's book, kept in memory: standings and times of receipt by item."""

    items: dict[UUID, tuple[Standing, datetime]] = field(default_factory=dict)

    def put(self, lead_id: UUID, standing: Standing, received_at: datetime) -> None:
        """Writes an item on the book."""
        self.items[lead_id] = (standing, received_at)

    async def GetBook(self, request: pb.GetBookRequest, _: Any) -> pb.GetBookResponse:
        """Counts and checksums by cell."""
        since = request.since.ToDatetime(tzinfo=UTC) if request.HasField("since") else None
        until = request.until.ToDatetime(tzinfo=UTC) if request.HasField("until") else None
        cells: dict[tuple[datetime, Standing], list[UUID]] = {}
        for lead_id, (standing, at) in self.items.items():
            if (since is None or at >= since) and (until is None or at < until):
                cells.setdefault((_hour(at), standing), []).append(lead_id)
        response = pb.GetBookResponse()
        for (hour, standing), ids in cells.items():
            checksum = 0
            for lead_id in ids:
                checksum ^= int.from_bytes(lead_id.bytes[8:], signed=True)
            cell = response.cells.add(
                channel=CHANNEL, state=int(standing), item_count=len(ids), checksum=checksum
            )
            cell.hour.FromDatetime(hour)
        return response

    async def ListBookItems(
        self, request: pb.ListBookItemsRequest, _: Any
    ) -> pb.ListBookItemsResponse:
        """A page of the items of a cell."""
        hour = request.hour.ToDatetime(tzinfo=UTC)
        after = UUID(request.after_item_id) if request.after_item_id else UUID(int=0)
        found = sorted(i for i, (_, at) in self.items.items() if _hour(at) == hour and i > after)
        page = [
            pb.BookItem(item_id=str(i), state=int(self.items[i][0]))
            for i in found[: request.page_size]
        ]
        return pb.ListBookItemsResponse(items=page)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


@dataclass
class OtherServices:
    """The books of lead-intake, identity and assignment, and where they are served."""

    intake: FakeBook
    identity: FakeBook
    assignment: FakeBook
    servers: dict[str, GrpcServer]

    def target(self, service: str) -> str:
        """Where a service's book is served."""
        return f"127.0.0.1:{self.servers[service].port}"

    async def stop(self, service: str) -> None:
        """Takes one service away."""
        await self.servers[service].stop()

    def pass_through(self, lead_id: UUID, standing: Standing, received_at: datetime) -> None:
        """A lead that went all the way to a decision of assignment."""
        self.intake.put(lead_id, Standing.PASSED, received_at)
        self.identity.put(lead_id, Standing.PASSED, received_at)
        self.assignment.put(lead_id, standing, received_at)


@pytest.fixture
async def permissions() -> StandIn:
    """A stand-in for permissions: settlements need an approval, and eve leads the first two reps."""
    stand_in = StandIn(colleagues("reporting"))  # type: ignore[abstract]  # answers what services ask
    led = [Fact("user", rep_id, "manager", "user", "eve") for rep_id in ("rep-01", "rep-02")]
    people = [PrincipalPut(person, "user", "active", 1) for person in ("rep-01", "rep-02", "eve")]
    await stand_in.apply([PolicyPut(2, POLICY, "live"), *people, *map(FactPut, led)])
    return stand_in


@pytest.fixture
def signing_key(tmp_path: Path) -> dict[str, Any]:
    private, public = new_signing_key("leadchain")
    (tmp_path / "jwks.json").write_text(json.dumps(public))
    return private


@pytest.fixture
def token(signing_key: dict[str, Any], tmp_path: Path) -> str:
    minted = mint_token(
        signing_key,
        subject="reporting",
        scopes=[],
        audience="leadchain",
        lifetime_s=600,
        now=datetime.now(UTC),
    )
    (tmp_path / "token").write_text(minted)
    return minted


@pytest.fixture
async def others(token: str, tmp_path: Path) -> AsyncIterator[OtherServices]:
    books = {name: FakeBook() for name in ("lead-intake", "identity", "assignment")}
    servers = {}
    async with AsyncExitStack() as stack:
        for name, book in books.items():
            verifier = TokenVerifier(
                tmp_path / "jwks.json", issuer="leadchain", audience="leadchain"
            )
            server = GrpcServer("127.0.0.1", 0, verifier=verifier)
            server.add(add_BookServiceServicer_to_server, book, "servicekit.v1.BookService")
            stack.push_async_callback(server.stop)
            await server.start()
            servers[name] = server
        yield OtherServices(*books.values(), servers=servers)


@pytest.fixture
async def keepers(others: OtherServices, database: Database, token: str) -> AsyncIterator[Keepers]:
    async with AsyncExitStack() as stack:
        remote = []
        for name in others.servers:
            book = RemoteBook(name, others.target(name), token=lambda: token, deadline_s=1.0)
            stack.push_async_callback(book.close)
            remote.append(book)
        yield Keepers(*remote, OwnBook(REPORTING, BookServicer(database)))


@pytest.fixture
def settings(
    migrated_url: str, nats_url: str, tmp_path: Path, others: OtherServices, permissions_grpc: str
) -> Settings:
    return Settings.model_validate(
        {
            "database_url": migrated_url,
            "nats_url": nats_url,
            "http_port": 0,
            "grpc_port": 0,
            "permissions_grpc": permissions_grpc,
            "jwks_file": tmp_path / "jwks.json",
            "service_token_file": tmp_path / "token",
            "lead_intake_grpc": others.target("lead-intake"),
            "identity_grpc": others.target("identity"),
            "assignment_grpc": others.target("assignment"),
            "ledger_check_interval_s": 0.1,
            "in_flight_grace_s": 1.0,
        }
    )


@dataclass
class Running:
    """The running service, seen from outside; its RPCs by service, and what it stated."""

    bus: Client
    rpc: ReportingServiceStub
    rates: RatesServiceStub
    settlements: SettlementsServiceStub

    async def deliver(self, events: Sequence[Any]) -> None:
        """Publishes events as their services would, each twice."""
        for event in (*events, *events):
            headers = {"Nats-Msg-Id": new_id(), "traceparent": TRACE}
            subject = subject_of(event.DESCRIPTOR.full_name, event.lead_id)
            await self.bus.jetstream().publish(subject, event.SerializeToString(), headers=headers)

    async def stated(self, event_class: Any) -> list[Any]:
        """Events of one kind that it has published, in order."""
        jetstream = self.bus.jetstream()
        count = (await jetstream.stream_info("REPORTING")).state.messages
        found = [await jetstream.get_msg("REPORTING", seq) for seq in range(1, count + 1)]
        subject = subject_of(event_class.DESCRIPTOR.full_name, "").rpartition(".")[0]
        return [
            event_class.FromString(each.data or b"")
            for each in found
            if (each.subject or "").startswith(subject)
        ]

    async def timeline(self, lead_id: str) -> reporting_pb.GetLeadTimelineResponse:
        """A lead's story."""
        request = reporting_pb.GetLeadTimelineRequest(lead_id=lead_id)
        return await self.rpc.GetLeadTimeline(request, timeout=5)

    async def told(self, lead_id: str, count: int) -> reporting_pb.GetLeadTimelineResponse:
        """A lead's story, once it has so many entries."""

        async def enough() -> bool:
            return len((await self.timeline(lead_id)).entries) == count

        await eventually(enough, what=f"{count} entries")
        return await self.timeline(lead_id)


@pytest.fixture
async def reporting(settings: Settings, token: str) -> AsyncIterator[Running]:
    """The whole service, running."""
    streams = [replace(d, max_size_bytes=2**24) for d in load_definitions(STREAMS)]
    await apply_streams(settings.nats_url, streams)
    chassis = build(settings)
    service = chassis.service()
    await service.start()
    bus = await nats.connect(settings.nats_url)
    try:
        async with connect(f"127.0.0.1:{chassis.grpc.port}", token=lambda: token) as channel:
            stubs = (ReportingServiceStub, RatesServiceStub, SettlementsServiceStub)
            yield Running(bus, *(stub(channel) for stub in stubs))
    finally:
        await bus.close()
        assert await service.stop() == 0


@pytest.fixture
def noon_cell() -> Cell:
    return Cell(CHANNEL, NOON)
