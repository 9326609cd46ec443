"""The part of a channel file that says how an opened body is read: taken apart, filtered, and mapped by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lead_intake.channels import paths
from lead_intake.channels.field_tables import FieldTable
from lead_intake.channels.quoted_speech import list_reader, transcript_reader
from lead_intake.channels.transforms import TRANSFORMS
from lead_intake.domain.facts import FactKind
from lead_intake.domain.leads import RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PARENT: Final = "_delivery"
"""By this name a part of a delivery sees the whole of it."""

_SUBJECT = frozenset({"name", "phones", "email", "openid", "unionid", "external_userid", "reference"})  # fmt: skip
_LEAD = frozenset(
    {"name", "phones", "email", "wechat", "openid", "unionid", "external_userid", "company", "uscc", "province",
     "city", "place", "industry", "source", "url", "referrer", "first_action", "inquired_at", "form", "campaign",
     "adgroup", "creative", "keyword", "click_ids", "remark", "answers", "product", "budget", "stage",
     "client_version", "addressed_to", "consent_notice_version", "consent_purposes", "consent_at"}
)  # fmt: skip

ATTRIBUTE: Final = "attributes."
"""What stands before the name of a lead's attribute, such as tier or past_spend."""

ATTRIBUTES_MAX: Final = 20
_ATTRIBUTE: Final = re.compile(r"attributes\.[a-z][a-z0-9_]{0,31}")
_PERSONAL: Final = frozenset(
    {"name", "phone", "phones", "mobile", "tel", "email", "wechat", "openid", "unionid", "external_userid", "uscc",
     "id_card", "resident_id", "passport", "address", "company", "remark", "answers"}
)  # fmt: skip

NAMES: Final[Mapping[FactKind, frozenset[str]]] = {
    FactKind.LEAD: _LEAD,
    FactKind.CONTRACT: _SUBJECT | {"contract_id", "status", "reported_at"},
    FactKind.PAYMENT: _SUBJECT
    | {"payment_id", "order_no", "status", "amount_minor", "currency", "paid_at"},
    FactKind.INTERACTION: _SUBJECT
    | {"interaction_id", "kind", "action", "person", "started_at", "duration_s", "is_inbound"}
    | {"lines", "transcript", "customer_message_count", "recording_url"},
    FactKind.RECEIPT: _SUBJECT
    | {"message_id", "our_reference", "is_delivered", "code", "reported_at"},
    FactKind.TICKET: _SUBJECT
    | {"ticket_id", "type", "priority", "status", "opened_at", "closed_at"}
    | {"compensation_minor", "compensation_currency"},
    FactKind.RECORD: _SUBJECT
    | {"system", "entity", "record_key", "modified_at", "is_deleted", "fields"},
    FactKind.ACCOUNT: _SUBJECT
    | {"account_id", "measured_at", "agreement_ends_at", "last_login_at", "last_order_at"}
    | {"daily_active_count", "account_count", "contracted_module_count", "delivered_module_count"}
    | {"recent_payment_count", "recent_payment_on_time_count", "visit_count_30d"}
    | {"executive_contact_count_30d", "member_level"},
    FactKind.COMPANY_RISK: _SUBJECT | {"risk_id", "kind", "severity", "case_count", "detected_at"},
}
"""What a mapping may name, by what its channel states."""

REQUIRED: Final[Mapping[FactKind, frozenset[str]]] = {
    FactKind.LEAD: frozenset(),
    FactKind.CONTRACT: frozenset({"contract_id", "status"}),
    FactKind.PAYMENT: frozenset({"payment_id", "order_no", "status", "amount_minor", "currency"}),
    FactKind.INTERACTION: frozenset({"interaction_id", "kind", "action"}),
    FactKind.RECEIPT: frozenset({"message_id", "is_delivered"}),
    FactKind.TICKET: frozenset({"ticket_id", "status"}),
    FactKind.RECORD: frozenset({"system", "entity", "record_key"}),
    FactKind.ACCOUNT: frozenset({"account_id", "measured_at"}),
    FactKind.COMPANY_RISK: frozenset({"risk_id", "kind"}),
}
"""What must be said of a fact; without it the item is quarantined."""


