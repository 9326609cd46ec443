"""Reads company names: the name by which two spellings of one company are the same, its legal form, its branch.

Hidden decision: what belongs to the core. The place in front stays (深圳 and 上海 companies of one name are two), in
brackets or not; the legal form and the branch behind it go into fields of their own.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

TEXT_LENGTH_MAX = 120

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_PLAIN = re.compile(r"[\u3400-\u9fffA-Za-z0-9]+")  # what compatibility forms leave as it is
_BRACKETS = str.maketrans("\u3014\u3015【】[]{}《》「」\uff08\uff09", "()()()()()()()")
_BESIDE_CHINESE = re.compile(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])")
_SPACES_AND_BRACKETS = re.compile(r"[\s()]+")
_BRACKETED = re.compile(r"\(([^()]*)\)")
_BRANCHES = (
    "分公司", "分行", "支行", "分厂", "分店", "办事处", "营业部", "分部", "分所", "代表处", "事业部",
)  # fmt: skip
_CHINESE_BRANCH = re.compile(
    r"^(.+?(?:公司|集团|厂|中心|行|社|所|\)))\s*([^()]{0,30}?(?:" + "|".join(_BRANCHES) + "))$"
)
_CHINESE_FORM = re.compile(
    r"(集团股份有限公司|集团有限责任公司|集团有限公司|股份有限公司|有限责任公司|有限公司|集团公司|总公司|分公司|股份公司|合作社联合社"
    r"|专业合作社|合作社|集团|个体工商户|工作室|事务所|经营部|商行|公司|总厂|工厂|厂)$"
)
_PARTNERSHIP = re.compile(r"\((有限合伙|普通合伙|特殊普通合伙|个人独资|个体工商户)\)$")
_LATIN_FORM = re.compile(
    r"[\s,]+((?:co\.?\s*,?\s*)?(?:ltd|limited|inc|incorporated|corp|corporation|llc|llp|plc)\.?|co\.?|company|gmbh"
    r"|ag|kg|s\.?a\.?|s\.?a\.?r\.?l\.?|s\.?r\.?l\.?|b\.?v\.?|pty\.?\s*ltd\.?|pte\.?\s*ltd\.?|k\.?k\.?|oy|ab)$",
    re.IGNORECASE,
)
_LATIN_SPELLINGS = {
    "limited": "ltd", "coltd": "ltd", "colimited": "ltd", "incorporated": "inc", "corporation": "corp",
    "company": "co",
}  # fmt: skip
_NOT_A_NAME = re.compile(
    r"(?:无|没有|暂无|个人|保密|测试|test|none|null|n/?a|no|公司|xx*公司|某公司|[\d\W_]*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class CompanyName:
    """A company's name as read.

    `name` is the whole name tidied, `core` what identifies it, `legal_form` such as 有限公司 or ltd, `branch` such as
    上海分公司. All are empty where the text is no name, such as 个人 or 无.
    """

    name: str = ""
    core: str = ""
    legal_form: str = ""
    branch: str = ""

    def __repr__(self) -> str:
        return f"CompanyName({'***' if self.name else ''})"


_NONE = CompanyName()


def company_name(text: str) -> str:
    """The whole name, tidied, of the company that a text names; empty where it is no name."""
    name = _tidied(text[:TEXT_LENGTH_MAX])
    return "" if _NOT_A_NAME.fullmatch(name) else name


def read_company(text: str) -> CompanyName:
    """The company that a text names, and the parts of its name."""
    name = company_name(text)
    if not name:
        return _NONE
    rest, branch = _without_branch(name)
    rest, form = _without_form(rest)
    core = _BRACKETED.sub(r"\1", rest)
    core = _SPACES_AND_BRACKETS.sub("", core) if not core.isascii() else " ".join(core.split())
    return CompanyName(name, core.strip(" ,.").lower() or name.lower(), form, branch)


def _tidied(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_BRACKETS)
        text = _BESIDE_CHINESE.sub("", text)
        text = unicodedata.normalize("NFKC", text)  # an accent may have lost the space before it
    return " ".join(text.split())[:TEXT_LENGTH_MAX].strip(" ,;、。")


def _without_branch(name: str) -> tuple[str, str]:
    found = _CHINESE_BRANCH.match(name) if name.endswith(_BRANCHES) else None
    return (found[1], found[2]) if found else (name, "")


def _without_form(name: str) -> tuple[str, str]:
    if found := _PARTNERSHIP.search(name):
        return name[: found.start()], found[1]
    if found := _CHINESE_FORM.search(name):
        return name[: found.start()], found[1]
    if found := _LATIN_FORM.search(name):
        spelled = re.sub(r"[\s.,]+", "", found[1].lower())
        return name[: found.start()], _LATIN_SPELLINGS.get(spelled, spelled)
    return name, ""
