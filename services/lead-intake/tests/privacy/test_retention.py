"""What has been kept long enough goes, in batches, with a certificate; what is still needed stays."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from lead_intake.commands import retention
from lead_intake.commands.retention import OWN_PURGES
from lead_intake.domain.retention import DataClass, RetentionPolicy
from lead_intake.policies.retention import InvalidRetentionPolicy, load_retention_policy
from lead_intake.seals import Seals
from lead_intake.workers.retention import Retention
from leadchain.intake.v1 import privacy_service_pb2 as pb
from leadchain.intake.v1.events_pb2 import LeadFacts
from servicekit.database import Database

from .conftest import ASKED, PHONE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

KEPT = load_retention_policy().kept
SOON = timedelta(seconds=1)


@pytest.fixture
def keeper(intake_settings: Any) -> Callable[..., Any]:
    """A retention worker of its own on the same database, at a time that the test says."""

    @asynccontextmanager
    async def make(*, after: timedelta, batch_size: int = 500) -> AsyncIterator[Retention]:
        settings = intake_settings()
        database = Database(
            settings.database_url.get_secret_value(),
            service="lead-intake",
            clock=lambda: datetime.now(UTC) + after,
        )
        policy = RetentionPolicy(7, batch_size, KEPT)
        yield Retention(database, policy, OWN_PURGES, Seals.of(settings))
        await database.stop()

    return make


async def worked_off(keeper: Retention) -> None:
    while await keeper.step():
        pass


async def test_a_body_goes_after_thirty_days_and_not_before(rights: Any, keeper: Any) -> None:
    await rights.post()
    held = "select count(*) from deliveries where raw is not null"

    async with keeper(after=KEPT[DataClass.RAW_DELIVERY] - timedelta(hours=1)) as early:
        await worked_off(early)
        before = await rights.intake.rows.fetchval(held)
    async with keeper(after=KEPT[DataClass.RAW_DELIVERY] + SOON) as late:
        await worked_off(late)
        after = await rights.intake.rows.fetchval(held)

    assert (before, after) == (1, 0)
    (item,) = await rights.intake.items()
    assert LeadFacts.FromString(item["facts"]).sealed_contact
    (certificate,) = (
        await rights.call("ListCertificates", pb.ListCertificatesRequest())
    ).certificates
    assert (certificate.data_class, certificate.deleted_count) == ("raw_delivery", 1)
    assert certificate.policy_version == 7


async def test_a_body_that_somebody_must_look_at_is_kept_for_ninety_days(
    rights: Any, keeper: Any
) -> None:
    await rights.post(mobile="95588", company="")
    held = "select count(*) from deliveries where raw is not null"

    async with keeper(after=KEPT[DataClass.RAW_DELIVERY] + SOON) as keeping:
        await worked_off(keeping)
        after_30_days = await rights.intake.rows.fetchval(held)
    async with keeper(after=KEPT[DataClass.QUARANTINED_RAW] + SOON) as keeping:
        await worked_off(keeping)
        after_90_days = await rights.intake.rows.fetchval(held)

    assert (after_30_days, after_90_days) == (1, 0)


async def test_a_body_that_another_transaction_holds_is_come_back_to(
    rights: Any, keeper: Any
) -> None:
    first = await rights.post()
    for name in ("two", "three"):
        await rights.post(name=name)

    async with keeper(after=KEPT[DataClass.RAW_DELIVERY] + SOON, batch_size=2) as keeping:
        transaction = rights.intake.rows.transaction()
        await transaction.start()
        await rights.intake.rows.execute(
            "select from deliveries where delivery_id = $1 for update", UUID(first)
        )
        await keeping.step()
        await transaction.rollback()
        left = await rights.intake.rows.fetchval(
            "select array_agg(delivery_id) from deliveries where raw is not null"
        )
        await worked_off(keeping)

    assert UUID(first) in left
    assert not await rights.intake.rows.fetchval(
        "select count(*) from deliveries where raw is not null"
    )


async def test_a_contact_goes_after_two_years_unless_something_holds_it(
    rights: Any, keeper: Any, intake_settings: Any
) -> None:
    gone, held = await rights.post(), await rights.post(mobile="13800138001")
    database = Database(intake_settings().database_url.get_secret_value(), service="lead-intake")
    async with database.unit_of_work() as uow:
        await retention.hold(uow, [UUID(held)], reason="customer")
    await database.stop()

    async with keeper(after=KEPT[DataClass.LEAD_CONTACT] + SOON) as keeping:
        await worked_off(keeping)

    items = {str(item["lead_id"]): item for item in await rights.intake.items()}
    facts = {lead_id: LeadFacts.FromString(item["facts"]) for lead_id, item in items.items()}
    assert (facts[gone].sealed_contact, facts[gone].phone_index) == (b"", b"")
    assert facts[gone].channel == "website_form"
    assert facts[held].sealed_contact


async def test_a_receipt_goes_three_years_after_it_ended(rights: Any, keeper: Any) -> None:
    await rights.post()
    await rights.post(mobile="13800138001")
    await rights.call("WithdrawConsent", pb.WithdrawConsentRequest(subject=pb.Subject(phone=PHONE)))

    async with keeper(after=KEPT[DataClass.CONSENT] + SOON) as keeping:
        await worked_off(keeping)

    left = await rights.intake.rows.fetch("select event, ended_at from consents")
    assert [tuple(row) for row in left] == [(1, None)]


async def test_an_export_that_nobody_downloads_goes_after_a_week(rights: Any, keeper: Any) -> None:
    request_id = await rights.export(phone=PHONE)
    await rights.tell(request_id, *ASKED)
    await rights.completed(request_id)

    async with keeper(after=KEPT[DataClass.SUBJECT_EXPORT] + SOON) as keeping:
        await worked_off(keeping)

    assert await rights.intake.rows.fetchval("select sealed_result from subject_requests") is None


async def test_a_days_deletions_of_a_class_are_one_certificate_whose_digest_goes_on(
    rights: Any, keeper: Any
) -> None:
    for name in ("one", "two", "three"):
        await rights.post(name=name)
    digests = []

    async with keeper(after=KEPT[DataClass.RAW_DELIVERY] + SOON, batch_size=1) as keeping:
        for _ in range(3):
            await keeping.step()
            digests.append(
                await rights.intake.rows.fetchval("select digest from deletion_certificates")
            )
    await rights.post(name="four")
    async with keeper(after=KEPT[DataClass.RAW_DELIVERY] + timedelta(days=1, seconds=1)) as keeping:
        await worked_off(keeping)

    listed = await rights.call("ListCertificates", pb.ListCertificatesRequest(page_size=1))
    older = await rights.call(
        "ListCertificates", pb.ListCertificatesRequest(page_token=listed.next_page_token)
    )
    assert len(set(digests)) == 3
    assert [each.deleted_count for each in (*listed.certificates, *older.certificates)] == [1, 3]


@pytest.mark.parametrize(
    "text",
    ["version: 1", "version: 1\nbatch_size: 0\nkept_days: {}", "[]", "version: one"],
    ids=["nothing is kept", "empty batches", "a list", "no number"],
)
def test_a_policy_that_breaks_its_schema_is_refused(text: str) -> None:
    with pytest.raises(InvalidRetentionPolicy):
        load_retention_policy(text)
