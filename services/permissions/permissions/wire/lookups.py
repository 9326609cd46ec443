"""Lookups, filters and trees to and from protobuf."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from leadchain.permissions.v1 import permissions_service_pb2 as pb

from permissions.domain.decisions import MalformedQuestion, UnknownDecision
from permissions.queries.decisions import WantedFilter
from permissions.queries.lookups import Wanted, WantedSubjects
from permissions.wire.decisions import after, context, entity, freshness, name

if TYPE_CHECKING:
    from accesskit.relations import Tree

    from permissions.queries.decisions import Predicate
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


def wanted_filter(request: pb.FilterRequest) -> WantedFilter:
    """The predicate asked for.

    Raises `BadName`, or `MalformedQuestion` for what is no plain, perhaps qualified, name of a column.
    """
    if not _COLUMN.fullmatch(request.id_column):
        raise MalformedQuestion("id_column")
    if request.owner_column and not _COLUMN.fullmatch(request.owner_column):
        raise MalformedQuestion("owner_column")
    if request.first_parameter > PARAMETER_NO_MAX:
        raise MalformedQuestion("first_parameter")
    return WantedFilter(
        subject_id=name(request.subject_id, "subject_id"),
        action=name(request.action, "action"),
        resource_type=name(request.resource_type, "resource_type"),
        id_column=request.id_column,
        owner_column=request.owner_column,
        first_parameter=request.first_parameter or 1,
        context=context(request.context_json),
        freshness=freshness(request),
    )


def filter_response(predicate: Predicate, token: str) -> pb.FilterResponse:
    """A predicate with its parameters."""
    return pb.FilterResponse(
        predicate=predicate.text,
        parameters=[pb.TextList(values=values) for values in predicate.parameters],
        token=token,
        is_conditional=predicate.is_conditional,
    )


def expanded(request: pb.ExpandRequest) -> tuple[tuple[str, str], str]:
    """Resource and relation; raises `BadName`."""
    return entity(request.resource), name(request.relation, "relation")


def expand_response(tree: Tree | None, token: str) -> pb.ExpandResponse:
    """A tree as JSON; null while there is no policy."""
    return pb.ExpandResponse(tree_json=msgspec.json.encode(tree).decode(), token=token)


def decision_id(request: pb.ReplayRequest) -> UUID:
    """The decision asked for; raises `UnknownDecision` for what was never the id of one."""
    try:
        return UUID(request.decision_id)
    except ValueError:
        raise UnknownDecision("of a malformed id") from None
