"""A steward declares that a key says nothing, such as a switchboard's number, or takes that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.commands.granting import settle
from identity.commands.regrouping import Cause
from identity.domain.regroupings import RegroupingKind
from identity.domain.stewardship import CannotHold, NobodyHoldsIt, NotDeclared
from identity.store import generic_keys, locks

if TYPE_CHECKING:
    from servicekit.database import UnitOfWork

    from identity.commands.regrouping import Settled
    from identity.commands.resolving import Resolver
    from identity.domain.judgements import Said


async def declare_hub(uow: UnitOfWork, resolver: Resolver, key: int, said: Said) -> Settled:
    """Links between records that share the key lose its weight; raises `NobodyHoldsIt`, `Invalid`."""
    held = await _holders(uow, key)
    if not held:
        raise NobodyHoldsIt
    around = await resolver.loader.around_records(uow.raw, held)
    around.linker.declare(key)
    cause = Cause(RegroupingKind.DECLARED, said.actor, said.reason)
    done = await settle(uow, resolver, around, cause)
    await generic_keys.declare(uow.raw, key)
    return done


async def clear_hub(uow: UnitOfWork, resolver: Resolver, key: int, said: Said) -> Settled:
    """The key weighs again; raises `NotDeclared`, or `CannotHold` where too many hold it by now."""
    found = await generic_keys.generic_key(uow.raw, key)
    if found is None or found.reason != generic_keys.BY_STEWARD:
        raise NotDeclared("not generic" if found is None else found.reason)
    around = await resolver.loader.around_records(uow.raw, await _holders(uow, key))
    around.linker.neighbourhood.declare((key,))
    around.linker.withdraw(key)
    if key in around.linker.neighbourhood.generic:
        raise CannotHold("too many records, or names, hold this key")
    cause = Cause(RegroupingKind.DECLARED, said.actor, said.reason)
    return await settle(uow, resolver, around, cause)


async def _holders(uow: UnitOfWork, key: int) -> list[int]:
    """All that hold the key; nobody can become one meanwhile."""
    await locks.lock_keys(uow.raw, [key])
    return await generic_keys.holders(uow.raw, key, limit=generic_keys.COUNTED_MAX)
