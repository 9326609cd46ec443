"""A message in the words of its recipient, before a medium gives it its form."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID


class Style(Enum):
    """How what comes from outside is made harmless."""

    PLAIN = "plain"
    MARKDOWN = "markdown"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Item:
    """One reminder: a title, a sentence, a card of labels and values, and the link that opens the record.

    Texts are escaped for one style; `url` is ours and needs no escaping. It may be empty.
    """

    send_id: UUID
    kind: str
    title: str
    text: str
    card: Sequence[tuple[str, str]]
    url: str
    pixel_url: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that one message says. `open_label` is what a link is called."""

    title: str
    items: Sequence[Item]
    open_label: str
    locale: str
