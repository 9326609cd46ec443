"""Who exists: firms of uneven size, the people in them, those who moved, and the telephones that several share.

A customer is a person at a firm; someone who changes jobs is two customers with one telephone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matchkit.synthetic.companies import Firm, a_branch, a_firm
from matchkit.synthetic.people import Person, a_mobile, a_person, with_mobile_of

if TYPE_CHECKING:
    from random import Random

CUSTOMERS_PER_FIRM = 1.4
"""Contacts of a business customer, on average; most have one."""
SIZE_EXPONENT = 1.3
"""How uneven firms are: at 1 all are alike."""
BRANCH_SHARE = 0.06
"""Firms that have a branch among the customers."""
JOB_CHANGE_SHARE = 0.01
"""Customers who were a customer at another firm before."""
SHARED_MOBILE_SHARE = 0.004
"""Customers who give a spouse's or partner's mobile."""
CUSTOMERS_PER_SALES_PERSON = 550
"""A seller enters their own mobile where a customer's is wanted; one for so many customers does."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One person at one firm; `moved` when the same person is a customer elsewhere, too."""

    number: int
    person: Person
    firm: Firm
    address: str
    moved: bool


@dataclass(frozen=True, slots=True)
class World:
    """Everyone, the sellers' own mobiles, and firms to mistake for others."""

    customers: tuple[Customer, ...]
    sales_mobiles: tuple[str, ...]
    firms: tuple[Firm, ...]


def a_world(random: Random, *, customers: int) -> World:
    """As many customers as asked for; raises `ValueError` below one."""
    if customers < 1:
        raise ValueError("a world needs a customer")
    firms = _firms(random, max(1, round(customers / CUSTOMERS_PER_FIRM)))
    known: list[Customer] = []
    while len(known) < customers:
        known.extend(_next(random, firms, known, room=customers - len(known)))
    sellers = tuple(a_mobile(random) for _ in range(1 + customers // CUSTOMERS_PER_SALES_PERSON))
    return World(tuple(known), sellers, tuple(firms))


def _firms(random: Random, count: int) -> list[Firm]:
    firms: list[Firm] = []
    while len(firms) < count:
        firm = a_firm(random)
        firms.append(firm)
        if random.random() < BRANCH_SHARE:
            firms.append(a_branch(random, firm))
    return firms


def _next(random: Random, firms: list[Firm], known: list[Customer], *, room: int) -> list[Customer]:
    """One more customer, or two when the new one has moved."""
    person = a_person(random)
    chance = random.random()
    if chance < SHARED_MOBILE_SHARE and known:
        person = with_mobile_of(person, random.choice(known).person)
    firm = _employer(random, firms)
    if chance > 1 - JOB_CHANGE_SHARE and room > 1:
        other = _employer(random, firms)
        if other.brand != firm.brand:
            return [
                _customer(random, len(known) + at, person, each, moved=True)
                for at, each in enumerate((firm, other))
            ]
    return [_customer(random, len(known), person, firm, moved=False)]


def _employer(random: Random, firms: list[Firm]) -> Firm:
    """A firm; the power of the draw makes early ones large and late ones small."""
    return firms[int(len(firms) * random.random() ** SIZE_EXPONENT)]


def _customer(random: Random, number: int, person: Person, firm: Firm, *, moved: bool) -> Customer:
    return Customer(number, person, firm, _work_address(random, person, firm), moved)


def _work_address(random: Random, person: Person, firm: Firm) -> str:
    """A mail address at the firm, a private one, or none."""
    chance = random.random()
    if chance < 0.55:
        return f"{person.mailbox}@{firm.domain}"
    if chance < 0.85:
        return f"{int(person.mobile) * 7 % 10**10}@qq.com"
    return ""
