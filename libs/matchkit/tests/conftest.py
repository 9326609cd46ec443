"""A small model that tests can overcrowd: people with a phone, a tax number and a town."""

from __future__ import annotations

import pytest
from matchkit.model import Field, Frequencies, Hasher, Model, Weight

TEXT_WEIGHTS = {
    "exact": Weight(0.90, 0.01),
    "one_edit": Weight(0.04, 0.01),
    "close": Weight(0.02, 0.01),
    "similar": Weight(0.02, 0.02),
    "differs": Weight(0.02, 0.95),
}


@pytest.fixture(scope="session")
def hasher():
    """Tokens under a made-up secret."""
    return Hasher(b"a made-up secret of the tests")


@pytest.fixture(scope="session")
def model():
    """Keys of five records and phones of three names at most, customers of six records."""
    return Model(
        version="tests-1",
        fields=(
            Field(
                name="name",
                kind="text",
                uses_frequencies=True,
                weights=TEXT_WEIGHTS,
            ),
            Field(
                name="phone",
                kind="digits",
                reads=("phone", "other_phones"),
                many=True,
                identifier=True,
                weights={
                    "exact": Weight(0.90, 0.0001),
                    "one_slip": Weight(0.04, 0.001),
                    "differs": Weight(0.06, 0.9989),
                },
            ),
            Field(
                name="uscc",
                kind="identifier",
                exclusive=True,
                group="company",
                weights={"exact": Weight(0.99, 0.01), "differs": Weight(0.01, 0.99)},
            ),
            Field(name="company", kind="text", group="company", weights=TEXT_WEIGHTS),
        ),
        keys=("phone", "uscc+name:first3", "company:first3+name:first3"),
        prior_bits=-10.0,
        records_max=5,
        names="name",
        names_max=3,
        customer_size_max=6,
        frequencies={"name": Frequencies(known={"anna": 0.05}, rest=0.005)},
    )
