"""Plans what is delivered: bodies and ids for both channels, and what must become of them. Nothing is sent here."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from leadctl.demo.people import UNCOVERED_PLACE, Person, people
from leadctl.demo.phone_spellings import SPELLINGS, masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

WEBSITE_FORM = "website_form"
FACEBOOK_LEADGEN = "facebook_leadgen"
DELIVERIES_MIN = 20

REPEATED_SHARE = 0.05
AGAIN_SHARE = 0.08
BAD_SIGNATURE_SHARE = 0.01
FACEBOOK_SHARE = 0.3
MASKED_SHARE = 0.01
REPEATED_WITHIN = 40  # deliveries after the first of the pair

_FIRST_ACTIONS = ("book_demo", "download_whitepaper", "ask_price", "call_back")
_PAGES = (
    "https://www.example.com/lp?utm_source=baidu&utm_medium=cpc&utm_campaign=q4",
    "https://www.example.com/lp?utm_source=weixin&utm_medium=official_account",
    "https://www.example.com/lp?utm_source=zhihu&utm_medium=social",
    "https://www.example.com/contact",
)


class Kind(StrEnum):
    """Why a delivery is in the plan, and so what must become of it."""

    NEW = "new"
    AGAIN = "again"
    """Somebody who asked before: merged into the open lead."""
    REPEATED = "repeated"
    """The sender repeats a delivery: no new item."""
    BAD_SIGNATURE = "bad_signature"
    """Answered 401."""
    UNMAPPABLE = "unmappable"
    """Quarantined."""
    TEST = "test"
    """Rejected: a test lead."""
    SPAM = "spam"
    """Rejected: the field that people never see is filled in."""
    UNCOVERED = "uncovered"
    """Waits: no rep covers the city."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST. `webhook_id` is empty where the channel has none; `repeats` is the place of the first of a pair."""

    channel: str
    kind: Kind
    body: bytes
    webhook_id: str = ""
    repeats: int | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ledger must say in the end, in items."""

    accepted: int
    assigned: int
    waiting: int
    merged: int
    rejected: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Deliveries in their order; what the Graph API says of each Facebook lead, by its id; the people behind them."""

    deliveries: tuple[Delivery, ...]
    graph_bodies: Mapping[str, dict[str, Any]]
    people: tuple[Person, ...]

    def counts(self) -> Counter[Kind]:
        """Deliveries by kind."""
        return Counter(delivery.kind for delivery in self.deliveries)

    def expected(self) -> Expected:
        """What must become of them."""
        counts = self.counts()
        items = {kind: counts[kind] for kind in Kind}
        refused = items[Kind.REPEATED] + items[Kind.BAD_SIGNATURE]
        return Expected(
            accepted=len(self.deliveries) - refused,
            assigned=items[Kind.NEW],
            waiting=items[Kind.UNCOVERED],
            merged=items[Kind.AGAIN],
            rejected=items[Kind.TEST] + items[Kind.SPAM],
            quarantined=items[Kind.UNMAPPABLE],
        )


def plan(count: int, *, seed: int, at: datetime) -> Plan:
    """A plan of `count` deliveries made at about `at`, the same for the same arguments.

    Raises ValueError for fewer than `DELIVERIES_MIN`: each kind is to occur.
    """
    if count < DELIVERIES_MIN:
        raise ValueError(f"a plan has at least {DELIVERIES_MIN} deliveries")
    return _Planner(seed, at).plan(count)


def simple_deliveries(count: int, *, seed: int, at: datetime) -> Iterator[Delivery]:
    """Website forms of different people, one each, without any oddity: for load."""
    planner = _Planner(seed, at)
    for person in islice(people(seed), count):
        yield planner.website(Kind.NEW, person)


