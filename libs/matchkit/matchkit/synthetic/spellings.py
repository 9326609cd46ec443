"""How the same person and the same company are written by different hands (features row ID-04)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from matchkit.chinese.syllables import romanised
from matchkit.synthetic.choices import Choices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from matchkit.synthetic.companies import Firm
    from matchkit.synthetic.people import Person

    Spelling = Callable[[Person], str]


def _traditional(person: Person) -> str:
    return traditional(person.surname + person.given)


def traditional(text: str) -> str:
    """The text in traditional characters."""
    return "".join(_traditional_character(each) for each in text)


@cache
def _traditional_character(character: str) -> str:
    return str(_converter().convert(character))


@cache
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("s2t")


def _salutation(person: Person) -> str:
    return f"{person.surname}{'先生' if person.male else '女士'}"


def _latin_salutation(person: Person) -> str:
    return f"{'Mr.' if person.male else 'Ms.'} {person.romanised_surname.title()}"


def _surname(person: Person) -> str:
    return person.romanised_surname.title()


def _given(person: Person) -> str:
    return person.romanised_given.title()


NAME_SPELLINGS: Mapping[str, Spelling] = {
    "plain": lambda person: person.surname + person.given,
    "spaced": lambda person: f"{person.surname} {person.given}",
    "given_first": lambda person: f"{person.given} {person.surname}",
    "traditional": _traditional,
    "with_department": lambda person: f"{person.surname}{person.given}\uff08采购部\uff09",
    "with_title": lambda person: (
        f"{person.surname}{person.given}{'先生' if person.male else '女士'}"
    ),
    "salutation": _salutation,
    "chief": lambda person: f"{person.surname}总",
    "manager": lambda person: f"{person.surname}经理",
    "engineer": lambda person: f"{person.surname}工",
    "familiar": lambda person: f"{'老' if person.male else '小'}{person.surname}",
    "role": lambda person: f"销售{person.surname}",
    "pinyin": lambda person: f"{_surname(person)} {_given(person)}",
    "pinyin_given_first": lambda person: f"{_given(person)} {_surname(person)}",
    "pinyin_joined": lambda person: f"{person.romanised_surname}{person.romanised_given}",
    "initial": lambda person: f"{_surname(person)} {_given(person)[0]}.",
    "latin_salutation": _latin_salutation,
}
"""Seventeen ways to write one name."""


PARTIAL_SPELLINGS = frozenset(
    (
        "salutation",
        "chief",
        "manager",
        "engineer",
        "familiar",
        "role",
        "initial",
        "latin_salutation",
    )
)
"""Spellings that do not give the whole name."""


def spell_name(person: Person, spelling: str) -> str:
    """A person's name in one of `NAME_SPELLINGS`; raises `KeyError` for another."""
    return NAME_SPELLINGS[spelling](person)


def _short(firm: Firm) -> str:
    return f"{firm.city}{firm.brand}{firm.trade}{firm.branch}"


def _bracketed(firm: Firm) -> str:
    return f"{firm.brand}{firm.trade}\uff08{firm.city}\uff09{firm.form}{firm.branch}"


def _with_province(firm: Firm) -> str:
    """A municipality has no province."""
    return firm.legal_name if firm.province == firm.city else f"{firm.province}省{firm.legal_name}"


def _brand(firm: Firm) -> str:
    return f"{firm.brand}{firm.branch}"


def _latin(firm: Firm) -> str:
    return f"{romanised(firm.brand).title()} Co., Ltd."


COMPANY_SPELLINGS: Mapping[str, Callable[[Firm], str]] = {
    "legal": lambda firm: firm.legal_name,
    "without_form": _short,
    "without_place": lambda firm: f"{firm.brand}{firm.trade}{firm.form}{firm.branch}",
    "with_province": _with_province,
    "bracketed": _bracketed,
    "name": lambda firm: f"{firm.brand}{firm.trade}{firm.branch}",
    "brand": _brand,
    "traditional": lambda firm: traditional(firm.legal_name),
    "latin": _latin,
    "trading_name": lambda firm: firm.trading_name,
}
"""Ways to write one company; the last shares nothing with the register."""


def spell_company(firm: Firm, spelling: str) -> str:
    """A company's name in one of `COMPANY_SPELLINGS`; raises `KeyError` for another."""
    return COMPANY_SPELLINGS[spelling](firm)


_FULL_WIDTH: dict[int, int] = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}

PHONE_SPELLINGS: Choices[Callable[[str], str]] = Choices(
    (
        (lambda digits: digits, 60.0),
        (lambda digits: f"+86{digits}", 14.0),
        (lambda digits: f"+86 {digits[:3]}-{digits[3:7]}-{digits[7:]}", 6.0),
        (lambda digits: f"{digits[:3]} {digits[3:7]} {digits[7:]}", 8.0),
        (lambda digits: f"{digits[:3]}-{digits[3:7]}-{digits[7:]}", 5.0),
        (lambda digits: f"0086{digits}", 3.0),
        (lambda digits: digits.translate(_FULL_WIDTH), 2.0),
        (lambda digits: f"({digits[:3]}){digits[3:]}", 2.0),
    )
)
"""How a mobile's eleven digits are typed."""


def spell_phone(random: Random, digits: str) -> str:
    """A mobile as somebody types it."""
    return PHONE_SPELLINGS.draw(random)(digits)
