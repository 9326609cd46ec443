"""Golden IDs: by which recipe a source's factors give one, and which of several a customer is called by.

A source mints one alias for each recipe whose factors it states, under each key in use. Nobody can compute one without
the key: all phones of a country are tried in minutes against a plain hash.
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from identity.domain.customers import GoldenId, MasterId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

FIRST_KEY_ID = "k1"
"""What the one key is called by which Golden IDs were made before keys had ids."""


class Recipe(IntEnum):
    """By what a Golden ID is computed; numbers are kept and are part of the recipe."""

    RECORD = 0
    """Given for want of another: the record's phone stands for somebody else already."""

    PHONE_AND_USCC = 1
    PHONE_AND_RESIDENT_ID = 2


class Factors(NamedTuple):
    """What a source states that Golden IDs are made of, each in its one spelling; empty where it says nothing.

    `own` names the source itself (a lead's id, else `system:key`): the second factor where there is no phone.
    """

    phone: str
    uscc: str
    resident_id: str
    own: str


class Minted(NamedTuple):
    """A Golden ID, and how it was made."""

    golden_id: GoldenId
    recipe: Recipe
    key_id: str


class GoldenIdKeys:
    """Keys by id, the active one first, and the recipes in use, the default one first.

    New Golden IDs are made with the active key by every recipe in use; a key that is retired makes none.
    """

    def __init__(
        self,
        keys: Mapping[str, bytes],
        recipes: tuple[Recipe, ...] = (Recipe.PHONE_AND_USCC,),
    ) -> None:
        self.active_id = next(iter(keys))
        self._active = keys[self.active_id]
        self._age = {key_id: age for age, key_id in enumerate(keys, start=1)}
        self.recipes = recipes

    @property
    def rotation(self) -> str:
        """What the active key and the recipes in use are called together."""
        return f"{self.active_id}/{','.join(str(recipe.value) for recipe in self.recipes)}"

    def mint(self, factors: Factors) -> list[Minted]:
        """The Golden IDs of a source; one at least."""
        minted = []
        for recipe in self.recipes:
            second = self._second_factor(recipe, factors)
            if second is not None:
                minted.append(self._minted(recipe, factors.phone, second))
        return minted

    def of_record(self, digest: bytes) -> Minted:
        """The Golden ID of a record whose own ids all stand for other customers."""
        return self._minted(Recipe.RECORD, "", digest.hex())

    def seniority(self, minted: Minted) -> tuple[bool, int, int, str]:
        """How ids that were stated at one time rank: the least is what a customer is called by.

        One given for want of another comes last; then older keys and recipes come first, so that no rotation renames.
        """
        age = self._age.get(minted.key_id, len(self._age) + 1)
        return minted.recipe is Recipe.RECORD, -age, minted.recipe, minted.golden_id

    def _second_factor(self, recipe: Recipe, factors: Factors) -> str | None:
        """None where a source states too little for the recipe; the default recipe always gives something."""
        if recipe is not self.recipes[0]:
            second = factors.uscc if recipe is Recipe.PHONE_AND_USCC else factors.resident_id
            return second if factors.phone and second else None
        if not factors.phone:
            return factors.own
        return factors.uscc if recipe is Recipe.PHONE_AND_USCC else factors.resident_id

    def _minted(self, recipe: Recipe, phone: str, second: str) -> Minted:
        return Minted(
            golden_id(self._active, recipe, phone=phone, second_factor=second),
            recipe,
            self.active_id,
        )


def golden_id(key: bytes, recipe: Recipe, *, phone: str, second_factor: str) -> GoldenId:
    """The Golden ID (ID-01, ID-02): 64 hex characters of `HMAC-SHA256(key, recipe | phone | second factor)`."""
    text = f"{recipe.value}|{phone}|{second_factor}"
    return GoldenId(hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex())


def master_id(day: date, number: int) -> MasterId:
    """The readable master id (ID-03): `CID-20260207-000001`; `number` is never used twice, on any day."""
    return MasterId(f"{_day_prefix(day)}{number:06d}")


@lru_cache(maxsize=8)
def _day_prefix(day: date) -> str:
    return f"CID-{day:%Y%m%d}-"
