"""AuthZEN's JSON to questions, and answers to AuthZEN's JSON."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from accesskit.decisions import Circumstances, Outcome, Question
from accesskit.facts import checked_name

from permissions.domain.decisions import Asked, Freshness, MalformedQuestion, binding_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from permissions.domain.decisions import Answer

EVALUATIONS_MAX = 2000
PAGE_IDS_MAX = 2000
OWN_CONTEXT = frozenset(
    {"approval_id", "params_hash", "fields", "circumstances", "consistency_token"}
)
"""Members of `context` that this service reads itself; the others are values for the policy's conditions."""


class Named(msgspec.Struct):
    """A subject or resource: its type, its id where it has one, and properties."""

    type: str
    id: str = ""
    properties: dict[str, Any] = {}


class Action(msgspec.Struct):
    """An action by name."""

    name: str
    properties: dict[str, Any] = {}


class Semantics(msgspec.Struct):
    """When a batch of evaluations ends early."""

    evaluations_semantic: Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"] = (
        "execute_all"
    )


class Evaluation(msgspec.Struct):
    """One evaluation; in a batch, what is left out is the batch's own."""

    subject: Named | None = None
    action: Action | None = None
    resource: Named | None = None
    context: dict[str, Any] | None = None

    def filled(self, defaults: Evaluation) -> Evaluation:
        """This evaluation with what it leaves out."""
        return Evaluation(
            self.subject or defaults.subject,
            self.action or defaults.action,
            self.resource or defaults.resource,
            defaults.context if self.context is None else self.context,
        )


class Evaluations(Evaluation):
    """A batch; without `evaluations` it is a single evaluation."""

    evaluations: list[Evaluation] | None = None
    options: Semantics = msgspec.field(default_factory=Semantics)


class PageRequest(msgspec.Struct):
    """Where a search goes on, and how much of it is wanted."""

    token: str = ""
    limit: int = 0


class Search(Evaluation):
    """A search: the id that is searched for is left out."""

    page: PageRequest = msgspec.field(default_factory=PageRequest)


def asked(evaluation: Evaluation) -> Asked:
    """The question of an evaluation; raises `MalformedQuestion` or `BadName`."""
    subject, action, resource = evaluation.subject, evaluation.action, evaluation.resource
    if subject is None or action is None or resource is None:
        raise MalformedQuestion("subject, action or resource")
    own, context = parted(evaluation.context)
    fields = own.get("fields", action.properties.get("fields", ()))
    question = Question(
        checked_name(subject.id, "subject.id"),
        checked_name(action.name, "action.name"),
        checked_name(resource.type, "resource.type"),
        checked_name(resource.id, "resource.id"),
        context=context,
        fields=tuple(_converted(fields, list[str], "fields")),
        circumstances=_converted(own.get("circumstances"), Circumstances | None, "circumstances"),
        approval_id=_text(own, "approval_id"),
        params_hash=_text(own, "params_hash"),
    )
    return Asked(question, freshness(own))


def freshness(own: Mapping[str, Any]) -> Freshness:
    """How fresh an answer must be."""
    return Freshness(_text(own, "consistency_token"))


def parted(context: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What this service reads of a context, and what conditions may read; None when there is nothing for them."""
    given = context or {}
    own = {name: value for name, value in given.items() if name in OWN_CONTEXT}
    rest = {name: value for name, value in given.items() if name not in OWN_CONTEXT}
    return own, rest or None


def decision(answer: Answer, question: Question) -> dict[str, Any]:
    """An answer, in AuthZEN's words; the context says why."""
    made = answer.decision
    context: dict[str, Any] = {
        "reason": made.reason,
        "rule": made.rule,
        "policy_version": answer.policy_version,
        "consistency_token": answer.token,
    }
    if made.obligations:
        context["obligations"] = [
            {"type": each.kind, "details": each.details} for each in made.obligations
        ]
    if made.outcome is not Outcome.ALLOW:
        context |= _denied(answer, question)
    if answer.decision_id:
        context["decision_id"] = answer.decision_id
    return {"decision": made.outcome is Outcome.ALLOW, "context": context}


def _denied(answer: Answer, question: Question) -> dict[str, Any]:
    context: dict[str, Any] = {"remedies": list(answer.remedies)}
    if answer.decision.missing:
        context["missing"] = sorted(answer.decision.missing)
    if answer.decision.approval:
        context["access_request"] = {
            "template": answer.decision.approval,
            "binding_token": binding_token(question),
        }
    return context


def page_token(token: str, last_id: str) -> str:
    """Where a search goes on: the state that it is pinned to, and the last id that was given."""
    return base64.urlsafe_b64encode(f"{token}|{last_id}".encode()).decode()


def page_start(token: str) -> tuple[str, str]:
    """The pinned state and the last id of a page token; raises `MalformedQuestion`."""
    if not token:
        return "", ""
    try:
        pinned, separator, last_id = (
            base64.b64decode(token, altchars=b"-_", validate=True).decode().partition("|")
        )
    except (binascii.Error, UnicodeDecodeError):
        raise MalformedQuestion("page.token") from None
    if not separator:
        raise MalformedQuestion("page.token")
    return pinned, last_id


def _text(own: Mapping[str, Any], name: str) -> str:
    value = own.get(name, "")
    if not isinstance(value, str):
        raise MalformedQuestion(f"context.{name}")
    return value


def _converted(value: object, kind: Any, name: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise MalformedQuestion(f"context.{name}") from None
