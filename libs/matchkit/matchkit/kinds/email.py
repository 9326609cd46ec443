"""Electronic mail addresses; the domain part is compared without case, and so is the local part."""

from __future__ import annotations

import re
import unicodedata

from rapidfuzz.distance import OSA

from matchkit.kinds.kind import Kind, itself, whole

LEVELS = ("exact", "one_slip", "same_mailbox_name", "differs")
LENGTH_MAX = 254
MAILBOX_LENGTH_MIN = 4

_edits = OSA.distance


def normalise(raw: str) -> str | None:
    """Lower case, without `mailto:`, angle brackets or a `+tag`; None when it is no address."""
    if _PLAIN.fullmatch(raw) and len(raw) <= LENGTH_MAX:
        return raw
    text = raw.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold().removeprefix("mailto:").strip(" <>")
    mailbox, at, domain = text.rpartition("@")
    mailbox = mailbox.partition("+")[0] or mailbox
    if not at or not mailbox or "." not in domain or len(text) > LENGTH_MAX or " " in text:
        return None
    return f"{mailbox}@{domain}"


def compare(a: str, b: str) -> int:
    """Index into `LEVELS`; a mailbox name of fewer than four letters says nothing by itself."""
    if a == b:
        return 0
    if _edits(a, b, score_cutoff=1) <= 1:
        return 1
    mine, theirs = a.rpartition("@")[0], b.rpartition("@")[0]
    return 2 if mine == theirs and len(mine) >= MAILBOX_LENGTH_MIN else 3


def mailbox(value: str) -> tuple[str, ...]:
    """What stands before the at sign, when it is long enough to tell people apart."""
    name = value.rpartition("@")[0]
    return (name,) if len(name) >= MAILBOX_LENGTH_MIN else ()


_PLAIN = re.compile(r"[a-z0-9._-]+@[a-z0-9-]+\.[a-z0-9.-]+")
"""What is written as it is compared already."""

EMAIL = Kind(
    name="email",
    levels=LEVELS,
    normalise=normalise,
    compare=compare,
    term=itself,
    parts={"value": whole, "mailbox": mailbox},
)
