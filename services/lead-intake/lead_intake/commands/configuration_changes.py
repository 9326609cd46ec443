"""Every change of configuration is kept and stated, with its old and its new form, in the transaction that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import uuid_utils
from accesskit.canonical import canonical_json
from leadchain.intake.v1.config_events_pb2 import ConfigurationChanged

from lead_intake.store import configuration_changes as store
from lead_intake.store.configuration_changes import ConfigurationChange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servicekit.database import UnitOfWork

ACCOUNT_KIND = "webhook_account"
MAPPING_KIND = "mapping"


@dataclass(frozen=True, slots=True)
class Permit:
    """Who changes configuration, and the approval by which they may; empty where the policy wants none."""

    actor_id: str
    approval_id: str = ""


async def record_change(
    uow: UnitOfWork,
    permit: Permit,
    *,
    kind: str,
    resource_id: str,
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any] | None,
) -> None:
    """Keeps a change and publishes `ConfigurationChanged`; old and new hold digests in place of secrets."""
    change = ConfigurationChange(
        change_id=UUID(bytes=uuid_utils.uuid7().bytes),
        kind=kind,
        resource_id=resource_id,
        actor_id=permit.actor_id,
        approval_id=permit.approval_id,
        old_json=_written(old),
        new_json=_written(new),
        changed_at=uow.now,
    )
    await store.add(uow.raw, change)
    event = ConfigurationChanged(
        event_id=str(change.change_id),
        kind=kind,
        resource_id=resource_id,
        actor_id=change.actor_id,
        approval_id=change.approval_id,
        old_json=change.old_json,
        new_json=change.new_json,
    )
    uow.publish(event, key=f"{kind}:{resource_id}")


def _written(state: Mapping[str, Any] | None) -> str:
    return "" if state is None else canonical_json(state).decode()
