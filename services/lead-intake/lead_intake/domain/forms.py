"""Forms: their versions, which of them judges a delivery, and what it says.

A client is judged by the version it was built for: old apps go on working while a form grows.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NewType

import msgspec

from lead_intake.domain import form_schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

    import jsonschema_rs

    from lead_intake.domain.form_documents import FormDocument
    from lead_intake.domain.leads import AccountId

FormId = NewType("FormId", int)

VIOLATIONS_MAX: Final = 20
NUMBER_PARTS_MAX: Final = 6
UNSTATED: Final = "unstated"

_CLIENT = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+/ -]{0,39}")
_NUMBERS = re.compile(r"[vV]?(\d{1,9}(?:\.\d{1,9})*)")


class Arm(StrEnum):
    """Which side of a running canary a judgement counts for."""

    NONE = "none"
    OLD = "old"
    NEW = "new"


class Stage(StrEnum):
    """Where a version of a form stands."""

    CANARY = "canary"
    LIVE = "live"
    REPLACED = "replaced"
    ROLLED_BACK = "rolled_back"


class GuardMode(StrEnum):
    """What becomes of a browser's post without a valid render token, or from a foreign page."""

    OFF = "off"
    REPORT = "report"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class Violation:
    """A field that breaks a rule: its JSON pointer and the rule's keyword, never its value."""

    pointer: str
    rule: str


@dataclass(frozen=True, slots=True)
class Client:
    """What a client says of itself: the form version it was built for, or its own version; both may be unknown."""

    form_version: int | None = None
    version: str = ""

    @property
    def label(self) -> str:
        """What it is listed as: its own version, `form version 2`, or `unstated`."""
        if self.form_version is not None:
            return f"form version {self.form_version}"
        return self.version or UNSTATED


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a form says about a delivery. `failed` when the version under trial refused it, whatever became of it."""

    form: str
    version: int
    client: str
    violations: tuple[Violation, ...] = ()
    arm: Arm = Arm.NONE
    failed: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether the delivery may pass."""
        return not self.violations

    @property
    def detail(self) -> str:
        """The first violation, for whoever looks into the quarantine: pointer and rule."""
        return f"{self.violations[0].pointer} {self.violations[0].rule}" if self.violations else ""


@dataclass(frozen=True)
class FormVersion:
    """One published version; its document's `min_client` is the first client that was built for it."""

    version: int
    stage: Stage
    document: FormDocument

    @property
    def schema(self) -> form_schemas.Schema:
        """The schema of the fields."""
        return self.document.schema

    @cached_property
    def minimum(self) -> tuple[int, ...]:
        """`min_client` as numbers; empty for every client."""
        return numbers_of(self.document.min_client) or ()


@dataclass(frozen=True)
class Form:
    """One form with its versions by number. `live_version` is 0 before the first; `canary_version` 0 when none runs."""

    form_id: FormId
    name: str
    account_id: AccountId
    versions: Mapping[int, FormVersion]
    live_version: int = 0
    canary_version: int = 0
    canary_percent: int = 0
    oldest_supported: int = 1
    guard_mode: GuardMode = GuardMode.OFF
    exempt_origins: frozenset[str] = frozenset()
    _validators: dict[tuple[int, int], Judge] = field(default_factory=dict, repr=False)

    @cached_property
    def known_names(self) -> frozenset[str]:
        """Every field name that any version has."""
        return frozenset(
            name for each in self.versions.values() for name in form_schemas.names_in(each.schema)
        )

    @cached_property
    def standing(self) -> tuple[FormVersion, ...]:
        """The versions that judge: supported ones up to the live one, and the canary; oldest first."""
        return tuple(
            each
            for number, each in sorted(self.versions.items())
            if each.stage is not Stage.ROLLED_BACK
            and (
                self.oldest_supported <= number <= self.live_version
                or number == self.canary_version
            )
        )

    @cached_property
    def settled(self) -> tuple[FormVersion, ...]:
        """The same without the canary."""
        return tuple(each for each in self.standing if each.version != self.canary_version)

    def schema_for(self, judging: int, client: int) -> form_schemas.Schema:
        """The schema by which version `judging` judges a client that was built for version `client`."""
        own = form_schemas.fields_of(self.versions[client].schema)
        newer: dict[str, Any] = {}
        for number, each in sorted(self.versions.items()):
            if number > client and each.stage is not Stage.ROLLED_BACK:
                newer |= each.schema["properties"]
        newer = {name: part for name, part in newer.items() if name not in own}
        return form_schemas.judging(
            self.versions[judging].schema, newer=newer, unknown=newer.keys()
        )

    def judge_for(self, judging: int, client: int) -> Judge:
        """The compiled form of `schema_for`, remembered."""
        if (judging, client) not in self._validators:
            schema = self.schema_for(judging, client)
            self._validators[judging, client] = Judge(
                form_schemas.compiled(schema), self.known_names
            )
        return self._validators[judging, client]


