"""Five systems and their habits: what each asks for, how its people write, how often they err.

All rates are shares of one system's records. They are assumptions: ID-04 gives the seventeen spellings and the 34.2 %
of duplicates, nothing else. `matchkit.synthetic.difficulty` says what they amount to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matchkit.synthetic.choices import Choices

if TYPE_CHECKING:
    from collections.abc import Mapping

MISTYPED_PHONE = 0.015
BOTH_NUMBERS = {"mobile": 0.05, "second": 0.4}
"""Records that hold both numbers of a person, by the one that comes first."""
MISHEARD_NAME = 0.008
MISWRITTEN_NAME = 0.006
MISWRITTEN_COMPANY = 0.004
FULL_NAME_WITHOUT_MOBILE = 0.9
"""A contact without a mobile of their own is mostly named in full: one has to be able to ask for them. For the same
reason such a record always names the firm."""
ANOTHERS_CODE = 0.008
"""Records that carry the code of another company."""
DAMAGED_CODE = 0.007
ANOTHERS_RESIDENT_ID = 0.01
"""Of the records with a resident number, those that carry a clerk's."""
WRONG_CITY = 0.03


@dataclass(frozen=True, slots=True)
class System:
    """One system: how often it holds each field, and how its names are spelt.

    `phones` weighs what stands in the telephone field: `mobile`, `second`, `switchboard`, `extension`,
    `sales` (the seller's own), `masked`, `none`.
    """

    name: str
    share: float
    names: Choices[str]
    companies: Choices[str]
    phones: Choices[str]
    holds: Mapping[str, float]


def _choices(text: str) -> Choices[str]:
    pairs = (each.split("=") for each in text.split())
    return Choices((name, float(weight)) for name, weight in pairs)


SYSTEMS: Choices[System] = Choices(
    (system, system.share)
    for system in (
        System(
            name="erp",
            share=28,
            names=_choices(
                "plain=86 spaced=2 traditional=2 with_department=3 with_title=2 salutation=1 chief=1.5 manager=1.5 "
                "pinyin=1"
            ),
            companies=_choices(
                "legal=84 without_place=4 with_province=3 bracketed=4 without_form=3 traditional=1 trading_name=0.1"
            ),
            phones=_choices(
                "mobile=88 second=1.5 switchboard=3 extension=3 sales=0.6 masked=0.4 none=3.5"
            ),
            holds={"uscc": 0.9, "place": 0.92, "address": 0.8, "resident_id": 0.03, "email": 0.35},
        ),
        System(
            name="scm",
            share=14,
            names=_choices(
                "plain=80 spaced=3 traditional=2 with_department=5 with_title=3 salutation=2 chief=1.5 manager=2.5 "
                "engineer=1"
            ),
            companies=_choices(
                "legal=66 without_place=8 without_form=12 bracketed=4 name=8 traditional=1 trading_name=0.15"
            ),
            phones=_choices("mobile=88 second=1.5 switchboard=3 extension=3 sales=0.4 none=4.1"),
            holds={"uscc": 0.6, "place": 0.9, "address": 0.85, "resident_id": 0.01, "email": 0.3},
        ),
        System(
            name="tickets",
            share=16,
            names=_choices(
                "plain=71 with_title=6 salutation=8 chief=4 manager=3 engineer=2 familiar=0.5 pinyin=2 spaced=1 "
                "traditional=1 role=0.5"
            ),
            companies=_choices(
                "name=40 brand=18 legal=25 without_form=16 latin=0.6 trading_name=0.2"
            ),
            phones=_choices("mobile=91 second=2 switchboard=2 extension=1.5 masked=1 none=2.5"),
            holds={"uscc": 0.05, "place": 0.3, "resident_id": 0.02, "email": 0.4, "company": 0.9},
        ),
        System(
            name="wechat",
            share=20,
            names=_choices(
                "plain=63 spaced=1 given_first=2 traditional=3 salutation=4 chief=4 manager=2 engineer=2 familiar=3 "
                "role=3 pinyin=4 pinyin_given_first=3 pinyin_joined=3 initial=3 latin_salutation=2"
            ),
            companies=_choices(
                "brand=46 name=34 legal=12 latin=2 without_form=5 trading_name=0.25"
            ),
            phones=_choices("mobile=85 second=1.5 masked=5 none=8.5"),
            holds={
                "openid": 0.97,
                "unionid": 0.7,
                "wechat": 0.6,
                "place": 0.5,
                "company": 0.85,
                "uscc": 0.02,
            },
        ),
        System(
            name="old_crm",
            share=22,
            names=_choices(
                "plain=76 spaced=2 given_first=1 traditional=3 with_department=3 with_title=3 salutation=3 chief=2.5 "
                "manager=2 familiar=0.5 pinyin=2 initial=1 role=1"
            ),
            companies=_choices(
                "legal=40 without_form=20 name=22 without_place=6 brand=8 bracketed=2 latin=1 trading_name=0.15"
            ),
            phones=_choices("mobile=85 second=2 switchboard=3 extension=2 sales=1 masked=3 none=4"),
            holds={
                "uscc": 0.25,
                "place": 0.65,
                "address": 0.3,
                "email": 0.5,
                "wechat": 0.25,
                "company": 0.95,
            },
        ),
    )
)

RECORDS_OF_CUSTOMER: Choices[int] = Choices(
    ((1, 67.4), (2, 19.8), (3, 8.0), (4, 3.4), (5, 1.1), (6, 0.3))
)
"""Records per customer; their mean of 1.52 makes 34.2 % of all records duplicates."""
