"""Callers who act on what is their own, or by a right on what is somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accesskit.facts import Entity, checked_name
from accesskit.guard import Refusal

from permissions.domain.facts import Need
from permissions.queries import rights

if TYPE_CHECKING:
    from permissions.queries.live import Live


async def owner_or_permitted(live: Live, owner_id: str, action: str, resource: Entity) -> str:
    """The caller's id: the owner, or whoever may do the action to the resource.

    Raises `BadName`, `Unauthenticated` where nobody can be named, and `Refusal` once the newest state refuses.
    """
    if rights.known_caller().subject == owner_id:
        return owner_id
    return await permitted(live, action, resource)


async def permitted(live: Live, action: str, resource: Entity) -> str:
    """The caller's id, if they may do the action to the resource; raises as `owner_or_permitted`."""
    checked_name(resource.id, f"{resource.type} id")
    caller = rights.known_caller()
    need = Need(action, resource.type, resource.id)
    live.refuse_stale()
    if not rights.has(caller, live, need):
        await live.catch_up()
        explanation = live.engine.explain(rights.question_of(caller, need), now_s=live.now_s)
        if not rights.has(caller, live, need):
            raise Refusal(action, explanation.decision.reason, explanation.remedies)
    return caller.subject


def user(principal_id: str) -> Entity:
    """A person as the resource of what is done to them."""
    return Entity("user", principal_id)
