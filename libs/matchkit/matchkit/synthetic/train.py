"""Estimates the shipped model of Chinese business customers: `python -m matchkit.synthetic.train`.

Nothing here looks at a label. Weights, prior and name frequencies come from `matchkit.estimation` over generated
records. What estimation cannot see is then put right by what a customer is, a person at a firm:

* agreement on the person cannot outweigh a difference in the firm. How often the same telephone under the same name
  stands beside another firm's name *and the same credit code* says how often such a pair is one customer after all;
* a surname does not single out one of a firm's people: that is a clerk's to judge, unless the surname is rare and no
  other telephone speaks against it;
* a switchboard is the firm's, which company and code say already;
* a masked number is weak evidence by decree (features row IN-05): it must not join a name and a city;
* identifiers that the records hold too seldom to count (passport, external_userid) weigh what the counted ones do.
"""

from __future__ import annotations

import sys
from collections import Counter
from math import exp2, log2
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from matchkit.estimation import estimate
from matchkit.fields import Weight
from matchkit.frequencies import Frequencies
from matchkit.kinds.person_name import PERSON_NAME
from matchkit.model import Model
from matchkit.scoring import bits_of
from matchkit.synthetic.records import generate, raw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matchkit.fields import Field
    from matchkit.kinds import Value
    from matchkit.model import Features

MODEL = Path(__file__).parent.parent / "models" / "cn-b2b.yaml"
CUSTOMERS = 65_800
SEED = 2_026
NAMES_KEPT = 1_000
"""Names with a frequency of their own; all others share one."""

HOMOPHONE_BITS_MAX = 4.0
"""Names of one sound are of different people unless more than the firm says otherwise (features row ID-04)."""
INITIAL_BITS_MAX = 7.0


def train(spec: Model, *, customers: int, seed: int) -> Model:
    """The model with weights, estimated from as many generated customers."""
    rows = [spec.read(raw(each)) for each in generate(customers=customers, seed=seed)]
    model = estimate(spec, rows, seed=seed)
    names = trimmed(model.frequencies["name"], kept=NAMES_KEPT)
    model = msgspec.structs.replace(model, frequencies={"name": names})
    odds = same_customer_bits(model, rows)
    fields = tuple(_settled(field, model, odds) for field in model.fields)
    return msgspec.structs.replace(model, fields=fields)


def same_customer_bits(model: Model, rows: Sequence[Features]) -> float:
    """The log2 odds that one mobile and one full name beside two firms' names are one customer.

    Counted among such pairs that carry two credit codes: equal ones make one customer, different ones two.
    """
    counted: Counter[bool] = Counter()
    code, company = (_position(model, name) for name in ("uscc", "company"))
    differs = len(model.kinds[company].levels) - 1
    for a, b in _same_person_pairs(model, rows):
        if None in (a[code], b[code], a[company], b[company]):
            continue
        if model.kinds[company].compare(a[company], b[company]) == differs:
            counted[a[code] == b[code]] += 1
    return log2((counted[True] + 0.5) / (counted[False] + 0.5))


def trimmed(frequencies: Frequencies, *, kept: int) -> Frequencies:
    """The commonest terms alone; the rest get the frequency that one of them drawn by itself has on average."""
    ranked = sorted(frequencies.known.items(), key=lambda item: (-item[1], item[0]))
    dropped = [share for _, share in ranked[kept:]]
    rest = sum(share * share for share in dropped) / sum(dropped) if dropped else frequencies.rest
    known = {term: _rounded(share) for term, share in sorted(ranked[:kept])}
    return Frequencies(known=known, rest=_rounded(rest))


def _same_person_pairs(
    model: Model, rows: Sequence[Features]
) -> Iterator[tuple[Features, Features]]:
    name, phone = _position(model, "name"), _position(model, "phone")
    by_person: dict[object, list[Features]] = {}
    for row in rows:
        if _is_person(row[name]) and row[phone]:
            by_person.setdefault((row[name], row[phone]), []).append(row)
    for group in by_person.values():
        for at, a in enumerate(group):
            yield from ((a, b) for b in group[at + 1 :])


def _is_person(name: Value | None) -> bool:
    """Whether a name is more than a surname."""
    return name is not None and PERSON_NAME.term(name) is not None


def _position(model: Model, name: str) -> int:
    return next(at for at, field in enumerate(model.fields) if field.name == name)


def _settled(field: Field, model: Model, odds: float) -> Field:
    weights = dict(field.weights)
    for level, bits in _ceilings(field.name, model, odds).items():
        weights[level] = _at_most(weights[level], bits)
    if field.name in ("resident_id", "passport", "external_userid"):
        weights = dict(model.fields[_position(model, "unionid")].weights)
    rounded = {
        level: Weight(_rounded(weight.m), _rounded(weight.u)) for level, weight in weights.items()
    }
    return msgspec.structs.replace(field, weights=rounded)


def _ceilings(field: str, model: Model, odds: float) -> dict[str, float]:
    """The most bits that some levels of a field may say."""
    unlisted_name_bits = _unlisted_name_bits(model)
    if field == "name":
        firm = model.prior_bits + max(
            _bits(model, name, "exact") for name in ("company", "uscc", "address")
        )
        clerks = bits_of(model.accept) - 0.1 - firm
        return {
            "common_surname": clerks,
            "surname": clerks,
            "rare_surname": clerks - _bits(model, "phone", "differs"),
            "same_pinyin": unlisted_name_bits,
            "homophone": HOMOPHONE_BITS_MAX,
            "initial": INITIAL_BITS_MAX,
            "incomparable": 0.0,
        }
    if field == "company":
        person = (
            model.prior_bits
            + unlisted_name_bits
            + _bits(model, "phone", "exact")
            + _bits(model, "place", "same_city")
        )
        return {
            "other_branch": 0.0,
            "other_trade": 0.0,
            "other_place": 0.0,
            "differs": odds - person,
        }
    if field == "phone":
        return {"switchboard": 0.0, "other_extension": 0.0}
    if field == "masked_phone":
        met = model.prior_bits + unlisted_name_bits + _bits(model, "place", "same_city")
        weak = max(0.0, bits_of(model.accept) - 0.1 - met)
        return {"fits_full": weak, "fits_masked": weak}
    return {}


def _unlisted_name_bits(model: Model) -> float:
    m = model.fields[_position(model, "name")].weights["exact"].m
    return log2(m / model.frequencies["name"].rest)


def _bits(model: Model, field: str, level: str) -> float:
    weight = model.fields[_position(model, field)].weights[level]
    return log2(weight.m / weight.u)


def _at_most(weight: Weight, bits: float) -> Weight:
    """The weight, its `m` lowered until it says no more than so many bits."""
    return Weight(min(weight.m, max(weight.u * exp2(bits), 1e-9)), weight.u)


def _rounded(chance: float) -> float:
    return float(f"{chance:.5g}")


if __name__ == "__main__":
    trained = train(Model.load(MODEL), customers=CUSTOMERS, seed=SEED)
    MODEL.write_text(trained.dump(), encoding="utf-8")
    sys.stdout.write(f"{MODEL.name} written\n")
