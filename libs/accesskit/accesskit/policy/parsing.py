"""Makes a typed policy of a document."""

from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from accesskit.decisions import Obligation
from accesskit.language import BadModel, Model, parse_model
from accesskit.policy.document import PolicyInvalid, read_document
from accesskit.policy.sections import (
    ANY,
    ApprovalTemplate,
    ExportLimits,
    FieldRule,
    GuardTerms,
    LeaseTerms,
    Role,
    Rule,
)
from accesskit.policy.soundness import check_soundness

_Section = TypeVar("_Section")

KEPT_MAX = 8
"""How many policies a process keeps read: the live one, its candidate, and those that they are compared with."""


class Policy(msgspec.Struct, frozen=True):
    """A whole policy, sound in itself. `version` is its number in the log; `text` is the document as written."""

    version: int
    text: str
    model: Model
    roles: dict[str, Role]
    services: frozenset[str]
    reading: frozenset[str]
    rules: tuple[Rule, ...]
    fields: tuple[FieldRule, ...]
    lease: LeaseTerms
    approvals: tuple[ApprovalTemplate, ...]
    guard: GuardTerms
    exports: ExportLimits

    @classmethod
    def parse(cls, text: str, *, version: int = 0) -> "Policy":
        """The policy that the document states; raises `PolicyInvalid` with the path of the fault."""
        return msgspec.structs.replace(_parsed(text), version=version)

    def approval(self, resource_type: str, action: str) -> ApprovalTemplate | None:
        """The approval that the action needs on resources of this type."""
        for template in self.approvals:
            if resource_type in template.on and action in template.actions:
                return template
        return None


@lru_cache(maxsize=KEPT_MAX)
def _parsed(text: str) -> Policy:
    """The policy without its number; read once, though it is checked when proposed, published and applied."""
    document = read_document(text)
    model = _model(document["model"])
    types = tuple(sorted(model.type_names))
    policy = Policy(
        version=0,
        text=text,
        model=model,
        roles={id_: Role(id=id_, **titles) for id_, titles in document["roles"].items()},
        services=frozenset(document.get("services", ())),
        reading=frozenset(document.get("reading", ())),
        rules=tuple(_rule(plain, types) for plain in document["rules"]),
        fields=tuple(
            rule for plain in document.get("fields", ()) for rule in _field_rules(plain, types)
        ),
        lease=_section(document, "lease", LeaseTerms),
        approvals=tuple(_approval(plain, types) for plain in document.get("approvals", ())),
        guard=_section(document, "guard", GuardTerms),
        exports=_section(document, "exports", ExportLimits),
    )
    check_soundness(policy)
    return policy


def _model(text: str) -> Model:
    try:
        return parse_model(text)
    except BadModel as error:
        raise PolicyInvalid("model", str(error)) from error


def _section(document: dict[str, Any], name: str, kind: type[_Section]) -> _Section:
    return msgspec.convert(document.get(name, {}), kind)


def _targets(plain: str | list[str], types: tuple[str, ...]) -> tuple[str, ...]:
    if plain == ANY:
        return types
    return (plain,) if isinstance(plain, str) else tuple(plain)


def _rule(plain: dict[str, Any], types: tuple[str, ...]) -> Rule:
    lease = plain.get("lease", "")
    return Rule(
        id=plain["id"],
        effect=plain.get("effect", "allow"),
        roles=frozenset(plain.get("roles", ())),
        principals=frozenset(plain.get("principals", ())),
        on=_targets(plain["on"], types),
        actions=tuple(plain["actions"]),
        relation=plain.get("as", ""),
        lease="held" if lease is True else lease,
        condition=plain.get("when", ""),
        fields=frozenset(plain.get("fields", ())),
        obligations=tuple(_obligation(item) for item in plain.get("obligations", ())),
    )


def _obligation(plain: dict[str, str]) -> Obligation:
    return Obligation(plain["kind"], {key: plain[key] for key in plain if key != "kind"})


def _field_rules(plain: dict[str, Any], types: tuple[str, ...]) -> list[FieldRule]:
    write, read = plain.get("write"), plain.get("read")
    return [
        FieldRule(
            on=type_,
            field=plain["field"],
            write=None if write is None else frozenset(write),
            read=None if read is None else frozenset(read),
            is_masked=plain.get("mask", False),
        )
        for type_ in _targets(plain["on"], types)
    ]


def _approval(plain: dict[str, Any], types: tuple[str, ...]) -> ApprovalTemplate:
    renamed = {key: plain[key] for key in plain if key not in {"on", "break_glass"}}
    return msgspec.convert(
        {
            **renamed,
            "on": _targets(plain["on"], types),
            "has_break_glass": plain.get("break_glass", False),
        },
        ApprovalTemplate,
    )
