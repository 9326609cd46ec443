"""The bytes of an entry are canonical, however quickly they are written."""

import json
import math
from typing import Any

import pytest
from accesskit.changes import FactPut, LeasePut, PolicyPut, to_plain
from accesskit.facts import Fact
from hypothesis import given
from hypothesis import strategies as st
from permissions.domain.audit import canonical

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.text()
)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def slowly(stated: dict[str, Any]) -> bytes:
    """Canonical JSON as the standard library writes it."""
    return json.dumps(stated, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@given(st.dictionaries(st.text(), PLAIN, max_size=5))
def test_any_details_are_written_as_the_standard_library_would(stated: dict[str, Any]) -> None:
    assert canonical(stated) == slowly(stated)


@pytest.mark.parametrize(
    "number", [1e16, 1e22, 1.5e300, 1e-5, -2.5e-7, 0.0001, 5e-324, math.inf, -math.inf, -0.0, 1e15]
)
def test_any_number_is_written_as_python_writes_it(number: float) -> None:
    for stated in ({"a": number}, {"a": [number]}, {"a": {"b": [1, number]}}):
        assert canonical(stated) == slowly(stated)


@given(name=st.text(), number=st.floats(allow_nan=False), end=st.none() | st.floats(0, 1e300))
def test_changes_are_written_as_their_plain_data(
    *, name: str, number: float, end: float | None
) -> None:
    fact = Fact("lead", name, "owner", "user", "ana", until_s=end, context={"b": 1, "a": name})
    changes = [
        FactPut(fact),
        LeasePut("lead", name, "ana", number, 3),
        PolicyPut(1, name, "live"),
    ]
    plain = [to_plain(change) for change in changes]

    assert canonical({"seq": 1, "changes": changes}) == slowly({"seq": 1, "changes": plain})
