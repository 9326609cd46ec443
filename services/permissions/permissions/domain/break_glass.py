"""Breaking the glass: one person acts at once, others are told, and somebody judges it afterwards."""

from collections.abc import Sequence
from dataclasses import replace

from accesskit.policy import ApprovalTemplate
from servicekit.errors import Conflict, Forbidden

from permissions.domain.approvals import USABLE_S_MAX, AccessRequest, Emergency, Status, Undecidable
from permissions.domain.approvers import (
    People,
    Unfit,
    UnfitApprover,
    Verdict,
    unfitness,
    with_role_in,
)

REVIEW_WITHIN_S = 86_400.0
NOTIFIED_MIN = 2


class NoBreakGlass(Forbidden):
    """The policy lets nobody do this without votes."""


class TooFewToTell(Conflict):
    """There are not two others who could be told and judge it."""


class NoEmergency(Conflict):
    """The request is none that is reviewed."""


def broken(
    request: AccessRequest, template: ApprovalTemplate, *, others: Sequence[str], people: People
) -> AccessRequest:
    """The request approved at once, for at most 15 minutes.

    `others` hold a role of the template; those among them who are fit to judge it are told. Raises `NoBreakGlass`
    and `TooFewToTell`.
    """
    if not template.has_break_glass:
        raise NoBreakGlass("no_break_glass")
    told = tuple(sorted(id_ for id_ in others if unfitness(request.concerned, id_, people) is None))
    if len({people.parties.get(id_, id_) for id_ in told}) < NOTIFIED_MIN:
        raise TooFewToTell("not two others could be told")
    usable_s = min(USABLE_S_MAX, template.usable_min * 60)
    return replace(
        request,
        status=Status.APPROVED,
        usable_until_s=request.requested_at_s + usable_s,
        emergency=Emergency(told, request.requested_at_s + REVIEW_WITHIN_S),
    )


def reviewed(
    request: AccessRequest,
    verdict: Verdict,
    *,
    reviewer_id: str,
    template: ApprovalTemplate,
    people: People,
    now_s: float,
) -> AccessRequest:
    """The emergency as judged by somebody who could have approved it.

    Raises `NoEmergency`, `UnfitApprover`, and `Undecidable` when it was judged otherwise. The same judgement twice
    is one. A review after the deadline comes too late to keep the account from being suspended.
    """
    emergency = request.emergency
    if emergency is None:
        raise NoEmergency("the request was no emergency")
    unfit = unfitness(request.concerned, reviewer_id, people)
    if unfit is not None:
        raise UnfitApprover(unfit)
    if not with_role_in(template, people.persons[reviewer_id].roles):
        raise UnfitApprover(Unfit.NO_ROLE)
    if emergency.review is not None:
        if (emergency.reviewed_by, emergency.review) == (reviewer_id, verdict):
            return request
        raise Undecidable(request.status)
    judged = replace(emergency, reviewed_by=reviewer_id, reviewed_at_s=now_s, review=verdict)
    return replace(request, emergency=judged)
