"""What holds under every policy: principals, leases, devices, networks and revoked sessions."""

from collections.abc import Iterator

import msgspec
from servicekit.errors import Invalid

from accesskit.changes import (
    Change,
    DevicePut,
    LeasePut,
    NetworkPut,
    NetworkRemoved,
    PrincipalPut,
    SessionRevoked,
)
from accesskit.decisions import Circumstances, Decision
from accesskit.engine.outcomes import denial
from accesskit.networks import Networks


class Principal(msgspec.Struct, frozen=True):
    """Who can ask. `barred` is the answer to all they ask, if they are not at work."""

    put: PrincipalPut
    type: str
    id: str
    barred: Decision | None


class State:
    """The part of the facts that no relation model describes."""

    def __init__(self) -> None:
        self.principals: dict[str, Principal] = {}
        self.leases: dict[str, dict[str, LeasePut]] = {}
        self.devices: dict[str, DevicePut] = {}
        self.networks = Networks()
        self.refused_networks: set[str] = set()
        self.revoked_sessions: dict[str, float] = {}

    def put_principal(self, put: PrincipalPut) -> None:
        """Who they are from now on."""
        barred = None if put.status == "active" else denial(put.status, "subject")
        self.principals[put.principal_id] = Principal(put, put.type, put.principal_id, barred)

    def put_lease(self, put: LeasePut) -> LeasePut | None:
        """Keeps the lease; returns the one it replaces."""
        of_type = self.leases.get(put.resource_type)
        if of_type is None:
            of_type = self.leases.setdefault(put.resource_type, {})
        before = of_type.get(put.resource_id)
        of_type[put.resource_id] = put
        return before

    def put_network(self, put: NetworkPut) -> None:
        """Trusts the network; one that cannot be read is trusted by nobody and listed as refused."""
        try:
            self.networks.put(put.cidr, put.name)
        except Invalid:
            self.refused_networks.add(put.cidr)

    def remove_network(self, removed: NetworkRemoved) -> None:
        """Trusts it no longer."""
        self.networks.remove(removed.cidr)
        self.refused_networks.discard(removed.cidr)

    def guard(
        self, principal: Principal, given: Circumstances, *, is_restricted: bool
    ) -> Decision | None:
        """The refusal of a void token or session, or of an untrusted device where `is_restricted`."""
        if given.epoch is not None and given.epoch < principal.put.epoch:
            return denial("stale_epoch", "session")
        if given.session_id and given.session_id in self.revoked_sessions:
            return denial("session_revoked", "session")
        if is_restricted and not self._is_trusted(principal, given):
            return denial("untrusted_device", "guard")
        return None

    def _is_trusted(self, principal: Principal, given: Circumstances) -> bool:
        device = self.devices.get(given.device_id)
        if device is not None and device.principal_id == principal.id:
            return device.status == "registered" or self.networks.contains(given.address)
        return self.networks.contains(given.address)

    def changes(self) -> Iterator[Change]:
        """All of it, as changes that build it anew."""
        for principal in self.principals.values():
            yield principal.put
        yield from self.devices.values()
        for cidr, name in self.networks.items():
            yield NetworkPut(cidr, name)
        for session_id, until_s in self.revoked_sessions.items():
            yield SessionRevoked(session_id, until_s)
        for of_type in self.leases.values():
            yield from of_type.values()
