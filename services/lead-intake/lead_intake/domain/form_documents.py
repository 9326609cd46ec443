"""Form documents: what is written, checked, approved and published as one version of a form."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from lead_intake.domain.form_schemas import InvalidSchema, check_schema

DOCUMENT_BYTES_MAX: Final = 128 * 1024
TEXT_LENGTH_MAX: Final = 4000
ORIGINS_MAX: Final = 50
LANGUAGES: Final = ("zh", "en")

_SLUG = re.compile(r"[a-z0-9_]{1,40}")
_NOTICE_VERSION = re.compile(r"[0-9A-Za-z._-]{1,40}")
_MIN_CLIENT = re.compile(r"(?:[vV]?\d{1,9}(?:\.\d{1,9}){0,5})?")


class InvalidDocument(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A form document cannot be published; the text names the place."""


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text in the languages of a page."""

    zh: str
    en: str = ""

    def said(self, language: str) -> str:
        """The text in a language; in Chinese where there is no other."""
        return self.en if language == "en" and self.en else self.zh


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The privacy notice a visitor consents to; `purposes` are kept with the consent."""

    version: str
    text: Texts
    purposes: tuple[str, ...] = ("contact",)


class FormDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of a form.

    `min_client` is the first client version that was built for it; empty when every client is. Versions below
    `oldest_supported` are retired with its publication (0: none). `origins` may show the page in a frame and post to
    it. `min_fill_s` is the least time in seconds in which a person fills it in.
    """

    schema: dict[str, Any]
    title: Texts
    notice: Notice
    min_client: str = ""
    oldest_supported: int = 0
    first_action: str = "form"
    origins: tuple[str, ...] = ()
    min_fill_s: float = 2.0


def read_document(text: str) -> FormDocument:
    """A document from its JSON; raises `InvalidDocument`."""
    if len(text.encode()) > DOCUMENT_BYTES_MAX:
        raise InvalidDocument(f"a document has at most {DOCUMENT_BYTES_MAX} bytes")
    try:
        document = msgspec.json.decode(text.encode(), type=FormDocument)
        check_schema(document.schema)
    except msgspec.MsgspecError as error:
        raise InvalidDocument(str(error)) from None
    except InvalidSchema as error:
        raise InvalidDocument(f"schema{error}") from None
    _check(document)
    return document


def sha256_of(text: str) -> bytes:
    """What a document is approved by: SHA-256 of its bytes in UTF-8."""
    return hashlib.sha256(text.encode()).digest()


def check_origin(origin: str) -> str:
    """The origin in the form that browsers send; raises `InvalidDocument`."""
    parts = urlsplit(origin)
    is_plain = origin == f"{parts.scheme}://{parts.netloc}" and origin == origin.lower()
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    if not (is_plain and is_web and re.fullmatch(r"[a-z0-9.:\[\]-]+", parts.netloc)):
        raise InvalidDocument("an origin is like https://www.example.com")
    return origin


def _check(document: FormDocument) -> None:
    _check_words(document)
    if len(document.origins) > ORIGINS_MAX:
        raise InvalidDocument(f"origins: at most {ORIGINS_MAX}")
    if not 0 <= document.min_fill_s <= 60 or document.oldest_supported < 0:
        raise InvalidDocument("min_fill_s is 0 to 60, oldest_supported not negative")
    for origin in document.origins:
        check_origin(origin)


def _check_words(document: FormDocument) -> None:
    if not _MIN_CLIENT.fullmatch(document.min_client):
        raise InvalidDocument("min_client: a version is like 3.2.7")
    if not _SLUG.fullmatch(document.first_action):
        raise InvalidDocument("first_action: 1 to 40 of a-z, 0-9 and _")
    if not _NOTICE_VERSION.fullmatch(document.notice.version):
        raise InvalidDocument("notice.version: 1 to 40 letters, digits, dots or dashes")
    texts = (document.title.zh, document.title.en, document.notice.text.zh, document.notice.text.en)
    if not document.title.zh or not document.notice.text.zh:
        raise InvalidDocument("title.zh and notice.text.zh must not be empty")
    if max(map(len, texts)) > TEXT_LENGTH_MAX:
        raise InvalidDocument(f"a text has at most {TEXT_LENGTH_MAX} characters")
