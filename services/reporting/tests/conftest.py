"""What reporting's tests share: a migrated database, events whose defaults are valid, and other services' books."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from leadchain.assignment.v1 import events_pb2 as assignment
from leadchain.intake.v1 import events_pb2 as intake
from leadchain.notification.v1 import events_pb2 as notification
from leadchain.permissions.v1.events_pb2 import OwnershipGranted
from reporting import projections
from reporting.clients import OwnBook, RemoteBook
from reporting.domain.books import REPORTING, Cell, Standing
from reporting.queries.ledger import Keepers
from reporting.settings import Settings
from reporting.wire import facts
from servicekit.auth import TokenVerifier, mint_token, new_signing_key
from servicekit.book import BookServicer
from servicekit.database import Database
from servicekit.events import new_id
from servicekit.grpc_server import GrpcServer
from servicekit.testing.databases import Migrated
from servicekit.v1 import book_service_pb2 as pb
from servicekit.v1.book_service_pb2_grpc import (
    BookServiceServicer,
    add_BookServiceServicer_to_server,
)

NOON = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
CHANNEL = "website_form"


class StoryTeller:
    """Builds the events of a lead that was received at noon; `after_s` is when each happened."""

    def __init__(self, lead_id: str | None = None) -> None:
        self.lead_id = lead_id or new_id()

    def received(self, after_s: float = 0) -> intake.LeadReceived:
        """It was accepted and understood."""
        event = intake.LeadReceived(event_id=new_id(), lead_id=self.lead_id)
        event.facts.channel = CHANNEL
        event.facts.region.city = "深圳"
        event.facts.received_at.FromDatetime(NOON)
        event.occurred_at.FromDatetime(NOON + timedelta(seconds=after_s))
        return event

    def rejected(self, after_s: float = 0) -> intake.LeadRejected:
        """It was refused after acceptance."""
        return self._event(intake.LeadRejected, after_s, reason="spam")

    def quarantined(self, after_s: float = 0) -> intake.DeliveryQuarantined:
        """It could not be understood."""
        return self._event(intake.DeliveryQuarantined, after_s, reason="no_contact_point")

    def assigned(self, after_s: float = 1, number: int = 1) -> assignment.LeadAssigned:
        """It has an owner, `number` the first, second and so on."""
        return self._event(
            assignment.LeadAssigned, after_s, assignee_id=f"rep-0{number}", assignment_no=number
        )

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

    def _event(self, event_class: Any, after_s: float, **fields: Any) -> Any:
        event = event_class(event_id=new_id(), lead_id=self.lead_id, channel=CHANNEL, **fields)
        event.received_at.FromDatetime(NOON)
        event.occurred_at.FromDatetime(NOON + timedelta(seconds=after_s))
        return event


TRANSLATIONS: dict[str, Callable[..., Any]] = {
    "LeadReceived": facts.received,
    "LeadRejected": facts.rejected,
    "DeliveryQuarantined": facts.quarantined,
    "LeadAssigned": facts.assigned,
    "LeadUnassignable": facts.unassignable,
    "LeadMerged": facts.merged,
    "LeadWithdrawn": facts.withdrawn,
    "LeadContacted": facts.contacted,
    "ContactOverdue": facts.overdue,
    "OwnershipGranted": facts.granted,
    "ReminderDelivered": facts.reminded,
    "ReminderFailed": facts.not_reminded,
}


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
def tell(database: Database) -> Callable[..., Any]:
    """Projects events one by one, in the order given; `traceparent` is that of each message."""

    async def project(events: Sequence[Any], traceparent: str | None = None) -> None:
        for event in events:
            traces = {event.event_id: traceparent}
            async with database.unit_of_work(traces=traces) as uow:
                await projections.project(uow, [event], TRANSLATIONS[event.DESCRIPTOR.name])

    return project


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


@pytest.fixture
def noon_cell() -> Cell:
    return Cell(CHANNEL, NOON)
