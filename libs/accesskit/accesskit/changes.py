"""Changes: all that can alter a decision, in the order in which it was committed.

A change is part of the audit entry that states it, is published on the bus, and is applied by every replica. A
snapshot is a sequence of changes too.
"""

from typing import Any, Literal, TypeAlias

import msgspec

from accesskit.facts import Fact


class FactPut(msgspec.Struct, frozen=True, tag="fact_put", tag_field="kind"):
    """A fact holds now; one with the same key is replaced."""

    fact: Fact


class FactRemoved(msgspec.Struct, frozen=True, tag="fact_removed", tag_field="kind"):
    """The fact with this key no longer holds."""

    fact: Fact


class PrincipalPut(msgspec.Struct, frozen=True, tag="principal_put", tag_field="kind"):
    """Who can be a subject. A session or token with a lower epoch than the principal's is void."""

    principal_id: str
    type: Literal["user", "service"]
    status: Literal["active", "suspended", "departed"]
    epoch: int
    is_test: bool = False


class LeasePut(msgspec.Struct, frozen=True, tag="lease_put", tag_field="kind"):
    """Who owns a resource, and the lease under which they do (PM-03).

    Times are Unix seconds. `touched_at_s` is the last effective follow-up. Until `suspended_until_s` the clock does
    not run (protected for some days; infinite as None with `is_exempt`). An empty `owner_id` is the public pool
    (公海池); `former_owner_id` then may not claim before `cool_until_s`.
    """

    resource_type: str
    resource_id: str
    owner_id: str
    touched_at_s: float
    version: int
    suspended_until_s: float = 0.0
    is_exempt: bool = False
    former_owner_id: str = ""
    cool_until_s: float = 0.0
    seq: int = 0


class PolicyPut(msgspec.Struct, frozen=True, tag="policy_put", tag_field="kind"):
    """A version of the policy document. One is live; one may be shadow; a retired one decides nothing."""

    version: int
    document: str
    stage: Literal["live", "shadow", "retired"]


class DevicePut(msgspec.Struct, frozen=True, tag="device_put", tag_field="kind"):
    """A device of a user; only a registered one proves anything."""

    device_id: str
    principal_id: str
    status: Literal["pending", "registered", "revoked"]


class NetworkPut(msgspec.Struct, frozen=True, tag="network_put", tag_field="kind"):
    """A network from which people may work."""

    cidr: str
    name: str


class NetworkRemoved(msgspec.Struct, frozen=True, tag="network_removed", tag_field="kind"):
    """The network is no longer trusted."""

    cidr: str


class SessionRevoked(msgspec.Struct, frozen=True, tag="session_revoked", tag_field="kind"):
    """One session is void; it would have ended by itself at `until_s`."""

    session_id: str
    until_s: float


Change: TypeAlias = (
    FactPut
    | FactRemoved
    | PrincipalPut
    | LeasePut
    | PolicyPut
    | DevicePut
    | NetworkPut
    | NetworkRemoved
    | SessionRevoked
)


def to_plain(change: Change) -> dict[str, Any]:
    """The change as plain data for the audit log's canonical JSON."""
    plain = msgspec.to_builtins(change)
    if not isinstance(plain, dict):
        raise TypeError(type(change).__name__)
    return plain


def from_plain(plain: object) -> Change:
    """The change that `to_plain` wrote; raises `msgspec.ValidationError`."""
    return msgspec.convert(plain, Change)  # type: ignore[no-any-return]