class InvalidMapping(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A mapping names what its channel does not state, or leaves out what it must."""


@dataclass(frozen=True, slots=True)
class Read:
    """Finds one value in a document, transforms it, and translates it where `words` says how; others become empty.

    `absent` is what comes of a document that does not have it; most fields of most documents are absent. `places` are
    the names without which it is absent, as `paths.places` gives them; None where that is not known. `inner` are the
    reads of each element, where the value is a list that is read element by element.
    """

    path: str
    search: paths.Search
    via: Callable[[Any], Any]
    words: Mapping[str, str] | None = None
    places: tuple[tuple[str, ...], ...] | None = None
    inner: tuple[Read, ...] = ()
    absent: Any = field(init=False)

    def __post_init__(self) -> None:
        absent = self.via(None)
        words = self.words
        object.__setattr__(self, "absent", absent if words is None else words.get(absent, ""))

    def of(self, document: Any) -> Any:
        """The value."""
        found = self.search(document)
        if found is None:
            return self.absent
        value = self.via(found)
        return value if self.words is None else self.words.get(value, "")


@dataclass(frozen=True, slots=True)
class Condition:
    """What is at a path is one of some texts."""

    path: str
    search: paths.Search
    values: frozenset[str]

    def holds(self, document: Any) -> bool:
        """Whether it is."""
        found = self.search(document)
        return isinstance(found, str | int) and str(found) in self.values


@dataclass(frozen=True, slots=True)
class Prepared:
    """A part of a document that is brought into another form, under a name, before anything else is read."""

    name: str
    read: Read


@dataclass(frozen=True, slots=True)
class Required:
    """A path that must hold something."""

    path: str
    search: paths.Search


@dataclass(frozen=True, slots=True)
class RejectRule:
    """A sign by which a lead is refused."""

    reason: RejectReason
    read: Read


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """How the deliveries of a channel are read.

    `external_id` is read from a part of the delivery, `mapping` from the same part, or from the body fetched for it
    where the channel is enriched (`enrich` names from where). `double_click_s` is how long the same content is the same
    click; 0 for never.
    """

    version: int
    body: str
    facts: FactKind
    expect: Condition | None
    ignore: Condition | None
    fan_out: paths.Search
    fan_out_path: str
    only: Condition | None
    sees_parent: bool
    external_id: Read | None
    enrich: str | None
    prepare: tuple[Prepared, ...]
    require: tuple[Required, ...]
    reject: tuple[RejectRule, ...]
    contact_points: tuple[str, ...]
    mapping: tuple[tuple[str, Read], ...]
    constants: Mapping[str, str]
    required: frozenset[str]
    double_click_s: int
    table: FieldTable = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", FieldTable(self.mapping))

    @property
    def is_enriched(self) -> bool:
        """Whether a delivery holds only ids, and bodies are fetched."""
        return self.enrich is not None


def reading_rules(document: Mapping[str, Any]) -> ReadingRules:
    """The reading part of a checked document; raises `paths.InvalidPath` or `InvalidMapping`."""
    facts = FactKind(document.get("facts", "lead"))
    mapping = document["map"]
    _check_names(facts, mapping)
    return ReadingRules(
        version=document["version"],
        body=document.get("body", "json"),
        facts=facts,
        expect=_condition(document.get("expect")),
        ignore=_condition(document.get("ignore")),
        fan_out=paths.compiled(document["fan_out"]),
        fan_out_path=document["fan_out"],
        only=_condition(document.get("only")),
        sees_parent=PARENT in str(document),
        external_id=_optional_read(document.get("external_id")),
        enrich=document.get("enrich"),
        prepare=tuple(_prepared(rule) for rule in _list(document.get("prepare"))),
        require=tuple(Required(path, paths.compiled(path)) for path in document.get("require", ())),
        reject=tuple(
            RejectRule(RejectReason(rule["reason"]), _read(rule))
            for rule in document.get("reject", ())
        ),
        contact_points=tuple(document.get("require_any", ())),
        mapping=tuple(
            (name, _mapped_read(rule)) for name, rule in mapping.items() if "path" in rule
        ),
        constants={name: rule["value"] for name, rule in mapping.items() if "value" in rule},
        required=REQUIRED[facts],
        double_click_s=document.get("double_click_s", 0),
    )


def _check_names(facts: FactKind, mapping: Mapping[str, Any]) -> None:
    attributes = {name for name in mapping if name.startswith(ATTRIBUTE)}
    if attributes and facts is FactKind.LEAD:
        _check_attributes(attributes)
        mapping = {name: mapping[name] for name in mapping if name not in attributes}
    unknown = sorted(set(mapping) - NAMES[facts])
    if unknown:
        raise InvalidMapping(f"map: {', '.join(unknown)} cannot be said of a {facts}")
    missing = sorted(REQUIRED[facts] - set(mapping))
    if missing:
        raise InvalidMapping(f"map: {', '.join(missing)} must be said of a {facts}")


def _check_attributes(names: set[str]) -> None:
    """Attributes travel in the clear: none may be a contact field."""
    if len(names) > ATTRIBUTES_MAX:
        raise InvalidMapping(f"map: {len(names)} attributes, at most {ATTRIBUTES_MAX}")
    for name in sorted(names):
        if not _ATTRIBUTE.fullmatch(name):
            raise InvalidMapping(f"map: {name} is not attributes. and a name in small letters")
        if name.removeprefix(ATTRIBUTE) in _PERSONAL:
            raise InvalidMapping(f"map: {name} would carry personal data in the clear")


def _mapped_read(rule: Mapping[str, Any]) -> Read:
    """A rule of a mapping: a value, the messages of a list, or a text with speakers."""
    path = rule["path"]
    if "each" in rule:
        return _list_read(path, rule["each"])
    if "speakers" in rule:
        via = transcript_reader(rule["speakers"])
        return Read(path, paths.compiled(path), via, places=paths.places(path))
    return _read(rule)


def _list_read(path: str, each: Mapping[str, Any]) -> Read:
    who = _who(each["who"]) if "who" in each else _read(each["is_customer"])
    text, at = _read(each["text"]), _optional_read(each.get("at"))
    return Read(
        path,
        paths.compiled(path),
        list_reader(who, text, at),
        places=paths.places(path),
        inner=(who, text) if at is None else (who, text, at),
    )


def _who(rule: Mapping[str, Any]) -> Read:
    """Who says the lines of a list: one for all of them, or as each says."""
    constant = rule.get("value")
    return _read(rule) if constant is None else Read("@", paths.compiled("@"), lambda _: constant)


def _read(rule: Mapping[str, Any]) -> Read:
    via = TRANSFORMS.get(rule["via"])
    if via is None:
        raise InvalidMapping(f"{rule['via']}: no such transform")
    path = rule["path"]
    return Read(path, paths.compiled(path), via, rule.get("words"), paths.places(path))


def _optional_read(rule: Mapping[str, Any] | None) -> Read | None:
    return None if rule is None else _read(rule)


def _condition(rule: Mapping[str, Any] | None) -> Condition | None:
    if rule is None:
        return None
    values = frozenset(rule["any_of"] if "any_of" in rule else [rule["value"]])
    return Condition(rule["path"], paths.compiled(rule["path"]), values)


def _prepared(rule: Mapping[str, Any]) -> Prepared:
    return Prepared(rule["name"], _read(rule))


def _list(rules: Any) -> list[Any]:
    if rules is None:
        return []
    return rules if isinstance(rules, list) else [rules]
