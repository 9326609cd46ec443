"""Sealed fields open only with their key and context; blind indexes match without revealing."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.sealing import (
    BlindIndex,
    InvalidKey,
    KeyRing,
    NotSealed,
    SealBroken,
    SealingError,
    UnknownKey,
)

_OLD, _NEW = bytes(range(32)), bytes(range(32, 64))
_PHONE = b"+8613800138001"
_CONTEXT = b"leads.phone:01"


def _entry(key_id: str, key: bytes) -> str:
    return f"{key_id}:{base64.b64encode(key).decode()}"


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_is_sealed_opens_in_its_context(plaintext: bytes, context: bytes) -> None:
    ring = KeyRing({"k1": _OLD})

    assert ring.open(ring.seal(plaintext, context), context) == plaintext


def test_a_value_sealed_with_the_old_key_opens_after_rotation() -> None:
    sealed = KeyRing.parse(_entry("2024", _OLD)).seal(_PHONE, _CONTEXT)

    rotated = KeyRing.parse(f"{_entry('2025', _NEW)}, {_entry('2024', _OLD)}")

    assert rotated.active_id == "2025"
    assert rotated.open(sealed, _CONTEXT) == _PHONE
    assert b"2025" in rotated.seal(_PHONE, _CONTEXT)


def test_a_retired_key_no_longer_opens() -> None:
    sealed = KeyRing({"2024": _OLD}).seal(_PHONE, _CONTEXT)

    with pytest.raises(UnknownKey, match="2024"):
        KeyRing({"2025": _NEW}).open(sealed, _CONTEXT)


def test_equal_values_seal_differently() -> None:
    ring = KeyRing({"k1": _OLD})

    assert ring.seal(_PHONE, _CONTEXT) != ring.seal(_PHONE, _CONTEXT)


def test_a_value_moved_to_another_row_does_not_open() -> None:
    ring = KeyRing({"k1": _OLD})
    sealed = ring.seal(_PHONE, b"leads.phone:01")

    with pytest.raises(SealBroken):
        ring.open(sealed, b"leads.phone:02")


@given(st.integers(min_value=0), st.integers(1, 255))
def test_any_changed_byte_fails_closed_without_the_plaintext(at: int, flip: int) -> None:
    ring = KeyRing({"k1": _OLD, "k2": _OLD})
    sealed = bytearray(ring.seal(_PHONE, _CONTEXT))
    sealed[at % len(sealed)] ^= flip

    with pytest.raises(SealingError) as caught:
        ring.open(bytes(sealed), _CONTEXT)

    assert _PHONE.decode() not in str(caught.value)


@given(st.binary(max_size=60))
def test_bytes_that_were_never_sealed_are_refused(noise: bytes) -> None:
    with pytest.raises(SealingError):
        KeyRing({"k1": _OLD}).open(noise, _CONTEXT)


def test_a_value_cut_short_is_not_sealed() -> None:
    ring = KeyRing({"k1": _OLD})

    with pytest.raises(NotSealed):
        ring.open(ring.seal(b"", b"")[:-1], b"")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k1",
        "k1:",
        "k1:not base64!",
        ":" + base64.b64encode(_OLD).decode(),
        _entry("k1", b"short"),
        _entry("k" * 33, _OLD),
        _entry("钥匙", _OLD),
        f"{_entry('k1', _OLD)},{_entry('k1', _NEW)}",
        f"{_entry('k1', _OLD)},",
    ],
)
def test_a_malformed_ring_is_refused_without_showing_key_material(text: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        KeyRing.parse(text)

    assert base64.b64encode(_OLD).decode() not in str(caught.value)


def test_a_blind_index_matches_equal_values_within_one_purpose_and_key_only() -> None:
    index = BlindIndex(_OLD, "phone")

    digest = index.of("+8613800138001")

    assert len(digest) == 32
    assert digest == BlindIndex.parse(base64.b64encode(_OLD).decode(), "phone").of("+8613800138001")
    assert digest != index.of("+8613800138002")
    assert digest != BlindIndex(_OLD, "email").of("+8613800138001")
    assert digest != BlindIndex(_NEW, "phone").of("+8613800138001")


def test_a_blind_index_refuses_a_weak_key_or_no_purpose() -> None:
    with pytest.raises(InvalidKey):
        BlindIndex(os.urandom(16), "phone")
    with pytest.raises(InvalidKey):
        BlindIndex(_OLD, "")
