"""Reads e-mail addresses.

Hidden decision: what is repaired and what is only flagged. Case, width and an international domain have one right form;
a mistyped domain has a likely one, but a mail to the wrong stranger is worse than none.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

TEXT_LENGTH_MAX = 254
LOCAL_LENGTH_MAX = 64
LABEL_LENGTH_MAX = 63

_PLAIN_LENGTH_MAX = 63
_PLAIN = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"
)
_AROUND = re.compile(r"^(?:mailto:|<|\s)+|[>\s.,;]+$", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_TOP_LEVEL = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]+")

_LIKELY_DOMAINS = {
    wrong: right
    for right, wrongs in {
        "163.com": "163.con 163.cm 163.cn 136.com 163.co 163.comm 1633.com",
        "126.com": "126.con 126.cm 126.cn 126.co",
        "qq.com": "qq.con qq.cm qq.cn qq.co q.com qqq.com qq.comm qq.om",
        "gmail.com": "gmail.con gmail.cm gmail.cn gmail.co gmial.com gmai.com gamil.com gmal.com gmaill.com gnail.com",
        "outlook.com": "outlook.con outlook.cn outlok.com outloook.com",
        "hotmail.com": "hotmail.con hotmail.cn hotmial.com hotmal.com hotmai.com",
        "sina.com": "sina.con sina.cm",
        "foxmail.com": "foxmail.con foxmail.cn foxmai.com foxmial.com",
        "yahoo.com": "yahoo.con yaho.com yahooo.com",
        "icloud.com": "icloud.con iclould.com icould.com",
        "139.com": "139.con 139.cn",
        "aliyun.com": "aliyun.con aliyum.com",
    }.items()
    for wrong in wrongs.split()
}


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An address as read.

    `address` is in lower case with its domain in IDNA, and empty where the text is none. `likely_domain` is what the
    domain was probably meant to be; the address itself is never corrected.
    """

    address: str = ""
    likely_domain: str = ""

    def __repr__(self) -> str:
        return f"EmailAddress({'***' if self.address else ''})"

    @property
    def is_mistyped(self) -> bool:
        """Whether the domain is a common slip of the fingers."""
        return bool(self.likely_domain)


_NONE = EmailAddress()


def read_email(text: str) -> EmailAddress:
    """The address that a text is; without one where it is none, or longer than 254 characters."""
    plain = text.lower()
    if len(plain) <= _PLAIN_LENGTH_MAX and _PLAIN.fullmatch(plain) and text.isascii():
        return EmailAddress(plain, _LIKELY_DOMAINS.get(plain.rpartition("@")[2], ""))
    if "@" not in text and "\uff20" not in text and "\ufe6b" not in text:
        return _NONE
    if len(text) > TEXT_LENGTH_MAX:
        return _NONE
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text).replace("。", "."))
    local, _, domain = _AROUND.sub("", text).lower().rpartition("@")
    domain = _ascii_domain(domain)
    if not domain or not _is_local(local) or len(local) + len(domain) >= TEXT_LENGTH_MAX:
        return _NONE
    return EmailAddress(f"{local}@{domain}", _LIKELY_DOMAINS.get(domain, ""))


def _is_local(local: str) -> bool:
    is_dotted_oddly = local.startswith(".") or local.endswith(".") or ".." in local
    return len(local) <= LOCAL_LENGTH_MAX and not is_dotted_oddly and bool(_LOCAL.fullmatch(local))


def _ascii_domain(domain: str) -> str:
    """The domain in IDNA; empty when it is none."""
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return ""
    labels = domain.split(".")
    if len(labels) < len(("name", "com")) or not _TOP_LEVEL.fullmatch(labels[-1]):
        return ""
    are_fit = all(len(label) <= LABEL_LENGTH_MAX and _LABEL.fullmatch(label) for label in labels)
    return domain if are_fit else ""
