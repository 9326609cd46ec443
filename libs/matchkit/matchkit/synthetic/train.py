"""Estimates the shipped model of Chinese business customers: `python -m matchkit.synthetic.train`.

Nothing here looks at a label. Weights, prior, name frequencies, and how often two customers share a firm (colleagues)
or a person (someone at two firms) come from `matchkit.estimation` over generated records. So the same telephone under
the same name beside another firm's name, or a surname at one firm, weighs what it is worth by these rates. What the
generated records cannot tell is then put right:

* a surname, or a name of the same sound, beside no more than a firm's brand is a clerk's to judge, since brands repeat;
  one of the five commonest surnames (each of over 4 % of all people: of five colleagues every fifth time one bears it)
  is so beside the firm itself, and neither outweighs another telephone;
* another city does not make another customer of a person who names no other firm, whose telephone and name agree;
* a switchboard is the firm's, which company and code say already;
* numbers are handed out in rows: one with a digit wrong is a neighbour's as easily as a slip and must not join a name
  and a city either, and one of the same range is another number like any other;
* a masked number is weak evidence by decree (features row IN-05): it must not join a name and a city;
* identifiers that the records hold too seldom to count (passport, external_userid) weigh what the counted ones do.
"""

from __future__ import annotations

import sys
from math import exp2, log2
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from matchkit.estimation import estimate
from matchkit.fields import Weight
from matchkit.frequencies import Frequencies
from matchkit.model import Model
from matchkit.scoring import bits_of
from matchkit.synthetic.records import generate, raw
from matchkit.weighing import limited

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matchkit.fields import Field

MODEL = Path(__file__).parent.parent / "models" / "cn-b2b.yaml"
CUSTOMERS = 65_800
SEED = 2_026
NAMES_KEPT = 1_000
"""Names with a frequency of their own; all others share one."""

INITIAL_BITS_MAX = 7.0
MASKED_BITS_MAX = 2.0
"""A city beside it says no more than leaves them, with a full name, to a clerk."""
_FIRM_BITS = 64.0
"""More than any firm's name and code say, so that only the chance of a colleague counts."""


def train(spec: Model, *, customers: int, seed: int) -> Model:
    """The model with weights, estimated from as many generated customers."""
    rows = [spec.read(raw(each)) for each in generate(customers=customers, seed=seed)]
    model = estimate(spec, rows, seed=seed)
    names = trimmed(model.frequencies["name"], kept=NAMES_KEPT)
    model = msgspec.structs.replace(model, frequencies={"name": names})
    fields = tuple(_settled(field, model) for field in model.fields)
    return msgspec.structs.replace(model, fields=fields)


def trimmed(frequencies: Frequencies, *, kept: int) -> Frequencies:
    """The commonest terms alone; the rest get the frequency that one of them drawn by itself has on average."""
    ranked = sorted(frequencies.known.items(), key=lambda item: (-item[1], item[0]))
    dropped = [share for _, share in ranked[kept:]]
    rest = sum(share * share for share in dropped) / sum(dropped) if dropped else frequencies.rest
    known = {term: _rounded(share) for term, share in sorted(ranked[:kept])}
    return Frequencies(known=known, rest=_rounded(rest))


def _position(model: Model, name: str) -> int:
    return next(at for at, field in enumerate(model.fields) if field.name == name)


def _settled(field: Field, model: Model) -> Field:
    weights = dict(field.weights)
    for level, bits in _ceilings(field.name, model).items():
        weights[level] = _at_most(weights[level], bits)
    if field.name == "place":
        bits = _another_city_bits(model)
        for level in ("other_city", "differs"):
            weights[level] = _at_least(weights[level], bits)
    if field.name == "address":
        weights = _beside_place(weights, model)
    if field.name in ("resident_id", "passport", "external_userid"):
        weights = dict(model.fields[_position(model, "unionid")].weights)
    rounded = {
        level: Weight(_rounded(weight.m), _rounded(weight.u)) for level, weight in weights.items()
    }
    return msgspec.structs.replace(field, weights=rounded)


def _ceilings(field: str, model: Model) -> dict[str, float]:
    """The most bits that some levels of a field may say."""
    if field == "name":
        return _name_ceilings(model)
    if field == "company":
        return {"other_branch": 0.0, "other_trade": 0.0, "other_place": 0.0}
    if field == "phone":
        return {
            "switchboard": 0.0,
            "other_extension": 0.0,
            "one_slip": MASKED_BITS_MAX,
            "same_prefix": _bits(model, "phone", "differs"),
        }
    if field == "masked_phone":
        return {"fits_full": MASKED_BITS_MAX, "fits_masked": MASKED_BITS_MAX}
    if field == "place":
        left = _clerks_bits(model, 0.0) - _unlisted_name_bits(model) - MASKED_BITS_MAX
        return {"same_city": left}
    return {}


def _name_ceilings(model: Model) -> dict[str, float]:
    beside_brand = _clerks_bits(model, _bits(model, "company", "same_brand"))
    beside_firm = _clerks_bits(model, _FIRM_BITS)
    return {
        "common_surname": beside_firm,
        "surname": beside_brand,
        "rare_surname": beside_firm - _bits(model, "phone", "differs"),
        "same_pinyin": _unlisted_name_bits(model),
        "homophone": beside_brand,
        "initial": INITIAL_BITS_MAX,
        "incomparable": 0.0,
    }


def _clerks_bits(model: Model, firm_bits: float) -> float:
    """What beside so much agreement on the firm still leaves a pair to a clerk, if barely."""
    firm = limited(firm_bits, model.shared["employer"])
    return bits_of(model.accept) - 0.1 - model.prior_bits - firm


def _beside_place(weights: Mapping[str, Weight], model: Model) -> dict[str, Weight]:
    """What an address says when its city, which is in the address, has already been heard."""
    city = next(field for field in model.fields if field.name == "place").weights["same_city"]
    found = {
        level: Weight(min(weight.m / city.m, 0.999), min(weight.u / city.u, 0.999))
        for level, weight in weights.items()
    }
    return found | {"differs": Weight(0.001, 0.001)}


def _another_city_bits(model: Model) -> float:
    """What another city may speak against a telephone with a surname, however common, to leave it accepted."""
    person = _name_ceilings(model)["common_surname"] + _bits(model, "phone", "exact")
    known = model.prior_bits + limited(person, model.shared["person"])
    return bits_of(model.accept) + 0.1 - known


def _unlisted_name_bits(model: Model) -> float:
    m = model.fields[_position(model, "name")].weights["exact"].m
    return log2(m / model.frequencies["name"].rest)


def _bits(model: Model, field: str, level: str) -> float:
    weight = model.fields[_position(model, field)].weights[level]
    return log2(weight.m / weight.u)


def _at_most(weight: Weight, bits: float) -> Weight:
    """The weight, its `m` lowered until it says no more than so many bits."""
    return Weight(min(weight.m, max(weight.u * exp2(bits), 1e-9)), weight.u)


def _at_least(weight: Weight, bits: float) -> Weight:
    """The weight, its `m` raised until it says no less than so many bits."""
    return Weight(max(weight.m, weight.u * exp2(bits)), weight.u)


def _rounded(chance: float) -> float:
    return float(f"{chance:.5g}")


if __name__ == "__main__":
    trained = train(Model.load(MODEL), customers=CUSTOMERS, seed=SEED)
    MODEL.write_text(trained.dump(), encoding="utf-8")
    sys.stdout.write(f"{MODEL.name} written\n")
