"""The composition root of reporting."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from accesskit.approvals import Approvals
from accesskit.enforcement import enforce
from accesskit.staff import Staff
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested
from servicekit.book import BookServicer
from servicekit.chassis import Chassis
from servicekit.erasures import REPEAT_IDLE_S, Erasures
from servicekit.grpc_client import TokenFile

from reporting import rpc, subscribers
from reporting.clients import AuditLog, OwnBook, RemoteBook
from reporting.commands.ledger import LedgerCheck
from reporting.commands.privacy import erase_leads
from reporting.commands.settlements import Settlements
from reporting.commands.witness import Witness
from reporting.domain.books import ASSIGNMENT, IDENTITY, INTAKE, REPORTING
from reporting.domain.metrics import Metric
from reporting.policies import load_contracts
from reporting.queries.ledger import Keepers

if TYPE_CHECKING:
    from reporting.settings import Settings

log = structlog.get_logger()

WITNESS_IDLE_S = 1.0


class OtherBooks:
    """The part that holds the channels to other services' books."""

    name = "other books"

    def __init__(self, books: list[RemoteBook]) -> None:
        self._books = books

    async def start(self) -> None:
        """Nothing: a channel is dialled at its first call."""

    async def stop(self) -> None:
        """Closes the channels."""
        async with AsyncExitStack() as stack:
            for book in self._books:
                stack.push_async_callback(book.close)

    def problem(self) -> str | None:
        """None: a book that cannot be read is named in the ledger."""
        return None


class WithoutSigner:
    """The part that stands where there is no key to co-sign the audit log with: says so at each start."""

    name = "witness key"

    async def start(self) -> None:
        """Warns."""
        log.warning("audit_is_not_cosigned", reason="WITNESS_SIGNING_KEY is not set")

    async def stop(self) -> None:
        """Nothing to end."""

    def problem(self) -> str | None:
        """None: the log is watched without a key too."""
        return None


def build(settings: Settings) -> Chassis:
    """Reporting, ready to be started; raises `servicekit.documents.InvalidPolicy` for contracts that cannot be used."""
    chassis = Chassis(settings)
    replica = enforce(chassis, settings, permissions_grpc=settings.permissions_grpc)
    intake, identity, assignment = remote = _remote_books(settings)
    own = OwnBook(REPORTING, BookServicer(chassis.database))
    keepers = Keepers(intake, identity, assignment, own)
    grace = timedelta(seconds=settings.in_flight_grace_s)
    check = LedgerCheck(chassis.database, keepers, grace=grace, clock=_now)
    chassis.workers.append(OtherBooks(remote))
    chassis.work("ledger check", check.step, idle_s=settings.ledger_check_interval_s)
    witness_audit_log(chassis, settings, AuditLog(replica.channel))
    chassis.keep_book()
    erasures = Erasures(
        chassis.database, erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    chassis.work("erasures", erasures.step, idle_s=REPEAT_IDLE_S)
    subscribers.subscribe(chassis.bus, erasures)
    servicer = rpc.reporting.ReportingServicer(
        chassis.database, keepers, grace=grace, time_zone=settings.report_time_zone, clock=_now
    )
    rpc.reporting.serve(chassis.grpc, servicer)
    answer_rates(chassis, settings, Staff(replica))
    return chassis


def answer_rates(chassis: Chassis, settings: Settings, staff: Staff) -> None:
    """Answers follow-up rates, and closes months of them with the consent that permissions keeps."""
    contracts = load_contracts(settings.metrics_file)
    terms = rpc.rates.Terms(contracts, staff.manager, settings.report_time_zone, _now)
    rpc.rates.serve(chassis.grpc, chassis.database, terms)
    approvals = Approvals(settings.permissions_grpc, tls=settings.tls())
    chassis.workers.append(approvals)
    settlements = Settlements(
        chassis.database,
        approvals,
        definition=contracts.definitions[Metric.FOLLOW_UP_RATE],
        time_zone=settings.report_time_zone,
    )
    rpc.settlements.serve(chassis, settlements, clock=_now)


def witness_audit_log(chassis: Chassis, settings: Settings, audit_log: AuditLog) -> None:
    """Follows permissions' audit log, and co-signs it where there is a key to sign with."""
    signer = settings.signer()
    if signer is None:
        chassis.workers.append(WithoutSigner())
    witness = Witness(
        chassis.database, audit_log, signer=signer, public_keys=settings.trusted_keys()
    )
    chassis.work("witness", witness.step, idle_s=WITNESS_IDLE_S)


def _remote_books(settings: Settings) -> list[RemoteBook]:
    token = TokenFile(settings.service_token_file) if settings.service_token_file else None
    targets = {
        INTAKE: settings.lead_intake_grpc,
        IDENTITY: settings.identity_grpc,
        ASSIGNMENT: settings.assignment_grpc,
    }
    return [
        RemoteBook(service, target, token=token, tls=settings.tls())
        for service, target in targets.items()
    ]


def _now() -> datetime:
    return datetime.now(UTC)
