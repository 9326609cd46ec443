"""The compatibility guard: which clients would break if a document became the next version of a form.

Compatible is said only of what is proved: everything that a client may send by its form is contained in what the new
version accepts. What cannot be proved is undecided, and treated like breaking.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs
from jsonschema_rs import canonical

from lead_intake.domain import form_schemas
from lead_intake.domain.forms import (
    UNSTATED,
    Client,
    Form,
    FormVersion,
    Stage,
    Violation,
    judge,
    version_of,
)
from lead_intake.domain.schema_changes import Change, Effect, changes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lead_intake.domain.form_documents import FormDocument
    from lead_intake.domain.form_schemas import Schema

PLACES_SHOWN: Final = 5
_EFFECT_ORDER: Final = {Effect.BREAKING: 0, Effect.UNDECIDED: 1, Effect.HARMLESS: 2}


class Compatibility(IntEnum):
    """What is said of one kind of client; the greater, the worse."""

    UNAFFECTED = 0
    COMPATIBLE = 1
    UNDECIDED = 2
    BREAKING = 3


@dataclass(frozen=True, slots=True)
class ClientVerdict:
    """What the rules say about one kind of client; breaking changes first."""

    client: str
    old_version: int
    new_version: int
    compatibility: Compatibility
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class FailingPlace:
    """A place at which replayed deliveries would fail, and how many."""

    violation: Violation
    count: int


@dataclass(frozen=True, slots=True)
class ReplayVerdict:
    """What replaying stored deliveries of one kind of client showed; nothing of their values."""

    client: str
    checked_count: int
    failing_count: int
    places: tuple[FailingPlace, ...]

    @property
    def failing_ratio(self) -> float:
        """Share of the deliveries that would fail, 0 to 1."""
        return self.failing_count / self.checked_count if self.checked_count else 0.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One stored delivery: who sent it and its fields. `repr` reveals nothing."""

    client: Client
    fields: Any

    def __repr__(self) -> str:
        return "Sent(***)"


def with_next(form: Form, document: FormDocument) -> Form:
    """The form as it would be when the document judges all of its traffic."""
    number = next_number(form)
    versions = {**form.versions, number: FormVersion(number, Stage.LIVE, document)}
    oldest = max(form.oldest_supported, document.oldest_supported)
    return replace(
        form,
        versions=versions,
        live_version=number,
        canary_version=0,
        oldest_supported=min(oldest, number),
        _validators={},
    )


def next_number(form: Form) -> int:
    """The number of the next version."""
    return max(form.versions, default=0) + 1


def check_clients(form: Form, document: FormDocument, in_use: Iterable[str]) -> list[ClientVerdict]:
    """What the rules say about every kind of client: each version's own, and those that are in use."""
    following = with_next(form, document)
    if not form.live_version:
        return []
    clients = {client.label: client for client in (Client(version=each) for each in sorted(in_use))}
    every = {**_kinds_of_clients(form), **clients, UNSTATED: Client()}
    return [_verdict(form, following, label, client) for label, client in every.items()]


def _kinds_of_clients(form: Form) -> dict[str, Client]:
    """For each standing version, whoever states it and the first of its clients."""
    found: dict[str, Client] = {}
    for each in form.standing:
        stating = Client(form_version=each.version)
        found[stating.label] = stating
        first = each.document.min_client
        label = f"clients from {first}" if first else "clients of any version"
        found[label] = Client(version=first or "0")
    return found


def _verdict(form: Form, following: Form, label: str, client: Client) -> ClientVerdict:
    before, after = version_of(form, client), version_of(following, client)
    own = client.form_version if client.form_version in form.versions else None
    if before == after:
        return ClientVerdict(label, before, after, Compatibility.UNAFFECTED)
    old = form.schema_for(before, own or before)
    new = following.schema_for(after, own or after)
    compatibility, found = compare(old, new)
    return ClientVerdict(label, before, after, compatibility, found)


def compare(old: Schema, new: Schema) -> tuple[Compatibility, tuple[Change, ...]]:
    """Whether everything that a client sends by `old` is valid by `new`, and what differs, breaking changes first."""
    contained = contains(new, form_schemas.sent_by(old))
    found = [_in_the_light_of(change, contained) for change in changes(old, new)]
    has_culprit = any(change.effect is Effect.BREAKING for change in found)
    if contained == canonical.Containment.YES:
        return Compatibility.COMPATIBLE, _sorted(found)
    if contained == canonical.Containment.NO:
        if not has_culprit:
            found.append(Change("", "narrowed", Effect.BREAKING, "something valid becomes invalid"))
        return Compatibility.BREAKING, _sorted(found)
    verdict = Compatibility.BREAKING if has_culprit else Compatibility.UNDECIDED
    return verdict, _sorted(found)


def contains(outer: Schema, inner: Schema) -> canonical.Containment:
    """Whether `outer` is proved to accept all that `inner` accepts; unknown when nothing is proved."""
    try:
        wide = jsonschema_rs.canonicalize(_dated(outer), pattern_options=form_schemas.PATTERNS)
        narrow = jsonschema_rs.canonicalize(_dated(inner), pattern_options=form_schemas.PATTERNS)
        return wide.covers(narrow)
    except ValueError:
        return canonical.Containment.UNKNOWN


class Replay:
    """Judges stored deliveries as the document would; only what is valid today can come to fail."""

    def __init__(self, form: Form, document: FormDocument) -> None:
        self._form = form
        self._following = with_next(form, document)
        self._checked: Counter[str] = Counter()
        self._failing: Counter[str] = Counter()
        self._places: dict[str, Counter[Violation]] = {}

    def add(self, sent: Sent) -> None:
        """Judges one delivery."""
        label = sent.client.label
        self._checked[label] += 1
        found = judge(self._following, sent.client, sent.fields).violations
        if found and self._is_valid_today(sent):
            self._failing[label] += 1
            self._places.setdefault(label, Counter()).update(found)

    def verdicts(self) -> list[ReplayVerdict]:
        """What was found, for each kind of client."""
        return [
            ReplayVerdict(
                label, count, self._failing[label], _top(self._places.get(label, Counter()))
            )
            for label, count in sorted(self._checked.items())
        ]

    def _is_valid_today(self, sent: Sent) -> bool:
        return not self._form.live_version or judge(self._form, sent.client, sent.fields).is_ok


def _top(counted: Counter[Violation]) -> tuple[FailingPlace, ...]:
    return tuple(FailingPlace(place, count) for place, count in counted.most_common(PLACES_SHOWN))


def _in_the_light_of(change: Change, contained: canonical.Containment) -> Change:
    """A change that looks harmful and is proved not to be is harmless."""
    if contained != canonical.Containment.YES or change.effect is Effect.HARMLESS:
        return change
    return replace(
        change, effect=Effect.HARMLESS, reason=f"{change.reason}; no such client can meet it"
    )


def _sorted(found: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(sorted(found, key=lambda change: (_EFFECT_ORDER[change.effect], change.pointer)))


def _dated(schema: Schema) -> Schema:
    return {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}