class _Planner:
    """Makes bodies; holds the dice and what the Graph API will be asked."""

    def __init__(self, seed: int, at: datetime) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a demonstration must be the same at every run
        self._seed = seed
        self._at = at
        self._graph_bodies: dict[str, dict[str, Any]] = {}
        self._next_leadgen_id = 554_597_170_000_000 + seed * 10_000_000

    def plan(self, count: int) -> Plan:
        repeated = max(1, round(count * REPEATED_SHARE))
        again = max(1, round(count * AGAIN_SHARE))
        bad = max(1, round(count * BAD_SIGNATURE_SHARE))
        new = count - repeated - again - bad - 4
        crowd = list(islice(people(self._seed), new + bad + 3))
        askers, others = crowd[:new], crowd[new:]
        deliveries = self._first_time(askers, again)
        deliveries += [self._of(Kind.BAD_SIGNATURE, person) for person in others[:bad]]
        deliveries += self._specials(others[bad:])
        self._chance.shuffle(deliveries)
        return Plan(
            tuple(self._with_repeats(deliveries, repeated)), self._graph_bodies, tuple(crowd)
        )

    def website(self, kind: Kind, person: Person, *, phone: str | None = None) -> Delivery:
        """The delivery of a filled-in form."""
        form = self._form(person, phone or self._spelled(person.phone))
        if kind is Kind.AGAIN:
            form["fields"]["message"] = "再次咨询"  # not the second click of the first one
        return self._signed_form(kind, form)

    def _first_time(self, askers: list[Person], again: int) -> list[Delivery]:
        """One delivery for each, and a second one for some of those whose number is complete."""
        deliveries: list[Delivery] = []
        reachable: list[Person] = []
        for person in askers:
            if self._chance.random() < MASKED_SHARE and len(askers) - len(deliveries) > again:
                deliveries.append(self.website(Kind.NEW, person, phone=masked(person.phone)))
            else:
                deliveries.append(self._of(Kind.NEW, person))
                reachable.append(person)
        returning = self._chance.sample(reachable, again)
        return deliveries + [self._of(Kind.AGAIN, person) for person in returning]

    def _of(self, kind: Kind, person: Person) -> Delivery:
        if self._chance.random() < FACEBOOK_SHARE:
            return self._facebook(kind, person)
        return self.website(kind, person)

    def _specials(self, persons: list[Person]) -> list[Delivery]:
        lost, prober, stray = persons
        uncovered = self._form(stray, stray.phone)
        uncovered["fields"] |= {"city": UNCOVERED_PLACE.spellings[0], "industry": stray.industry}
        uncovered["page"]["url"] = _PAGES[-1]
        renamed = self._form(lost, lost.phone)
        renamed["form_data"] = renamed.pop("fields")
        return [
            self._signed_form(Kind.UNCOVERED, uncovered),
            self._signed_form(Kind.UNMAPPABLE, renamed),
            self._signed_form(Kind.TEST, self._form(prober, prober.phone) | {"is_test": True}),
            self._signed_form(Kind.SPAM, self._form(prober, prober.phone) | {"hp": "seo offer"}),
        ]

    def _form(self, person: Person, phone: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"name": person.name, "mobile": phone, "company": person.company}
        fields |= {name: value for name, value in _optional(person).items() if value}
        if person.place is not None:
            fields["city"] = self._chance.choice(person.place.spellings)
        return {
            "fields": fields,
            "page": {"url": self._chance.choice(_PAGES), "title": "预约演示"},
            "first_action": self._chance.choice(_FIRST_ACTIONS),
            "submitted_at": self._at.isoformat(),
            "hp": "",
        }

    def _signed_form(self, kind: Kind, form: dict[str, Any]) -> Delivery:
        webhook_id = f"msg_{UUID(int=self._chance.getrandbits(128), version=4).hex}"
        return Delivery(WEBSITE_FORM, kind, _json(form), webhook_id)

    def _facebook(self, kind: Kind, person: Person) -> Delivery:
        leadgen_id = self._next_leadgen_id
        self._next_leadgen_id += 1
        self._graph_bodies[str(leadgen_id)] = self._graph_body(str(leadgen_id), person)
        asked_at_s = int(self._at.timestamp())
        value = {
            "leadgen_id": leadgen_id if self._chance.random() < 0.5 else str(leadgen_id),
            "form_id": 551_111_744_595_541,
            "page_id": 516_540_199_134_611,
            "ad_id": 0,
            "created_time": asked_at_s,
        }
        change = {"field": "leadgen", "value": value}
        entry = {"id": "516540199134611", "time": asked_at_s, "changes": [change]}
        return Delivery(FACEBOOK_LEADGEN, kind, _json({"object": "page", "entry": [entry]}))

    def _graph_body(self, leadgen_id: str, person: Person) -> dict[str, Any]:
        answers = {
            "full_name": person.name,
            "phone_number": self._spelled(person.phone),
            "company_name": person.company,
            **_optional(person),
            "city": self._chance.choice(person.place.spellings) if person.place else "",
        }
        return {
            "id": leadgen_id,
            "created_time": self._at.strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "field_data": [
                {"name": name, "values": [value]} for name, value in answers.items() if value
            ],
        }

    def _spelled(self, phone: str) -> str:
        return self._chance.choice(SPELLINGS)(phone)

    def _with_repeats(self, firsts: list[Delivery], count: int) -> list[Delivery]:
        """The deliveries with some of the accepted ones a second time, soon after."""
        accepted = [n for n, first in enumerate(firsts) if first.kind is not Kind.BAD_SIGNATURE]
        repeated = self._chance.sample(accepted, count)
        order = [(float(n), n, False) for n in range(len(firsts))]
        order += [(n + self._chance.uniform(0.5, REPEATED_WITHIN), n, True) for n in repeated]
        deliveries: list[Delivery] = []
        place_of: dict[int, int] = {}
        for _, n, is_repeat in sorted(order):
            first = firsts[n]
            if not is_repeat:
                place_of[n] = len(deliveries)
                deliveries.append(first)
                continue
            again = Delivery(
                first.channel, Kind.REPEATED, first.body, first.webhook_id, place_of[n]
            )
            deliveries.append(again)
        return deliveries


def _optional(person: Person) -> dict[str, str]:
    return {"industry": person.industry, "email": person.email, "uscc": person.uscc}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
