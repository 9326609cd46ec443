"""By which rules an account is served: its channel's, changed by its template, changed by its own mapping.

Hidden decision: order and versions. A template replaces its channel; the account's own mapping is laid over the result.
Shipped files count their versions up to 999, mappings of accounts from 1000, so one number says which it was.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import yaml
from accesskit.canonical import NotCanonical, canonical_json
from servicekit.errors import Invalid

from lead_intake.channels.channel_files import (
    SHIPPED_VERSION_MAX,
    InvalidChannelFile,
    load_templates,
    overridden,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lead_intake.channels.channel_files import ChannelFile
    from lead_intake.store.accounts import SealedAccount

FIRST_VERSION = SHIPPED_VERSION_MAX + 1
DOCUMENT_CHARS_MAX = 65_536
SHARED_PARTS = (yaml.AnchorToken, yaml.AliasToken)


class NotServable(ValueError):  # noqa: N818 - errors are named by what is wrong
    """An account's template or mapping no longer fits what is installed; the text says where."""


class Catalogue:
    """What is installed: channels, and templates of channels."""

    def __init__(
        self,
        channels: Mapping[str, ChannelFile],
        templates: Mapping[str, ChannelFile] | None = None,
    ) -> None:
        self.channels = channels
        self.templates = load_templates() if templates is None else templates

    def base(self, channel: str, template: str) -> ChannelFile:
        """The channel or the template of it; raises `NotServable` when it is not installed."""
        found = self.templates.get(template) if template else self.channels.get(channel)
        if found is None or found.channel != channel:
            raise NotServable(f"{template or channel} is not installed")
        return found

    def rules_of(self, account: SealedAccount) -> ChannelFile:
        """What an account is served by; raises `NotServable`."""
        rules = self.base(account.channel, account.template)
        if account.mapping_version is not None and account.mapping_document is not None:
            changes = msgspec.json.decode(account.mapping_document)
            rules = changed(rules, changes, version=account.mapping_version)
        if account.rps is not None:
            door = replace(rules.door, rps=account.rps, burst=max(1, int(account.rps * 2)))
            rules = replace(rules, door=door)
        return rules


def changed(base: ChannelFile, changes: Mapping[str, Any], *, version: int) -> ChannelFile:
    """The rules with an account's changes; raises `NotServable` with the place and the reason."""
    try:
        return overridden(base, changes, version=version)
    except InvalidChannelFile as error:
        raise NotServable(str(error)) from error


def read_changes(text: str) -> dict[str, Any]:
    """An account's changes as YAML or JSON states them; raises `Invalid`.

    References inside the document are refused: a few of them make a small text huge.
    """
    if len(text) > DOCUMENT_CHARS_MAX:
        raise Invalid(f"a mapping has at most {DOCUMENT_CHARS_MAX} characters")
    try:
        has_anchors = any(isinstance(token, SHARED_PARTS) for token in yaml.scan(text))
        changes = None if has_anchors else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Invalid(f"a mapping is YAML or JSON{_place(error)}") from None
    if has_anchors:
        raise Invalid("a mapping has no anchors")
    if not isinstance(changes, dict):
        raise Invalid("a mapping is an object of parts of a channel file")
    return changes


def written(changes: Mapping[str, Any]) -> tuple[str, bytes]:
    """The one written form of changes, and its SHA-256; raises `Invalid`."""
    try:
        document = canonical_json(changes)
    except NotCanonical as error:
        raise Invalid(str(error)) from None
    return document.decode(), hashlib.sha256(document).digest()


def _place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return "" if mark is None else f"; line {mark.line + 1}, column {mark.column + 1}"
