"""Each consent leaves a receipt that nothing changes but its end."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from leadchain.intake.v1 import privacy_service_pb2 as pb

from .conftest import PHONE


async def consents(rights: Any, **subject: str) -> list[pb.ConsentReceipt]:
    request = pb.ListConsentsRequest(subject=pb.Subject(**subject))
    return list((await rights.call("ListConsents", request)).consents)


async def test_a_consent_is_kept_with_its_evidence_and_found_by_each_name(rights: Any) -> None:
    lead_id = await rights.post(email="somebody@example.com")

    (receipt,) = await consents(rights, phone=PHONE)

    assert (receipt.lead_id, receipt.delivery_id) == (lead_id, lead_id)
    assert (receipt.notice_version, receipt.is_withdrawal) == ("2026-01", False)
    assert receipt.given_at.ToJsonString() == "2026-01-25T05:30:00Z"
    assert await consents(rights, email="SOMEBODY@example.com") == [receipt]
    assert await consents(rights, lead_id=lead_id) == [receipt]
    assert await consents(rights, phone="13800138001") == []


async def test_a_withdrawal_is_a_receipt_of_its_own_and_ends_what_it_withdraws(rights: Any) -> None:
    await rights.post()
    request = pb.WithdrawConsentRequest(subject=pb.Subject(phone=PHONE))

    ended = (await rights.call("WithdrawConsent", request)).ended_count
    again = (await rights.call("WithdrawConsent", request)).ended_count

    assert (ended, again) == (1, 0)
    receipts = await consents(rights, phone=PHONE)
    assert [receipt.is_withdrawal for receipt in receipts] == [False, True, True]
    open_count = await rights.intake.rows.fetchval(
        "select count(*) from consents where ended_at is null"
    )
    assert open_count == 0


async def test_a_withdrawal_for_another_purpose_ends_nothing(rights: Any) -> None:
    await rights.post()
    request = pb.WithdrawConsentRequest(subject=pb.Subject(phone=PHONE), purposes=["marketing"])

    assert (await rights.call("WithdrawConsent", request)).ended_count == 0


async def test_a_receipt_cannot_be_rewritten(rights: Any) -> None:
    await rights.post()

    with pytest.raises(asyncpg.RaiseError):
        await rights.intake.rows.execute("update consents set notice_version = 'another'")
