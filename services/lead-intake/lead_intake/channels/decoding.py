"""From an opened body's bytes to a document that paths can be read in: JSON, form fields, XML, an e-mail message."""

from __future__ import annotations

import email
import email.policy
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from defusedxml import DefusedXmlException, ElementTree

if TYPE_CHECKING:
    from email.message import EmailMessage
    from xml.etree.ElementTree import Element

FIELDS_MAX = 2000
TEXT_LENGTH_MAX = 20_000


class Undecodable(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A body is not of its channel's form."""


def decoded(kind: str, body: bytes) -> Any:
    """The document in a body; raises `Undecodable`."""
    try:
        match kind:
            case "json":
                return msgspec.json.decode(body)
            case "form":
                return _form(body)
            case "xml":
                return _xml(body)
            case _:
                return _email(body)
    except (
        msgspec.DecodeError,
        ElementTree.ParseError,
        DefusedXmlException,
        ValueError,
        LookupError,
        RecursionError,
    ) as error:
        raise Undecodable(kind) from error


def _form(body: bytes) -> dict[str, str]:
    """The fields of an urlencoded form, UTF-8 or else GB18030; the first of equal names stays."""
    try:
        pairs = _pairs(body, "utf-8")
    except UnicodeDecodeError:
        pairs = _pairs(body, "gb18030")
    return dict(reversed(pairs))


def _pairs(body: bytes, encoding: str) -> list[tuple[str, str]]:
    return parse_qsl(
        body.decode(encoding),
        keep_blank_values=True,
        max_num_fields=FIELDS_MAX,
        encoding=encoding,
        errors="strict",
    )


def _xml(body: bytes) -> Any:
    """An element's children by name, texts as they are; several children of one name become a list."""
    return _content(ElementTree.fromstring(body, forbid_dtd=True))


def _content(element: Element) -> Any:
    if len(element) == 0:
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        value = _content(child)
        if child.tag not in found:
            found[child.tag] = value
        elif isinstance(found[child.tag], list):
            found[child.tag].append(value)
        else:
            found[child.tag] = [found[child.tag], value]
    return found


def _email(body: bytes) -> dict[str, str]:
    """What an RFC 5322 message says of its sender, and its text; attachments are not looked at."""
    message = email.message_from_bytes(body, policy=email.policy.default)
    name, address = parseaddr(str(message.get("From", "")))
    return {
        "from_name": name,
        "from_address": address,
        "to": parseaddr(str(message.get("To", "")))[1],
        "subject": str(message.get("Subject", "")),
        "message_id": str(message.get("Message-ID", "")).strip(),
        "date": str(message.get("Date", "")),
        "is_automatic": "" if _is_from_a_person(message) else "yes",
        "text": _text(message)[:TEXT_LENGTH_MAX],
    }


def _is_from_a_person(message: EmailMessage) -> bool:
    """Whether nothing in the head says that a machine answered (RFC 3834) or that delivery failed."""
    submitted = str(message.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    return submitted == "no" and message.get_content_type() != "multipart/report"


def _text(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    raw = part.get_payload(decode=True)
    charset = part.get_content_charset("utf-8")
    if not isinstance(raw, bytes):
        return ""
    # A message that calls its text GBK may hold characters of GB18030, which contains GBK.
    written = raw.decode("gb18030" if charset.startswith("gb") else charset, "replace")
    return _without_tags(written) if part.get_content_subtype() == "html" else written


def _without_tags(html: str) -> str:
    from html.parser import HTMLParser

    texts: list[str] = []
    parser = HTMLParser(convert_charrefs=True)
    parser.handle_data = texts.append  # type: ignore[method-assign,assignment]
    parser.feed(html)
    parser.close()
    return "\n".join(texts)
