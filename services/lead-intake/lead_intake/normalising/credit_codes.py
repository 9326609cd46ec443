"""Reads unified social credit codes (GB 32100-2015) and says what is wrong with them.

Hidden decision: nothing is guessed. The code knows no I, O, S, V and Z; where one stands, the person mistook 1 or 0 for
a letter or typed another number, and which of these is not ours to say.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from stdnum.cn import uscc

TEXT_LENGTH_MAX = 60
CODE_LENGTH = 18

_SEPARATORS = re.compile(r"[\s.\-_\u00ad\u2010-\u2015\u200b-\u200f\ufeff]+")
_LABEL = re.compile(r"(?:统一社会)?信用代码|(?:税号|纳税人识别号|uscc|no\.?)", re.IGNORECASE)
_ALPHANUMERIC = re.compile(r"[0-9A-Z]+")
_FOREIGN_LETTERS = re.compile(r"[IOSVZ]")
_ALPHABET = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")


class CodeFault(StrEnum):
    """Why a text is no valid code; a code without a fault is valid."""

    NONE = "none"
    EMPTY = "empty"
    NOT_A_CODE = "not_a_code"
    LENGTH = "length"
    LOOKALIKE_LETTER = "lookalike_letter"
    FORMAT = "format"
    CHECKSUM = "checksum"


@dataclass(frozen=True, slots=True)
class CreditCode:
    """A code as read: `code` is empty unless it is valid, `written` is what was typed, tidied, at most 40 signs."""

    code: str = ""
    fault: CodeFault = CodeFault.EMPTY
    written: str = ""

    def __repr__(self) -> str:
        return f"CreditCode({self.fault})"


_EMPTY = CreditCode()


def read_credit_code(text: str) -> CreditCode:
    """The code that a text is, or what is wrong with it."""
    if not text:
        return _EMPTY
    written = unicodedata.normalize("NFKC", text[:TEXT_LENGTH_MAX])
    if not written.isascii():
        written = _LABEL.sub("", written)
    written = _SEPARATORS.sub("", written).strip(":").upper()[:40]
    fault = _fault(written) if written else CodeFault.EMPTY
    return CreditCode(written if fault is CodeFault.NONE else "", fault, written)


def _fault(written: str) -> CodeFault:
    if not _ALPHANUMERIC.fullmatch(written):
        return CodeFault.NOT_A_CODE
    if len(written) != CODE_LENGTH:
        return CodeFault.LENGTH
    if _FOREIGN_LETTERS.search(written):
        return CodeFault.LOOKALIKE_LETTER
    if not _ALPHABET.fullmatch(written):
        return CodeFault.FORMAT
    is_right = uscc.calc_check_digit(written[:-1]) == written[-1]
    return CodeFault.NONE if is_right else CodeFault.CHECKSUM
