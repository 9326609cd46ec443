"""The records that five systems hold of a world's customers, each with the customer it is really of."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from matchkit.synthetic import mistakes
from matchkit.synthetic import systems as habits
from matchkit.synthetic.companies import BRAND_CHARACTERS, Firm
from matchkit.synthetic.spellings import (
    PARTIAL_SPELLINGS,
    spell_company,
    spell_name,
    spell_phone,
)
from matchkit.synthetic.systems import RECORDS_OF_CUSTOMER, SYSTEMS, System
from matchkit.synthetic.world import Customer, World, a_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matchkit.synthetic.people import Person

FIELDS = (
    "name",
    "phone",
    "other_phones",
    "masked_phone",
    "email",
    "company",
    "uscc",
    "resident_id",
    "wechat",
    "openid",
    "unionid",
    "province",
    "city",
    "district",
    "address",
)
"""Columns of a record, in order; one without a value is left out of `Labelled.values`."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One record: its system and key there, what it says, and whose it is."""

    system: str
    key: str
    values: dict[str, str]
    customer: int


def generate(*, customers: int, seed: int) -> list[Labelled]:
    """All records of as many customers, in a shuffled order; the same for the same seed.

    A record of someone who changed jobs always names the company: without it no reader could know of which of the
    two customers it is.
    """
    random = Random(seed)  # noqa: S311  repeatable data, not secrets
    world = a_world(random, customers=customers)
    records = [
        _record(random, world, customer, f"{customer.number}-{at}")
        for customer in world.customers
        for at in range(RECORDS_OF_CUSTOMER.draw(random))
    ]
    random.shuffle(records)
    return [
        Labelled(each.system, f"{each.system}-{at:07d}", each.values, each.customer)
        for at, each in enumerate(records)
    ]


def raw(record: Labelled) -> dict[str, str | list[str]]:
    """A record as a model reads it."""
    return {
        field: value.split(";") if field == "other_phones" else value
        for field, value in record.values.items()
    }


def _record(random: Random, world: World, customer: Customer, key: str) -> Labelled:
    system = SYSTEMS.draw(random)
    written = system.phones.draw(random)
    values: dict[str, str] = {"name": _name(random, system, customer.person, written)}
    values.update(_phones(random, world, customer, written))
    values.update(_company(random, world, system, customer, told=written != "mobile"))
    values.update(_accounts(random, world, system, customer))
    values.update(_place(random, world, system, customer.firm))
    return Labelled(system.name, key, values, customer.number)


def _holds(random: Random, system: System, field: str) -> bool:
    return random.random() < system.holds.get(field, 0.0)


def _name(random: Random, system: System, person: Person, written: str) -> str:
    spelling = system.names.draw(random)
    if written != "mobile" and random.random() < habits.FULL_NAME_WITHOUT_MOBILE:
        while spelling in PARTIAL_SPELLINGS:
            spelling = system.names.draw(random)
    chance = random.random()
    if chance < habits.MISHEARD_NAME:
        person = person.renamed(mistakes.misheard(random, person.given))
    elif chance < habits.MISHEARD_NAME + habits.MISWRITTEN_NAME:
        wrong = mistakes.miswritten(random, person.given, mistakes.NAME_CHARACTERS)
        person = person.renamed(wrong)
    return spell_name(person, spelling)


def _phones(
    random: Random, world: World, customer: Customer, written: str
) -> Iterator[tuple[str, str]]:
    """The telephone field, and now and then a second number."""
    person = customer.person
    if written in ("mobile", "second"):
        digits = person.mobile if written == "mobile" else person.second_mobile
        if random.random() < habits.MISTYPED_PHONE:
            digits = mistakes.mistyped_digits(random, digits)
        yield "phone", spell_phone(random, digits)
        if random.random() < habits.BOTH_NUMBERS[written]:
            yield "other_phones", person.second_mobile if written == "mobile" else person.mobile
    elif written == "masked":
        yield "masked_phone", mistakes.masked(random, person.mobile)
    elif written == "sales":
        yield "phone", random.choice(world.sales_mobiles)
    elif written == "switchboard":
        yield "phone", customer.firm.switchboard
    elif written == "extension":
        yield "phone", f"{customer.firm.switchboard}转{801 + customer.number % 90}"


def _company(
    random: Random, world: World, system: System, customer: Customer, *, told: bool
) -> Iterator[tuple[str, str]]:
    """The firm's name and code; `told` when the name is there for certain."""
    firm = customer.firm
    told = told or customer.moved or "company" not in system.holds
    if told or _holds(random, system, "company"):
        yield "company", _company_name(random, system, firm, moved=customer.moved)
    if _holds(random, system, "uscc"):
        yield "uscc", _code(random, world, firm)


def _company_name(random: Random, system: System, firm: Firm, *, moved: bool) -> str:
    spelling = system.companies.draw(random)
    if moved and spelling == "trading_name":
        spelling = "legal"
    name = spell_company(firm, spelling)
    if random.random() < habits.MISWRITTEN_COMPANY and firm.brand in name:
        wrong = mistakes.miswritten(random, firm.brand, BRAND_CHARACTERS)
        return name.replace(firm.brand, wrong)
    return name


def _code(random: Random, world: World, firm: Firm) -> str:
    chance = random.random()
    if chance < habits.ANOTHERS_CODE:
        return random.choice(world.firms).uscc
    if chance < habits.ANOTHERS_CODE + habits.DAMAGED_CODE:
        return mistakes.damaged_code(random, firm.uscc)
    return firm.uscc


def _accounts(
    random: Random, world: World, system: System, customer: Customer
) -> Iterator[tuple[str, str]]:
    person = customer.person
    if customer.address and _holds(random, system, "email"):
        yield "email", customer.address
    for field in ("wechat", "openid", "unionid"):
        if _holds(random, system, field):
            yield field, getattr(person, field)
    if _holds(random, system, "resident_id"):
        if random.random() < habits.ANOTHERS_RESIDENT_ID:
            person = random.choice(world.customers).person
        yield "resident_id", person.resident_id


def _place(random: Random, world: World, system: System, firm: Firm) -> Iterator[tuple[str, str]]:
    if not _holds(random, system, "place"):
        return
    if random.random() < habits.WRONG_CITY:
        firm = random.choice(world.firms)
    long = random.random() < 0.5
    yield (
        "province",
        f"{firm.province}省" if long and firm.province != firm.located else firm.province,
    )
    yield "city", f"{firm.located}市" if long else firm.located
    if random.random() < 0.6:
        yield "district", firm.district
    if _holds(random, system, "address"):
        door = f"{firm.door}号" if random.random() < 0.85 else ""
        yield "address", f"{firm.located}市{firm.district}{firm.street}{door}"
