"""What helps a person with an item in quarantine, and when too many are there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

from servicekit.masking import MASK, mask_phone

from lead_intake.domain.leads import QuarantineReason
from lead_intake.domain.masked_values import is_personal_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ALARM_WINDOW: Final = timedelta(minutes=15)
ALARM_SHARE: Final = 0.2
ALARM_COUNT_MIN: Final = 10
"""An alarm is raised when ten items and a fifth of an account's last quarter of an hour wait for a person."""

RULES_DECIDE: Final = frozenset(
    {
        QuarantineReason.UNDECODABLE,
        QuarantineReason.UNMAPPED_FIELD_REQUIRED,
        QuarantineReason.NO_CONTACT_POINT,
        QuarantineReason.UNKNOWN_EVENT,
        QuarantineReason.TYPE_MISMATCH,
    }
)
"""Reasons that follow from a body and the rules alone: the same rules would say the same again."""

SUGGESTIONS_MAX: Final = 20
LEAVES_MAX: Final = 500
DEPTH_MAX: Final = 12
SIMILAR_FROM: Final = 0.7

_ALIASES: Final = {
    "phones": (
        "mobile", "phone", "tel", "telephone", "telphone", "cellphone", "cell", "mobilephone", "mobileno",
        "phonenumber", "phoneno", "contactphone", "contactnumber", "contactmobile",
        "手机", "手机号", "手机号码", "电话", "电话号码", "联系电话", "联系方式",
    ),
    "email": ("email", "mail", "emailaddress", "workemail", "contactemail", "邮箱", "电子邮箱", "邮件"),
    "wechat": ("wechat", "weixin", "wechatid", "wechatno", "wechataccount", "wxid", "微信", "微信号"),
    "name": ("name", "fullname", "username", "contactname", "customername", "姓名", "联系人", "称呼", "客户姓名"),
    "company": ("company", "companyname", "corp", "enterprise", "公司", "公司名称", "企业名称", "单位"),
}  # fmt: skip
_CONTACT: Final = ("phones", "email", "wechat")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A path at which something that is missing may be, and why: alias, similar or value."""

    name: str
    path: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Crowd:
    """What an account delivered lately, and how much of it waits for a person."""

    quarantined_count: int
    item_count: int

    @property
    def is_high(self) -> bool:
        """Whether it is time to raise an alarm."""
        return (
            self.quarantined_count >= ALARM_COUNT_MIN
            and self.quarantined_count >= ALARM_SHARE * self.item_count
        )

    @property
    def is_low(self) -> bool:
        """Whether an alarm is over: less than half of what raises one."""
        return self.quarantined_count < max(ALARM_COUNT_MIN / 2, ALARM_SHARE / 2 * self.item_count)


def suggestions(reason: QuarantineReason, detail: str, document: Any) -> list[Suggestion]:
    """Where in a body that which was missing may be, the likeliest first; `detail` is the place that was named."""
    leaves = list(_leaves(document, "", 0))[:LEAVES_MAX]
    if reason is QuarantineReason.NO_CONTACT_POINT:
        return _of_contact(leaves)
    if reason is not QuarantineReason.UNMAPPED_FIELD_REQUIRED:
        return []
    missing = [path.strip().strip('"') for path in detail.removeprefix("map/").split("||")]
    return _of_paths(missing, leaves)


def _of_contact(leaves: Sequence[tuple[str, Any]]) -> list[Suggestion]:
    found = [
        Suggestion(name, path, "value")
        for path, value in leaves
        if (name := _kind_of(value)) is not None
    ]
    found += [
        Suggestion(name, path, "alias")
        for name in _CONTACT
        for path, value in leaves
        if value and _plain(path) in _ALIASES[name]
    ]
    return found[:SUGGESTIONS_MAX]


def _of_paths(missing: Sequence[str], leaves: Sequence[tuple[str, Any]]) -> list[Suggestion]:
    found: dict[str, tuple[float, Suggestion]] = {}
    for wanted in missing:
        names = {_plain(wanted), *_aliases_of(_plain(wanted))}
        for path, _ in leaves:
            likeness = max(SequenceMatcher(None, name, _plain(path)).ratio() for name in names)
            evidence = "alias" if _plain(path) in names else "similar"
            if likeness >= SIMILAR_FROM and likeness > found.get(path, (0.0,))[0]:
                found[path] = (likeness, Suggestion(wanted, path, evidence))
    ranked = sorted(found.values(), key=lambda each: (-each[0], each[1].path))
    return [suggestion for _, suggestion in ranked[:SUGGESTIONS_MAX]]


def _aliases_of(name: str) -> tuple[str, ...]:
    for canonical, aliases in _ALIASES.items():
        if name == canonical or name in aliases:
            return aliases
    return ()


def _plain(path: str) -> str:
    """A path's last name without case and joints, so that `Contact-Phone` is `contactphone`."""
    last = path.rpartition(".")[2].removesuffix("[]").strip('"').lower()
    return "".join(each for each in last if each.isalnum())


def _kind_of(value: Any) -> str | None:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if "@" in text and "." in text.rpartition("@")[2]:
        return "email"
    return "phones" if len(text) <= 40 and mask_phone(text) != MASK else None


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if path:
        yield path, None if isinstance(value, dict | list) else value
    if depth >= DEPTH_MAX:
        return
    if isinstance(value, dict):
        for key, each in value.items():
            if not is_personal_key(str(key)):
                yield from _leaves(each, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list):
        for each in value[:1]:
            yield from _leaves(each, f"{path}[]", depth + 1)