@dataclass(frozen=True, slots=True)
class Judge:
    """A compiled schema; `known` are the names that may be shown."""

    validator: jsonschema_rs.Draft202012Validator
    known: frozenset[str]

    def violations(self, fields: Any) -> tuple[Violation, ...]:
        """What is wrong with the fields, at most twenty places; nothing of their values."""
        if self.validator.is_valid(fields):
            return ()
        found: dict[Violation, None] = {}
        for error in self.validator.iter_errors(fields):
            found[_violation(error, self.known)] = None
            if len(found) >= VIOLATIONS_MAX:
                break
        return tuple(found)


def judge(form: Form, client: Client, fields: Any, *, bucket: float = 1.0) -> Verdict:
    """What the form says about a client's fields.

    `bucket` in [0, 1) places the sender in a canary's share. A delivery that a canary refuses and the live version
    takes passes: nobody's lead is set aside for a trial; it counts against the canary.
    """
    own, judging = _version_for(form, client, bucket=bucket)
    found = form.judge_for(judging, own).violations(fields)
    arm = _arm(form, judging)
    failed = bool(found) and arm is not Arm.NONE
    if found and arm is Arm.NEW and client.form_version != judging:
        judging = own = version_of(form, client)
        found = form.judge_for(judging, own).violations(fields)
    return Verdict(form.name, judging, client.label, found, arm, failed)


def version_of(form: Form, client: Client) -> int:
    """The version that judges a client outside of any canary's share."""
    own = _built_for(form, client)
    if own is not None:
        return min(_clamped(form, own), form.live_version)
    return _resolved(form, client, form.settled)


def client_of(body: Any, stated: str = "") -> Client:
    """What a delivery says of its client: `form_version` in the body, or what its header stated, or `client.version`.

    Anything that is not a version is taken for unstated.
    """
    body = body if isinstance(body, dict) else {}
    for given in (body.get("form_version"), stated):
        number = _number(given)
        if number is not None:
            return Client(form_version=number)
    client = body.get("client")
    if isinstance(client, dict):
        named = (str(client.get("name") or ""), str(client.get("version") or ""))
        return Client(version=clean_version("/".join(part for part in named if part)))
    return Client(version=clean_version(stated))


def clean_version(text: str) -> str:
    """A client's version fit to be shown: up to 40 characters of a plain alphabet, else empty."""
    return text if _CLIENT.fullmatch(text) else ""


def numbers_of(version: str) -> tuple[int, ...] | None:
    """`V3.2.6` or `app/3.2.6` as (3, 2, 6); None when it is no version number."""
    found = _NUMBERS.fullmatch(version.rpartition("/")[2].strip())
    if found is None:
        return None
    numbers = [int(part) for part in found[1].split(".")][:NUMBER_PARTS_MAX]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def bucket_of(form: Form, sender: str) -> float:
    """Where a sender stands in [0, 1): the same for the same sender and canary, and evenly spread."""
    digest = hashlib.sha256(f"{form.form_id}/{form.canary_version}/{sender}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def sender_of(body: Any) -> str:
    """What a sender is known by: its client's own id, or else what it says."""
    client = body.get("client") if isinstance(body, dict) else None
    if isinstance(client, dict) and client.get("id"):
        return str(client["id"])
    said = body.get("fields") if isinstance(body, dict) else body
    return msgspec.json.encode(said, order="sorted").decode()


def _version_for(form: Form, client: Client, *, bucket: float) -> tuple[int, int]:
    """The version that the client was built for, and the one that judges it."""
    own = _built_for(form, client)
    if own is not None:
        return own, _clamped(form, own)
    resolved = _resolved(form, client, form.standing)
    canary = form.canary_version
    if canary and resolved == canary and bucket * 100 >= form.canary_percent:
        resolved = version_of(form, client)
    return resolved, resolved


def _built_for(form: Form, client: Client) -> int | None:
    """The version that a client states, or the one before it that was not taken back; None when it states none."""
    if client.form_version is None or client.form_version not in form.versions:
        return None
    before = [
        number
        for number, each in form.versions.items()
        if number <= client.form_version and each.stage is not Stage.ROLLED_BACK
    ]
    return max(before, default=None)


def _clamped(form: Form, own: int) -> int:
    upper = form.canary_version if own == form.canary_version else form.live_version
    return min(max(own, form.oldest_supported), upper)


def _resolved(form: Form, client: Client, standing: tuple[FormVersion, ...]) -> int:
    """The newest version whose clients this one is new enough for; the oldest for a client that does not say."""
    numbers = numbers_of(client.version) if client.version else None
    oldest = standing[0].version if standing else form.live_version
    if numbers is None:
        return oldest
    fitting = [each.version for each in standing if each.minimum <= numbers]
    return fitting[-1] if fitting else oldest


def _arm(form: Form, judging: int) -> Arm:
    if not form.canary_version:
        return Arm.NONE
    if judging == form.canary_version:
        return Arm.NEW
    return Arm.OLD if judging == form.live_version else Arm.NONE


def _number(given: Any) -> int | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return given
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) <= 9:
        return int(given)
    return None


def _violation(error: jsonschema_rs.ValidationError, known: frozenset[str]) -> Violation:
    rule = error.kind.name
    path = list(error.instance_path)
    if rule == "required":
        path.append(error.kind.property)  # type: ignore[attr-defined]
    return Violation(form_schemas.pointer(path, known), rule)
