"""Lookups, filters and trees to and from protobuf."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from leadchain.permissions.v1 import permissions_service_pb2 as pb

from permissions.domain.decisions import MalformedQuestion, UnknownDecision
from permissions.queries.lookups import Wanted, WantedSubjects
from permissions.wire.decisions import after, context, entity, freshness, name

if TYPE_CHECKING:
    from accesskit.relations import Tree

    from permissions.queries.lookups import Page

PARAMETER_NO_MAX = 30_000
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_]{0,62}){0,2}", re.ASCII)


def wanted(request: pb.LookupRequest) -> Wanted:
    """Which resources are asked for; raises `MalformedQuestion` or `BadName`."""
    return Wanted(
        subject_id=name(request.subject_id, "subject_id"),
        action=name(request.action, "action"),
        resource_type=name(request.resource_type, "resource_type"),
        context=context(request.context_json),
        after_id=after(request.after_id),
        limit=request.limit,
        pinned=request.pinned,
        freshness=freshness(request),
    )


def wanted_subjects(request: pb.LookupSubjectsRequest) -> WantedSubjects:
    """For whom is asked; raises `MalformedQuestion` or `BadName`."""
    return WantedSubjects(
        action=name(request.action, "action"),
        resource=entity(request.resource),
        context=context(request.context_json),
        after_id=after(request.after_id),
        limit=request.limit,
        freshness=freshness(request),
    )


def lookup_response(page: Page) -> pb.LookupResponse:
    """One page."""
    return pb.LookupResponse(
        ids=page.ids,
        conditional_ids=page.conditional,
        complete=page.complete,
        token=page.token,
        is_everything=page.is_everything,
    )


def subjects_response(page: Page) -> pb.LookupSubjectsResponse:
    """One page of subjects."""
    return pb.LookupSubjectsResponse(
        ids=page.ids, conditional_ids=page.conditional, complete=page.complete, token=page.token
    )


def asking(request: pb.FilterRequest) -> tuple[str, str, str]:
    """Subject, action and resource type; raises `BadName`."""
    return (
        name(request.subject_id, "subject_id"),
        name(request.action, "action"),
        name(request.resource_type, "resource_type"),
    )


def columns(request: pb.FilterRequest) -> tuple[str, str, int]:
    """The id's column, the owner's (empty when there is none) and the first parameter's number.

    Raises `MalformedQuestion` for what is no plain, perhaps qualified, name of a column.
    """
    first = request.first_parameter or 1
    if not _COLUMN.fullmatch(request.id_column):
        raise MalformedQuestion("id_column")
    if request.owner_column and not _COLUMN.fullmatch(request.owner_column):
        raise MalformedQuestion("owner_column")
    if first > PARAMETER_NO_MAX:
        raise MalformedQuestion("first_parameter")
    return request.id_column, request.owner_column, first


def filter_response(
    predicate: tuple[str, list[list[str]]], token: str, *, is_conditional: bool
) -> pb.FilterResponse:
    """A predicate with its parameters."""
    text, parameters = predicate
    lists = [pb.TextList(values=values) for values in parameters]
    return pb.FilterResponse(
        predicate=text, parameters=lists, token=token, is_conditional=is_conditional
    )


def expand_response(tree: Tree | None, token: str) -> pb.ExpandResponse:
    """A tree as JSON; null while there is no policy."""
    return pb.ExpandResponse(tree_json=msgspec.json.encode(tree).decode(), token=token)


def decision_id(request: pb.ReplayRequest) -> UUID:
    """The decision asked for; raises `UnknownDecision` for what was never the id of one."""
    try:
        return UUID(request.decision_id)
    except ValueError:
        raise UnknownDecision("of a malformed id") from None
