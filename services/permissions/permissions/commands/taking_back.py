"""Leads go to the pool because of assignment: nobody contacted them, or their owner's time is over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from permissions.commands import recording
from permissions.commands.customers import relate_leads
from permissions.commands.leases import change_owners, monotone_s
from permissions.domain.lease_rules import take_back
from permissions.domain.leases import Cause, OwnerChange, unowned
from permissions.store import leases as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accesskit.policy import LeaseTerms
    from servicekit.database import UnitOfWork

    from permissions.commands.recording import Log
    from permissions.domain.leases import Lease, Loss

ACTOR = "assignment"


async def take_back_leads(uow: UnitOfWork, losses: Sequence[Loss], terms: LeaseTerms) -> int:
    """Passes leads to the pool whose owners lose them; returns how many.

    A loss that comes before its assignment counts as both, so that the assignment changes nothing when it comes. One
    that is told again changes nothing either.
    """
    log = await recording.begin(uow)
    now_s = await monotone_s(uow, log)
    await _grant_unheard(uow, log, losses)
    leases = await store.of_resources(uow.raw, {loss.resource for loss in losses})
    changes = {
        loss.resource: change
        for loss in losses
        if (change := take_back(leases[loss.resource], terms, loss, now_s=now_s)) is not None
    }
    await change_owners(uow, log, changes.values(), actor=ACTOR)
    await log.finish()
    return len(changes)


async def _grant_unheard(uow: UnitOfWork, log: Log, losses: Sequence[Loss]) -> None:
    """Gives leads to owners whose assignment has not come yet."""
    leases = await store.of_resources(uow.raw, {loss.resource for loss in losses})
    newest = {loss.resource: loss for loss in sorted(losses, key=lambda each: each.assignment_no)}
    unheard = [
        (loss, before)
        for loss in newest.values()
        if (before := leases.get(loss.resource) or unowned(loss.resource)).assignment_no
        < loss.assignment_no
    ]
    if unheard:
        grants = [_grant(loss, before) for loss, before in unheard]
        await change_owners(uow, log, grants, actor=ACTOR)
        asked = [(loss.golden_id, loss.resource.id) for loss, _ in unheard if loss.golden_id]
        await relate_leads(uow, log, asked, actor=ACTOR)


def _grant(loss: Loss, before: Lease) -> OwnerChange:
    known = replace(
        before,
        assignment_no=loss.assignment_no,
        channel=loss.channel,
        received_at_s=loss.received_at_s,
    )
    return OwnerChange(known, loss.owner_id, Cause.ASSIGNED)
