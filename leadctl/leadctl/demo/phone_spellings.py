"""The ways in which people and spreadsheets write one mobile number; every one of them must be read as the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Spelling: TypeAlias = Callable[[str], str]

_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")  # noqa: RUF001 - on purpose
_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_CHINESE = str.maketrans("0123456789", "零一二三四五六七八九")


def _grouped(phone: str, separator: str) -> str:
    return separator.join((phone[:3], phone[3:7], phone[7:]))


SPELLINGS: tuple[Spelling, ...] = (
    lambda phone: phone,
    lambda phone: phone,
    lambda phone: _grouped(phone, " "),
    lambda phone: _grouped(phone, "-"),
    lambda phone: _grouped(phone, "."),
    lambda phone: f"+86 {_grouped(phone, '-')}",
    lambda phone: f"0086{phone}",
    lambda phone: f"86 {phone}",
    lambda phone: f"+86(0){phone}",
    lambda phone: f"({phone[:3]}){phone[3:]}",
    lambda phone: f"tel:{phone}",
    lambda phone: f"手机：{phone}",  # noqa: RUF001 - as people type it
    lambda phone: f"微信{phone}",
    lambda phone: f"{phone[:5]}\u200b{phone[5:]}\u00a0",
    lambda phone: phone.translate(_FULL_WIDTH),
    lambda phone: phone.translate(_CIRCLED),
    lambda phone: phone.translate(_CHINESE),
)
"""Each turns 11 digits into a text."""


def masked(phone: str) -> str:
    """The number as some channels hand it over: never complete, never a key."""
    return f"{phone[:3]}****{phone[7:]}"
