"""Transforms of shapes that vendors put values in: pairs, columns, JSON in a string, addresses with a query.

Each takes any decoded value and never raises; what it returns is bounded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

import msgspec

from lead_intake.channels.nesting import is_too_deep
from lead_intake.channels.plain_values import TEXT_LENGTH_MAX, text, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ANSWERS_MAX = 40
ANSWER_LENGTH_MAX = 500
CLICK_IDS_MAX = 10
CLICK_ID_LENGTH_MAX = 500
PURPOSES_MAX = 10
PHONES_MAX = 5
JSON_LENGTH_MAX = 65_536
SEARCHED_LENGTH_MAX = 4000

CLICK_IDS: Final = frozenset(
    {"bd_vid", "gclid", "gbraid", "wbraid", "msclkid", "qhclickid", "sogouclickid", "fbclid", "ttclid", "clickid",
     "gdt_vid", "qz_gdt", "xhs_click_id"}
)  # fmt: skip
"""Parameters by which advertisers' platforms know a click again."""

_WHO_THEY_ARE: Final = frozenset(
    {"name", "full_name", "first_name", "last_name", "contact_name", "username", "mobile", "phone", "tel", "telephone",
     "phone_number", "contact_phone", "work_phone_number", "email", "mail", "work_email", "wechat", "weixin",
     "company", "company_name", "uscc", "tax_no", "姓名", "您的姓名", "称呼", "联系人", "手机号", "手机", "手机号码",
     "电话", "联系电话", "邮箱", "电子邮箱", "微信", "微信号", "公司", "公司名称", "企业名称", "统一社会信用代码",
     "税号"}
)  # fmt: skip
_DUMMY_PREFIX = "<test lead:"
_MOBILE = r"(?:\+?86[- ]?)?1[3-9]\d[- ]?(?:\d{4}|\*{4})[- ]?\d{4}"
_LANDLINE = r"\(?0\d{2,3}\)?[- ]?\d{3,4}[- ]?\d{4}(?:\s*(?:转|分机|ext\.?|-)\s*\d{1,6})?"
_PHONES = re.compile(
    rf"(?<![\d*.]){_MOBILE}(?![\d*])|(?<![\d*.]){_LANDLINE}(?![\d*])", re.IGNORECASE
)
_CLICKS = re.compile(rf"[?&]({'|'.join(sorted(CLICK_IDS))})=([^&#]{{1,{CLICK_ID_LENGTH_MAX}}})")
_SCENE = "qrscene_"


def name_value_pairs(value: Any) -> dict[str, Any]:
    """`[{name, values: [...]}]` as a dictionary of each name's values; the first of equal names stays."""
    pairs: dict[str, Any] = {}
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            pairs.setdefault(entry["name"].lower(), entry.get("values", entry.get("value")))
    return pairs


def columns(value: Any) -> dict[str, Any]:
    """Google's `[{column_id, string_value}]` as a dictionary by the id in lower case."""
    found: dict[str, Any] = {}
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            name = text(entry.get("column_id") or entry.get("column_name")).lower()
            found.setdefault(name, entry.get("string_value"))
    return found


def bitable_fields(value: Any) -> dict[str, Any]:
    """飞书's `[{field_id, field_value}]` as a dictionary by field; a value is JSON in a string, of texts or parts."""
    found: dict[str, Any] = {}
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("field_id"), str):
            found[entry["field_id"]] = _bitable_value(entry.get("field_value"))
    return found


def json_object(value: Any) -> dict[str, Any]:
    """An object, given as one or as JSON in a string; empty for everything else."""
    found = _json(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def answers(value: Any) -> dict[str, str]:
    """Questions and what was answered, of an object or of pairs; without those that say who somebody is."""
    found: dict[str, str] = {}
    for name, given in _questions(value):
        if name in _WHO_THEY_ARE or name.lower() in _WHO_THEY_ARE:
            continue
        if name and (answer := _answer(given)):
            found.setdefault(name[:TEXT_LENGTH_MAX], answer)
            if len(found) == ANSWERS_MAX:
                break
    return found


def purposes(value: Any) -> tuple[str, ...]:
    """What a consent is for; empty when it does not say."""
    given = value if isinstance(value, list) else [value]
    return tuple(word for each in given[:PURPOSES_MAX] if (word := text(each)))


def click_ids(value: Any) -> dict[str, str]:
    """The click ids in the query of a page's address, or the texts of an object of them."""
    if isinstance(value, dict):
        texts = {str(name)[:40]: written(each).strip() for name, each in value.items()}
        named = {name: each[:CLICK_ID_LENGTH_MAX] for name, each in texts.items() if each}
        return dict(list(named.items())[:CLICK_IDS_MAX])
    if not isinstance(value, str) or "?" not in value:
        return {}
    return {name: unquote_plus(found) for name, found in _CLICKS.findall(value)[:CLICK_IDS_MAX]}


def of_query(name: str) -> Callable[[Any], str]:
    """What gives one parameter of a page's address, such as `utm_campaign`."""
    pattern = re.compile(rf"[?&]{name}=([^&#]{{0,{TEXT_LENGTH_MAX}}})")

    def parameter(value: Any) -> str:
        is_there = isinstance(value, str) and name in value
        found = pattern.search(value) if is_there else None
        return unquote_plus(found[1]).strip()[:TEXT_LENGTH_MAX] if found else ""

    return parameter


def joined_place(value: Any) -> str:
    """A place whose parts are joined by `+`, `-` or `/`, as one text."""
    return re.sub(r"\s*[+/\-|]\s*", "", text(value))


def scene(value: Any) -> str:
    """What a scanned code stands for, without WeChat's prefix."""
    return text(value).removeprefix(_SCENE)


def phones_in_text(value: Any) -> str:
    """The phone numbers in a message, kept apart by `/`."""
    return "/".join(_PHONES.findall(written(value)[:SEARCHED_LENGTH_MAX])[:PHONES_MAX])


def facebook_dummy(value: Any) -> bool:
    """Whether prepared answers are those of Facebook's lead testing tool."""
    if not isinstance(value, dict):
        return False
    return any(text(answer).lower().startswith(_DUMMY_PREFIX) for answer in value.values())


def _questions(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        return value.items()
    return [
        (text(entry.get("name") or entry.get("label")), entry.get("value"))
        for entry in (value if isinstance(value, list) else ())
        if isinstance(entry, dict)
    ]


def _answer(given: Any) -> str:
    if isinstance(given, str):
        return given[:ANSWER_LENGTH_MAX].strip()
    if isinstance(given, list):
        return "、".join(filter(None, map(written, given[:10])))[:ANSWER_LENGTH_MAX]
    if isinstance(given, bool):
        return "是" if given else "否"
    return str(given)[:ANSWER_LENGTH_MAX] if isinstance(given, int | float) else ""


def _bitable_value(given: Any) -> Any:
    found = _json(given) if isinstance(given, str) else given
    if isinstance(found, list):
        parts = [each.get("text", "") if isinstance(each, dict) else each for each in found]
        return "".join(map(written, parts))
    return given if found is None else found


def _json(given: str) -> Any:
    """What is in a string of JSON; None when it is none, too long or too deep."""
    if len(given) > JSON_LENGTH_MAX or is_too_deep(given.encode(errors="replace")):
        return None
    try:
        return msgspec.json.decode(given)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
