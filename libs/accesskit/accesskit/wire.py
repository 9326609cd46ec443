"""Changes to protobuf and back: how they travel to replicas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from leadchain.permissions.v1 import changes_pb2 as pb

from accesskit.changes import (
    Change,
    DevicePut,
    FactPut,
    FactRemoved,
    LeasePut,
    NetworkPut,
    NetworkRemoved,
    PolicyPut,
    PrincipalPut,
    SessionRevoked,
)
from accesskit.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Callable


def fact_to_pb(fact: Fact) -> pb.Fact:
    """A fact as a message."""
    return pb.Fact(
        resource=pb.Entity(type=fact.resource_type, id=fact.resource_id),
        relation=fact.relation,
        subject=pb.Entity(type=fact.subject_type, id=fact.subject_id),
        subject_relation=fact.subject_relation,
        condition=fact.condition,
        context_json="" if fact.context is None else json.dumps(fact.context),
        until_s=fact.until_s or 0.0,
        seq=fact.seq,
    )


def fact_from_pb(message: pb.Fact) -> Fact:
    """The fact that a message states; raises ValueError when its context is no JSON."""
    return Fact(
        resource_type=message.resource.type,
        resource_id=message.resource.id,
        relation=message.relation,
        subject_type=message.subject.type,
        subject_id=message.subject.id,
        subject_relation=message.subject_relation,
        condition=message.condition,
        context=json.loads(message.context_json) if message.context_json else None,
        until_s=message.until_s or None,
        seq=message.seq,
    )


def change_to_pb(change: Change) -> pb.Change:
    """A change as a message."""
    return _TO_PB[type(change)](change)


def change_from_pb(message: pb.Change) -> Change:
    """The change that a message states; raises ValueError when it states none that is known here."""
    kind = message.WhichOneof("change")
    if kind is None:
        raise ValueError("a change of an unknown kind")
    return _FROM_PB[kind](getattr(message, kind))


def _lease_to_pb(change: LeasePut) -> pb.Change:
    return pb.Change(
        lease_put=pb.Lease(
            resource=pb.Entity(type=change.resource_type, id=change.resource_id),
            owner_id=change.owner_id,
            touched_at_s=change.touched_at_s,
            version=change.version,
            suspended_until_s=change.suspended_until_s,
            is_exempt=change.is_exempt,
            former_owner_id=change.former_owner_id,
            cool_until_s=change.cool_until_s,
            seq=change.seq,
        )
    )


def _lease_from_pb(message: pb.Lease) -> LeasePut:
    return LeasePut(
        resource_type=message.resource.type,
        resource_id=message.resource.id,
        owner_id=message.owner_id,
        touched_at_s=message.touched_at_s,
        version=message.version,
        suspended_until_s=message.suspended_until_s,
        is_exempt=message.is_exempt,
        former_owner_id=message.former_owner_id,
        cool_until_s=message.cool_until_s,
        seq=message.seq,
    )


def _principal_to_pb(change: PrincipalPut) -> pb.Change:
    return pb.Change(
        principal_put=pb.Principal(
            id=change.principal_id,
            type=change.type,
            status=change.status,
            epoch=change.epoch,
            is_test=change.is_test,
        )
    )


def _principal_from_pb(message: pb.Principal) -> PrincipalPut:
    return PrincipalPut(
        principal_id=message.id,
        type=cast("Any", message.type),
        status=cast("Any", message.status),
        epoch=message.epoch,
        is_test=message.is_test,
    )


_TO_PB: dict[type, Callable[[Any], pb.Change]] = {
    FactPut: lambda change: pb.Change(fact_put=fact_to_pb(change.fact)),
    FactRemoved: lambda change: pb.Change(fact_removed=fact_to_pb(change.fact)),
    PrincipalPut: _principal_to_pb,
    LeasePut: _lease_to_pb,
    PolicyPut: lambda change: pb.Change(
        policy_put=pb.Policy(version=change.version, document=change.document, stage=change.stage)
    ),
    DevicePut: lambda change: pb.Change(
        device_put=pb.Device(
            id=change.device_id, principal_id=change.principal_id, status=change.status
        )
    ),
    NetworkPut: lambda change: pb.Change(
        network_put=pb.Network(cidr=change.cidr, name=change.name)
    ),
    NetworkRemoved: lambda change: pb.Change(network_removed=pb.Network(cidr=change.cidr)),
    SessionRevoked: lambda change: pb.Change(
        session_revoked=pb.RevokedSession(id=change.session_id, until_s=change.until_s)
    ),
}
_FROM_PB: dict[str, Callable[[Any], Change]] = {
    "fact_put": lambda message: FactPut(fact_from_pb(message)),
    "fact_removed": lambda message: FactRemoved(fact_from_pb(message)),
    "principal_put": _principal_from_pb,
    "lease_put": _lease_from_pb,
    "policy_put": lambda message: PolicyPut(message.version, message.document, message.stage),
    "device_put": lambda message: DevicePut(message.id, message.principal_id, message.status),
    "network_put": lambda message: NetworkPut(message.cidr, message.name),
    "network_removed": lambda message: NetworkRemoved(message.cidr),
    "session_revoked": lambda message: SessionRevoked(message.id, message.until_s),
}
