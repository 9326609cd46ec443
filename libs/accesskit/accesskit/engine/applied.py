"""What the changes so far have made: policies in force over facts, and the rest of the state."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

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
from accesskit.decisions import Circumstances
from accesskit.engine.regime import RefusedFact, Regime
from accesskit.engine.state import State
from accesskit.facts import Fact
from accesskit.policy import Policy


class Applied:
    """Changes in, their sum in memory. `revision` is the last applied one, 0 before any."""

    def __init__(self) -> None:
        self.revision = 0
        self._state = State()
        self._waiting: dict[tuple[str, ...], Fact] = {}
        self._live: Regime | None = None
        self._shadow: Regime | None = None
        self._appliers: dict[type, Callable[[Any], None]] = {
            FactPut: self._put_fact,
            FactRemoved: self._remove_fact,
            PrincipalPut: self._put_principal,
            LeasePut: self._put_lease,
            DevicePut: self._put_device,
            NetworkPut: self._state.put_network,
            NetworkRemoved: self._state.remove_network,
            SessionRevoked: self._revoke_session,
        }

    @property
    def policy(self) -> Policy | None:
        """The live policy."""
        return None if self._live is None else self._live.policy

    @property
    def shadow_policy(self) -> Policy | None:
        """The candidate that is evaluated beside the live policy."""
        return None if self._shadow is None else self._shadow.policy

    @property
    def policy_version(self) -> int:
        """The live policy's version; 0 while there is none."""
        return 0 if self._live is None else self._live.policy.version

    @property
    def refused_facts(self) -> list[RefusedFact]:
        """Facts that the live policy's model has no room for: kept, but without effect."""
        return [] if self._live is None else list(self._live.refused.values())

    def apply(self, changes: Iterable[Change], *, revision: int) -> None:
        """Applies changes in order. Raises `PolicyInvalid` for a policy nobody can read, before any took effect."""
        changes = list(changes)
        policies = [_read_policy(change) for change in changes if type(change) is PolicyPut]
        unread, appliers = iter(policies), self._appliers
        for change in changes:
            if type(change) is PolicyPut:
                self._put_policy(change, next(unread))
            else:
                appliers[type(change)](change)
        self.revision = revision

    def principal(self, principal_id: str) -> PrincipalPut | None:
        """What is stated of a principal."""
        principal = self._state.principals.get(principal_id)
        return None if principal is None else principal.put

    def knows_owners_of(self, resource_type: str, resource_ids: Iterable[str]) -> bool:
        """Whether each of these resources has, or had, an owner by lease."""
        return self._state.leases.get(resource_type, {}).keys() >= set(resource_ids)

    def is_void(self, subject_id: str, circumstances: Circumstances) -> bool:
        """Whether a token or session is void whatever is asked: barred subject, older epoch, revoked session."""
        principal = self._state.principals.get(subject_id)
        if principal is None:
            return False
        if principal.barred is not None:
            return True
        return self._state.guard(principal, circumstances, is_restricted=False) is not None

    def facts(self) -> Iterator[Fact]:
        """Every stated fact, counted or not; owners by lease are not among them."""
        return iter(self._waiting.values()) if self._live is None else self._live.stated_facts()

    def snapshot(self) -> Iterator[Change]:
        """Changes that make an engine like this one, policies first."""
        for regime, stage in ((self._live, "live"), (self._shadow, "shadow")):
            if regime is not None:
                policy = regime.policy
                yield PolicyPut(policy.version, policy.text, _stage(stage))
        yield from self._state.changes()
        for fact in self.facts():
            yield FactPut(fact)

    def forget_ended_sessions(self, *, now_s: float) -> None:
        """Drops revocations of sessions that have ended by themselves since."""
        revoked = self._state.revoked_sessions
        for session_id in [id_ for id_, until_s in revoked.items() if until_s <= now_s]:
            del revoked[session_id]

    def _regimes(self) -> Iterator[Regime]:
        if self._live is not None:
            yield self._live
        if self._shadow is not None:
            yield self._shadow

    def _put_fact(self, change: FactPut) -> None:
        if self._live is None:
            self._waiting[change.fact.key] = change.fact
        for regime in self._regimes():
            regime.put_fact(change.fact)

    def _remove_fact(self, change: FactRemoved) -> None:
        self._waiting.pop(change.fact.key, None)
        for regime in self._regimes():
            regime.remove_fact(change.fact)

    def _put_principal(self, put: PrincipalPut) -> None:
        self._state.put_principal(put)
        for regime in self._regimes():
            regime.forget_subject(put.principal_id)

    def _put_lease(self, put: LeasePut) -> None:
        before = self._state.put_lease(put)
        if self._live is not None:
            self._live.put_lease(put, before)
        if self._shadow is not None:
            self._shadow.put_lease(put, before)

    def _put_device(self, put: DevicePut) -> None:
        self._state.devices[put.device_id] = put

    def _revoke_session(self, change: SessionRevoked) -> None:
        self._state.revoked_sessions[change.session_id] = change.until_s

    def _put_policy(self, put: PolicyPut, policy: Policy | None) -> None:
        """Puts a whole new regime in place; the old one decides until then."""
        if policy is None:
            self._retire(put.version)
            return
        regime = Regime(policy, self.facts(), self._state.leases)
        if put.stage == "live":
            self._live = regime
            self._waiting.clear()
            if self._shadow is not None and self._shadow.policy.version == put.version:
                self._shadow = None
        else:
            self._shadow = regime

    def _retire(self, version: int) -> None:
        if self._shadow is not None and self._shadow.policy.version == version:
            self._shadow = None
        if self._live is not None and self._live.policy.version == version:
            self._waiting = {fact.key: fact for fact in self._live.stated_facts()}
            self._live = None


def _stage(text: str) -> Literal["live", "shadow"]:
    return "live" if text == "live" else "shadow"


def _read_policy(put: PolicyPut) -> Policy | None:
    """The policy that is put in force; None if one is retired."""
    if put.stage == "retired":
        return None
    return Policy.parse(put.document, version=put.version)
