"""What an erasure of leads means for rows of other systems.

Their statements and rows stay, for each system answers for its own and says itself when it erases one. What leads said
must not reach them any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servicekit.erasures import Erased

from identity.domain.statements import LEADS
from identity.store import golden_history, system_rows, write_backs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from servicekit.database import UnitOfWork


async def forget_leads(uow: UnitOfWork, lead_ids: Sequence[UUID]) -> Erased:
    """Takes back what systems were to be told of these leads' values, before the leads leave their customers.

    What still stands without them is planned anew when the golden records are. Tells which systems keep rows.
    """
    _, customer_ids = await golden_history.behind_leads(uow.raw, lead_ids)
    count = await write_backs.take_back(uow.raw, customer_ids, LEADS, now=uow.now)
    systems = await system_rows.systems_of(uow.raw, customer_ids)
    holds = [f"rows of other systems, until they erase them: {', '.join(systems)}"]
    return Erased(count, tuple(holds if systems else ()))
