"""lead-intake's own part of an export: the leads with their contact in clear, and the consent receipts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lead_intake.domain.subjects import OWN, Answer
from lead_intake.store import consents
from lead_intake.store import subjects_erasure as store
from lead_intake.wire import subjects as wire

if TYPE_CHECKING:
    from servicekit.database import UnitOfWork

    from lead_intake.domain.subjects import SubjectRequest
    from lead_intake.seals import Seals


async def gather(uow: UnitOfWork, request: SubjectRequest, seals: Seals) -> list[Answer]:
    """What this service keeps about a person; raises `servicekit.sealing.SealingError` for a key that is gone."""
    kept = await store.kept_items(uow.raw, request.lead_ids)
    receipts = await consents.of_subject(uow.raw, request.subject_indexes)
    records: list[dict[str, Any]] = [wire.exported_item(item, seals) for item in kept]
    records += [wire.exported_receipt(receipt) for receipt in receipts]
    document = json.dumps(records, ensure_ascii=False).encode()
    return [Answer(request.request_id, OWN, 1, 1, record_count=len(records), records=document)]
