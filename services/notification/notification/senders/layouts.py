"""The forms that several media share: Markdown, one line of text, a page of HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import escape

if TYPE_CHECKING:
    from notification.domain.letters import Item, Letter


def markdown_text(letter: Letter, *, bytes_max: int) -> str:
    """The letter as Markdown, its items one after the other, cut between items so that it fits."""
    text = f"**{letter.title}**"
    for item in letter.items:
        more = f"{text}\n\n{_markdown_item(item, letter)}"
        if len(more.encode()) > bytes_max:
            break
        text = more
    return shortened(text, bytes_max)


def plain_text(letter: Letter) -> str:
    """The letter as lines of plain text."""
    return "\n\n".join(
        "\n".join(
            [item.text, *(f"{label}: {value}" for label, value in item.card), item.url]
        ).rstrip()
        for item in letter.items
    )


def html_page(letter: Letter) -> str:
    """The letter as HTML; the items' texts are escaped already."""
    parts = [_html_item(item, letter) for item in letter.items]
    title = letter.title
    return (
        f'<!doctype html><html lang="{letter.locale}"><head><meta charset="utf-8">'
        f"<title>{title}</title></head><body>{''.join(parts)}</body></html>"
    )


def shortened(text: str, bytes_max: int) -> str:
    """The text, cut at a character so that it has no more bytes than that in UTF-8."""
    encoded = text.encode()
    if len(encoded) <= bytes_max:
        return text
    return encoded[: bytes_max - 3].decode(errors="ignore") + "…"


def _markdown_item(item: Item, letter: Letter) -> str:
    lines = [item.text, *(f"> {label}: {value}" for label, value in item.card)]
    if item.url:
        lines.append(f"[{letter.open_label}]({item.url})")
    return "\n".join(lines)


def _html_item(item: Item, letter: Letter) -> str:
    rows = "".join(
        f"<tr><th align=left>{escape(label)}</th><td>{value}</td></tr>"
        for label, value in item.card
    )
    link = (
        f'<p><a href="{escape(item.url)}">{escape(letter.open_label)}</a></p>' if item.url else ""
    )
    pixel = (
        f'<img src="{escape(item.pixel_url)}" width="1" height="1" alt="">'
        if item.pixel_url
        else ""
    )
    return f"<h3>{item.title}</h3><p>{item.text}</p><table>{rows}</table>{link}{pixel}"
