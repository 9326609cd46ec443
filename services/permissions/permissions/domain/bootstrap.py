"""What a bootstrap file says, parsed: principals, facts in their written form, and trusted networks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from accesskit.changes import NetworkPut, PrincipalPut
from accesskit.facts import Fact, checked_name
from accesskit.networks import parse_network
from servicekit.errors import Invalid

from permissions.domain.facts import FactsToWrite, checked
from permissions.domain.principals import checked as checked_principals

_WRITTEN = re.compile(r"([^:#@]+):([^:#@]+)#([^:#@]+)@([^:#@]+):([^:#@]+)(?:#([^:#@]+))?")


class BadFoundation(Invalid):
    """The bootstrap file does not say what it should; the text says where."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"bootstrap file: {problem}")


@dataclass(frozen=True, slots=True)
class Foundation:
    """What shall be there at least."""

    principals: Sequence[PrincipalPut] = ()
    facts: Sequence[Fact] = ()
    networks: Sequence[NetworkPut] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to add."""
        return not (self.principals or self.facts or self.networks)


class _Principal(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    type: str = "user"
    is_test: bool = False


class _Network(msgspec.Struct, forbid_unknown_fields=True):
    cidr: str
    name: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    principals: list[_Principal] = []
    facts: list[str] = []
    networks: list[_Network] = []


def foundation_of(plain: Any) -> Foundation:
    """The foundation that a file's content states.

    Raises `BadFoundation`, and what principals, facts and networks raise that cannot be.
    """
    try:
        stated = msgspec.convert(plain or {}, _File)
    except msgspec.ValidationError as error:
        raise BadFoundation(str(error)) from None
    principals = [_principal(each) for each in stated.principals]
    facts = [parse_fact(written) for written in stated.facts]
    if principals:
        checked_principals(principals)
    if facts:
        checked(FactsToWrite(facts), now_s=0.0)
    return Foundation(principals, facts, [_network(each) for each in stated.networks])


def parse_fact(written: str) -> Fact:
    """The fact of a written form such as `role:operator#member@service:leadctl`; raises `BadFoundation`."""
    match = _WRITTEN.fullmatch(written)
    if match is None:
        raise BadFoundation(f"not a fact: {written!r}")
    type_, id_, relation, of_type, of_id, of_relation = match.groups(default="")
    return Fact(type_, id_, relation, of_type, of_id, of_relation)


def _principal(stated: _Principal) -> PrincipalPut:
    plain = {
        "kind": "principal_put",
        "principal_id": stated.id,
        "type": stated.type,
        "status": "active",
        "epoch": 1,
        "is_test": stated.is_test,
    }
    try:
        return msgspec.convert(plain, PrincipalPut)
    except msgspec.ValidationError as error:
        raise BadFoundation(str(error)) from None


def _network(stated: _Network) -> NetworkPut:
    return NetworkPut(str(parse_network(stated.cidr)), checked_name(stated.name, "network name"))
