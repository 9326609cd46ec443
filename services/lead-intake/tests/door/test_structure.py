"""A body is judged the same whether it is read at a glance or by the scanner."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lead_intake.webhooks.answers import Refused
from lead_intake.webhooks.structure import KEYS_MAX, document_of

PIECES = ["{", "}", "[", "]", ":", ",", '"', " ", "\n", "\\", "\\u003a", '"a"', '"b"', '":x"', '"a":', '"a" :',
          "1", "1e999", "-0", "NaN", "null", "true", "9" * 30, "9" * 5000, "é", "\ufeff"]  # fmt: skip


def judged_plainly(raw: bytes) -> Any:
    """What the rules say, by the standard library alone."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in found}) == len(found)
        return dict(found)

    def number(written: str) -> float:
        assert abs(float(written)) != float("inf")
        return float(written)

    def constant(_: str) -> None:
        raise AssertionError

    document = json.loads(
        raw.decode(), object_pairs_hook=pairs, parse_float=number, parse_constant=constant
    )
    json.dumps(document, ensure_ascii=False).encode()
    return document


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example('{"a":1,"a":2}')
@example('{"a" :1,"a":2}')
@example('{"a"\n:1,"a":2}')
@example('{"a":1,"a":"\\u003a"}')
@example('{"a":1,"a":":x"}')
@example('{"a":":x"}')
@example('{"a":{"b":1,"b":1}}')
@example('[{"a":1},{"a":1}]')
@example('{"a":1e999}')
@example('{"a":[-1e999]}')
@example('{"":1,"":2}')
def test_a_body_is_let_in_exactly_when_the_rules_say_so(text: str) -> None:
    raw = text.encode()

    try:
        expected = judged_plainly(raw)
    except (ValueError, AssertionError):
        with pytest.raises(Refused):
            document_of("json", raw)
    else:
        assert document_of("json", raw) == expected


@pytest.mark.parametrize("separator", [":", ": ", " :"])
def test_too_many_keys_are_refused_however_they_are_written(separator: str) -> None:
    pairs = ",".join(f'"k{number}"{separator}1' for number in range(KEYS_MAX + 1))

    with pytest.raises(Refused):
        document_of("json", f"{{{pairs}}}".encode())


@pytest.mark.parametrize("raw", [b'{"a":"\xff"}', b'{"\xff":1}', b'\xef\xbb\xbf{"a":1}'])
def test_bytes_that_are_no_text_are_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        document_of("json", raw)
