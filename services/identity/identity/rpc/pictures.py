"""The whole picture of a customer, put together: what others tell of them, who may see it, may they be contacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from identity.commands.relations import Relations
from identity.policies.contactability import load_contact_policy
from identity.queries.walls import Walls
from identity.rpc import customer360, duplicates
from identity.wire.facts import FactReader
from identity.workers import facts

if TYPE_CHECKING:
    from accesskit.replica import Replica
    from servicekit.chassis import Chassis

    from identity.commands.resolving import Resolver
    from identity.settings import Settings

RELATIONS_IDLE_S = 1.0


def serve(chassis: Chassis, settings: Settings, resolver: Resolver, replica: Replica) -> None:
    """Reads facts, follows the resolver, and answers Customer360, Contactability and Duplicates.

    Raises `servicekit.sealing.InvalidKey` and `jsonschema.ValidationError`.
    """
    model, seals, hasher = resolver.model, resolver.seals, resolver.digests.hasher
    ring, index_key = settings.key_ring(), settings.index_key.get_secret_value()
    facts.subscribe(chassis.bus, FactReader(ring, index_key=index_key, model=model, hasher=hasher))
    relations = Relations(chassis.database, model, hasher, seals)
    resolver.followers.append(relations.follow)
    chassis.work("relations", relations.step, idle_s=RELATIONS_IDLE_S)
    walls = Walls(replica)
    contacts, across_walls = load_contact_policy()
    customer360.serve(
        chassis,
        walls,
        contacts,
        ring=ring,
        index_key=index_key,
        seals=seals,
        model=model,
        hasher=hasher,
    )
    duplicates.serve(chassis, walls, across_walls, seals=seals, model=model, hasher=hasher)
