"""Decides whose lead it is: the Golden ID recipe, and when two leads are of one customer.

No personal data gets here. A phone and a unified social credit code (USCC, 统一社会信用代码) come as keyed digests,
so leads are compared without being read.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum
from typing import NewType
from uuid import UUID

from servicekit.errors import Invalid, NotFound

LeadId = NewType("LeadId", UUID)
GoldenId = NewType("GoldenId", str)
MasterId = NewType("MasterId", str)

RECIPE_VERSION = 1
"""The recipe by which new Golden IDs are made; kept with each customer, so that a later one can live beside it."""

NO_USCC = b""


class CustomerNotFound(NotFound):
    """No customer has this Golden ID or master id."""


class LeadNotIdentified(NotFound):
    """The lead has not arrived here, or does not exist."""

    def __init__(self, lead_id: LeadId) -> None:
        super().__init__(f"lead {lead_id} is not identified")
        self.lead_id = lead_id


class MalformedLeadId(Invalid):
    """A lead is named by something that is no UUID."""

    def __init__(self) -> None:
        super().__init__("lead_id is not a UUID")


class MalformedCustomerId(Invalid):
    """A customer is named by something that is neither a Golden ID nor a master id."""

    def __init__(self) -> None:
        super().__init__("customer_id is neither a Golden ID nor a master id")


class MatchBasis(IntEnum):
    """On what a lead was recognised; the numbers are kept in the database and are those of the contract."""

    NEW = 1
    PHONE_AND_USCC = 2
    PHONE = 3
    NONE = 4


@dataclass(frozen=True, slots=True)
class Lead:
    """What identity needs of a lead.

    `phone_index` is empty without a complete phone, `uscc_index` without a USCC. `own_golden_id` is what the lead's
    customer is called if nobody is recognised.
    """

    lead_id: LeadId
    channel: str
    received_at: datetime
    phone_index: bytes
    uscc_index: bytes
    own_golden_id: GoldenId


@dataclass(frozen=True, slots=True)
class Key:
    """One way to recognise a customer: a phone, alone or with a USCC."""

    phone_index: bytes
    uscc_index: bytes
    golden_id: GoldenId
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A customer seen for the first time, before they have a master id."""

    golden_id: GoldenId
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer on record."""

    golden_id: GoldenId
    master_id: MasterId
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose lead it is, and why."""

    lead: Lead
    golden_id: GoldenId
    basis: MatchBasis


@dataclass(slots=True)
class Recognition:
    """What was decided about some leads: an identity for each, in their order, and what is new on record."""

    identities: list[Identity] = field(default_factory=list)
    newcomers: list[Newcomer] = field(default_factory=list)
    new_keys: list[Key] = field(default_factory=list)


def golden_id(key: bytes, *, phone_e164: str, second_factor: str) -> GoldenId:
    """The Golden ID (ID-01, ID-02): 64 hex characters of `HMAC-SHA256(key, version | phone | second factor)`.

    The second factor is the USCC, empty when unknown; for a lead without a complete phone it is the lead's own id.
    """
    recipe = f"{RECIPE_VERSION}|{phone_e164}|{second_factor}"
    return GoldenId(hmac.digest(key, recipe.encode(), "sha256").hex())


def master_id(day: date, number: int) -> MasterId:
    """The readable master id (ID-03): `CID-20260207-000001`; `number` is never used twice, on any day."""
    return MasterId(f"CID-{day:%Y%m%d}-{number:06d}")


def recognise(leads: Sequence[Lead], known: Iterable[Key]) -> Recognition:
    """Decides for each lead in turn whose it is; a later lead knows what an earlier one brought.

    `known` holds every key on record of the leads' phones. Same phone and same USCC, or same phone where one side has
    no USCC, is one customer; same phone with another USCC is another customer; no complete phone matches nobody.
    """
    acquaintances = _Acquaintances(known)
    recognition = Recognition()
    for lead in leads:
        recognition.identities.append(_identify(lead, acquaintances, recognition))
    return recognition


def _identify(lead: Lead, acquaintances: "_Acquaintances", recognition: Recognition) -> Identity:
    if not lead.phone_index:
        recognition.newcomers.append(Newcomer(lead.own_golden_id, lead.received_at))
        return Identity(lead, lead.own_golden_id, MatchBasis.NONE)
    same_key = acquaintances.holder(lead.phone_index, lead.uscc_index)
    if same_key is not None:
        basis = MatchBasis.PHONE_AND_USCC if lead.uscc_index else MatchBasis.PHONE
        return Identity(lead, same_key.golden_id, basis)
    relative = acquaintances.by_phone(lead.phone_index, lead.uscc_index)
    if relative is None:
        newcomer = Newcomer(lead.own_golden_id, lead.received_at)
        recognition.newcomers.append(newcomer)
        found, basis = newcomer, MatchBasis.NEW
    else:
        found, basis = Newcomer(relative.golden_id, relative.first_seen_at), MatchBasis.PHONE
    key = Key(lead.phone_index, lead.uscc_index, found.golden_id, found.first_seen_at)
    acquaintances.add(key)
    recognition.new_keys.append(key)
    return Identity(lead, found.golden_id, basis)


class _Acquaintances:
    """Keys by phone; of one phone, no two keys have the same USCC."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys: dict[bytes, dict[bytes, Key]] = {}
        for key in keys:
            self.add(key)

    def add(self, key: Key) -> None:
        self._keys.setdefault(key.phone_index, {})[key.uscc_index] = key

    def holder(self, phone_index: bytes, uscc_index: bytes) -> Key | None:
        """The key that fits in both."""
        return self._keys.get(phone_index, {}).get(uscc_index)

    def by_phone(self, phone_index: bytes, uscc_index: bytes) -> Key | None:
        """The key of a customer with this phone of whom, or of the lead, no USCC is known.

        A phone without a USCC belongs to the customer who has had it longest.
        """
        keys = self._keys.get(phone_index, {})
        if uscc_index == NO_USCC:
            return min(keys.values(), key=_seniority, default=None)
        bare = keys.get(NO_USCC)
        if bare is None or _has_uscc(bare.golden_id, keys.values()):
            return None
        return bare


def _has_uscc(golden_id: GoldenId, keys: Iterable[Key]) -> bool:
    return any(key.golden_id == golden_id and key.uscc_index != NO_USCC for key in keys)


def _seniority(key: Key) -> tuple[datetime, str]:
    return (key.first_seen_at, key.golden_id)
