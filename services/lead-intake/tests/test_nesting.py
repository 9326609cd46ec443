"""How deep a body is nested is judged from its bytes."""

from hypothesis import given
from hypothesis import strategies as st
from lead_intake.channels.nesting import is_too_deep


@given(st.binary(max_size=400))
def test_nesting_of_any_bytes_is_judged(raw: bytes) -> None:
    assert is_too_deep(raw) is False or raw.count(b"[") + raw.count(b"{") > 32


def test_brackets_in_strings_are_no_nesting() -> None:
    assert not is_too_deep(b'{"a":"' + b"[" * 100 + b'\\"[["}')
    assert is_too_deep(b'{"a":"\\\\",' + b'"b":[' * 40)
    assert not is_too_deep(b'"' + b'\\"[' * 20_000)
