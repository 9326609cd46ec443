"""A steward declares that a key says nothing, such as a switchboard's number, or takes that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matchkit.model import Record

from identity.commands.granting import settle
from identity.commands.regrouping import Cause
from identity.domain.regroupings import RegroupingKind
from identity.domain.stewardship import CannotHold, NobodyHoldsIt, NotDeclared
from identity.store import generic_keys, locks

if TYPE_CHECKING:
    from servicekit.database import UnitOfWork

    from identity.commands.regrouping import Settled
    from identity.commands.resolving import Resolver
    from identity.commands.surroundings import Surroundings
    from identity.domain.judgements import Said

PROBE = 0
"""A record that never is: it holds the key for a moment, so that the linker asks whether it is a hub's."""


async def declare_hub(uow: UnitOfWork, resolver: Resolver, key: int, said: Said) -> Settled:
    """Links between records that share the key lose its weight; raises `NobodyHoldsIt`, `Invalid`."""
    around = await _holders(uow, resolver, key)
    linker = around.linker
    if key not in linker.neighbourhood.generic:
        linker.neighbourhood.holders.crowd(key, resolver.model.records_max)
        _probe(resolver, around, key)
    cause = Cause(RegroupingKind.DECLARED, said.actor, said.reason)
    done = await settle(uow, resolver, around, cause)
    await generic_keys.declare(uow.raw, key)
    return done


async def clear_hub(uow: UnitOfWork, resolver: Resolver, key: int, said: Said) -> Settled:
    """The key weighs again; raises `NobodyHoldsIt`, `NotDeclared`, or `CannotHold` where too many hold it by now."""
    found = await generic_keys.generic_key(uow.raw, key)
    if found is None or found.reason != generic_keys.BY_STEWARD:
        raise NotDeclared("not generic" if found is None else found.reason)
    around = await _holders(uow, resolver, key)
    _probe(resolver, around, key)
    if key in around.linker.neighbourhood.generic:
        raise CannotHold("too many records, or names, hold this key")
    cause = Cause(RegroupingKind.DECLARED, said.actor, said.reason)
    return await settle(uow, resolver, around, cause)


async def _holders(uow: UnitOfWork, resolver: Resolver, key: int) -> Surroundings:
    """What is known around all that hold the key, of whom nobody can become one meanwhile."""
    await locks.lock_keys(uow.raw, [key])
    held = await generic_keys.holders(uow.raw, key, limit=generic_keys.COUNTED_MAX)
    if not held:
        raise NobodyHoldsIt
    return await resolver.loader.around_records(uow.raw, held)


def _probe(resolver: Resolver, around: Surroundings, key: int) -> None:
    nothing = (None,) * len(resolver.model.fields)
    around.linker.place(Record(PROBE, b"", nothing, (key,), (key,), (), ()))
    around.linker.remove(PROBE)
