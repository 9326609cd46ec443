"""The words of reminders: templates rendered for a person, escaped for a medium."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import jinja2
from jinja2 import pass_context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from servicekit.documents import load_document

from notification.domain.letters import Item, Letter, Style
from notification.policies import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jinja2.runtime import Context
    from servicekit.documents import Document

    from notification.domain.kinds import Policy
    from notification.domain.people import Person
    from notification.domain.receipts import Beacons
    from notification.domain.sending import Bundle, Parcel

LOCALES = ("zh", "en")
VALUE_CHARS_MAX = 200

_Key = tuple[str, str, str]
"""A template's name, part and locale."""

_MARKS = "\\`*_{}[]()<>#|@~"
_FULL_WIDTH = {ord(mark): chr(ord(mark) + 0xFEE0) for mark in _MARKS}
"""Signs of markup become their full-width twins: no dialect of Markdown reads them, and people still do."""


class Words:
    """Everything that can be said. Raises `InvalidPolicy` for templates that cannot be read."""

    def __init__(self, beacons: Beacons, file: Path | None = None) -> None:
        document = load_document(PACKAGE, "templates", file)
        self._beacons = beacons
        self._labels: Mapping[str, Mapping[str, str]] = document.content["labels"]
        self._words: Mapping[str, Mapping[str, str]] = document.content["words"]
        self._sources = _sources(document)
        self._environments = {style: _environment(style, self._word) for style in Style}
        plain = _compiled(document, self._environments[Style.PLAIN], self._sources)
        self._templates: dict[Style, dict[_Key, jinja2.Template]] = {
            style: plain if style is Style.PLAIN else {} for style in Style
        }
        self._more = {loc: plain["", "more", loc] for loc in LOCALES}

    @property
    def names(self) -> frozenset[str]:
        """The templates that there are."""
        return frozenset(name for name, _, _ in self._sources if name)

    def letter(self, bundle: Bundle, person: Person, policy: Policy, style: Style) -> Letter:
        """What a message says to a person."""
        items = [self._item(parcel, person, policy, style) for parcel in bundle.parcels]
        title = items[0].title
        if len(items) > 1:
            title = self._more[person.locale].render(count=len(items))
        return Letter(title, items, self._labels["open"][person.locale], person.locale)

    def text(self, parcel: Parcel, person: Person, policy: Policy, *, locale: str) -> str:
        """A reminder's sentence, plain, in a language of the caller's choice."""
        return self._said("text", parcel, person, policy, (Style.PLAIN, locale))

    def url(self, parcel: Parcel) -> str:
        """The link that opens what a reminder is about, and tells us so."""
        return self._beacons.click_url(parcel.send_id)

    def _item(self, parcel: Parcel, person: Person, policy: Policy, style: Style) -> Item:
        how = (style, person.locale)
        return Item(
            send_id=parcel.send_id,
            kind=parcel.kind,
            title=self._said("title", parcel, person, policy, how),
            text=self._said("text", parcel, person, policy, how),
            card=list(self._card(parcel, person, policy, style)),
            url=self._beacons.click_url(parcel.send_id),
            pixel_url=self._beacons.pixel_url(parcel.send_id),
        )

    def _said(
        self, part: str, parcel: Parcel, person: Person, policy: Policy, how: tuple[Style, str]
    ) -> str:
        style, locale = how
        kind = policy.kinds.get(parcel.kind)
        name = kind.template if kind else parcel.kind
        template = self._template(style, (name, part, locale))
        return template.render(parcel.facts, locale_=locale, zone_=_zone_of(person, policy))

    def _template(self, style: Style, key: _Key) -> jinja2.Template:
        """Compiled at its first use: most styles are asked for few of their templates."""
        compiled = self._templates[style]
        if key not in compiled:
            _, source = self._sources[key]
            compiled[key] = _template_of(self._environments[style], source)
        return compiled[key]

    def _card(self, parcel: Parcel, person: Person, policy: Policy, style: Style) -> Any:
        clean = _CLEANERS[style]
        for name, value in parcel.facts.items():
            if value:
                label = self._labels.get(name, {}).get(person.locale, name)
                shown = value
                if name.endswith("_at"):
                    shown = clock(value, _zone_of(person, policy))
                yield label, clean(self._words.get(shown, {}).get(person.locale, shown))

    @pass_context
    def _word(self, context: Context, value: str) -> str:
        return self._words.get(value, {}).get(context["locale_"], value)


def _zone_of(person: Person, policy: Policy) -> ZoneInfo:
    return ZoneInfo(person.zone) if person.zone else policy.zone


def clock(value: str, zone: ZoneInfo) -> str:
    """A time in ISO 8601 as people of `zone` say it, such as 02-07 14:05; empty for none."""
    if not value:
        return ""
    local = datetime.fromisoformat(value).astimezone(zone)
    return f"{local.month:02d}-{local.day:02d} {local.hour:02d}:{local.minute:02d}"


def plain(value: object) -> str:
    """A value on one line, without control and direction signs, 200 characters at most."""
    text = str(value)[:VALUE_CHARS_MAX]
    if text.isprintable():
        return text
    text = "".join(" " if c in "\r\n\t" else c for c in text)
    return "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"})


def markdown(value: object) -> str:
    """A plain value in which nothing is markup or a mention."""
    return plain(value).translate(_FULL_WIDTH)


def _html(value: object) -> str:
    from markupsafe import escape

    return str(escape(plain(value)))


_CLEANERS: Mapping[Style, Callable[[object], str]] = {
    Style.PLAIN: plain,
    Style.MARKDOWN: markdown,
    Style.HTML: _html,
}


@pass_context
def _clock(context: Context, value: str) -> str:
    return clock(value, context["zone_"])


def _environment(style: Style, word: Callable[..., str]) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        autoescape=style is Style.HTML,
        finalize=markdown if style is Style.MARKDOWN else plain,
        undefined=jinja2.ChainableUndefined,
    )
    environment.filters |= {"clock": _clock, "word": word}
    return environment


def _sources(document: Document) -> dict[_Key, tuple[tuple[str, ...], str]]:
    """Where each template stands and what it says; `more` stands under no name."""
    content = document.content
    sources: dict[_Key, tuple[tuple[str, ...], str]] = {
        ("", "more", locale): (("labels", "more", locale), content["labels"]["more"][locale])
        for locale in LOCALES
    }
    for name, parts in content["templates"].items():
        for part, locale in product(("title", "text"), LOCALES):
            path = ("templates", name, part, locale)
            sources[name, part, locale] = (path, parts[part][locale])
    return sources


def _compiled(
    document: Document,
    environment: ImmutableSandboxedEnvironment,
    sources: Mapping[_Key, tuple[tuple[str, ...], str]],
) -> dict[_Key, jinja2.Template]:
    """Every template; raises `InvalidPolicy` for one that cannot be read."""
    compiled = {}
    for key, (where, source) in sources.items():
        try:
            compiled[key] = _template_of(environment, source)
        except jinja2.TemplateSyntaxError as error:
            raise document.fault(where, str(error.message)) from None
    return compiled


def _template_of(environment: ImmutableSandboxedEnvironment, source: str) -> jinja2.Template:
    """A template whose globals are a plain mapping: each rendering copies them, and of a chained one slowly."""
    template = environment.from_string(source)
    template.globals = dict(template.globals)
    return template
