"""Pages as bytes and headers: rendered from templates that escape everything, with nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import jinja2
from markupsafe import Markup

from lead_intake.webforms.fields import Filled, controls_of
from lead_intake.webforms.words import DOC_ID, rule_text, words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lead_intake.domain.forms import FormVersion, Violation

_PACKAGE: Final = "lead_intake.webforms"


class Answer(NamedTuple):
    """A complete answer: `refused` is the metric's reason when it is a refusal."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    refused: str = ""
    is_accepted: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What a form's page shows: the words that were sent, which of them are wrong, and a word about the whole."""

    version: FormVersion
    action: str
    token: str
    language: str
    values: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    violations: tuple[Violation, ...] = ()
    has_consented: bool = False
    lacks_consent: bool = False
    notice: str = ""


class Pages:
    """Renders pages. Nothing in a page is fetched from elsewhere, and nothing in it runs."""

    def __init__(self) -> None:
        style = resources.files(_PACKAGE).joinpath("templates", "page.css").read_text("utf-8")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'"
        )
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader(_PACKAGE),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # The style is our own file; escaping would change its bytes and so its digest.
        self._templates.globals["style"] = Markup(style)  # noqa: S704

    def form(self, status: int, shown: Shown, *, refused: str = "") -> Answer:
        """A form's page; it may be framed by the origins of its document."""
        document, language = shown.version.document, shown.language
        errors = {
            _field_of(each.pointer): rule_text(each.rule, language) for each in shown.violations
        }
        filled = Filled(language, shown.values, errors)
        spoken = words(language)
        page = self._rendered(
            "form.html",
            language,
            title=document.title.said(language),
            action=shown.action,
            token=shown.token,
            controls=list(controls_of(document.schema, filled)),
            notice=document.notice.text.said(language),
            notice_of_page=shown.notice or (spoken["fix"] if shown.violations else ""),
            has_consented=shown.has_consented,
            consent_error=rule_text("consent", language) if shown.lacks_consent else "",
        )
        return Answer(status, page, self._headers(document.origins), refused)

    def message(
        self, status: int, about: str, language: str, *, frames: Collection[str] = (), **named: str
    ) -> Answer:
        """A page that says one thing: `about` names its words; `cause` and `again` may be given."""
        spoken = words(language)
        page = self._rendered(
            "message.html",
            language,
            title=spoken[f"{about}_title"],
            text=spoken[about],
            cause=named.get("cause", ""),
            again=named.get("again", ""),
            doc_id=DOC_ID,
        )
        return Answer(status, page, self._headers(frames), named.get("refused", ""))

    def _rendered(self, template: str, language: str, **named: Any) -> bytes:
        rendered = self._templates.get_template(template).render(
            language=language, words=words(language), **named
        )
        return rendered.encode("utf-8", "replace")

    def _headers(self, frames: Collection[str]) -> tuple[tuple[bytes, bytes], ...]:
        ancestors = " ".join(frames) or "'none'"
        policy = f"{self._policy}; frame-ancestors {ancestors}"
        return (
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", policy.encode("ascii")),
            (b"x-content-type-options", b"nosniff"),
            # With no-referrer a browser would post with the origin `null`.
            (b"referrer-policy", b"same-origin"),
            (b"cache-control", b"no-store"),
        )


def _field_of(pointer: str) -> str:
    """The pointer of the field that an element of a list belongs to."""
    head, _, tail = pointer.rpartition("/")
    return head if tail.isdecimal() and head else pointer
