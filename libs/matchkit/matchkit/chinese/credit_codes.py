"""Unified social credit codes of organisations (GB 32100): eighteen characters, the last a check."""

from functools import lru_cache

from stdnum.cn import uscc

from matchkit.chinese.script import fold


@lru_cache(maxsize=65536)
def read(raw: str) -> str | None:
    """The eighteen characters in upper case; None when their shape or check is wrong."""
    code = fold(raw).replace(" ", "").replace("-", "").upper()
    return code if len(code) == 18 and uscc.is_valid(code) else None
