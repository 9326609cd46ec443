"""What others must agree to before a risky change: read from a refusal, said to people, asked for."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from leadctl.clients import NotAnswered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from leadctl.clients import Services

MARK = "approval_required: "

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Needed:
    """The deed that an approval must be for; `params` is what it is bound to, without secrets."""

    subject: str
    action: str
    resource: str
    params: Mapping[str, object]

    @property
    def command(self) -> str:
        """The command that asks for it."""
        words = [self.subject, self.action, self.resource, "--params", json.dumps(self.params)]
        return f"leadctl perm request {shlex.join(words)}"


class ApprovalNeeded(NotAnswered):
    """A change needs an approval; the text says how to ask for one."""

    def __init__(self, refused: NotAnswered, needed: Needed) -> None:
        super().__init__(refused.service, "", refused.code, "")
        self.needed = needed
        self.args = (
            f"others must agree: {needed.command}\nthen repeat with --approval REQUEST-ID",
        )


def needed_by(refused: NotAnswered) -> Needed | None:
    """The approval that a refusal asks for; None when it refuses for another reason."""
    _, mark, text = str(refused).partition(MARK)
    if not mark or refused.code != "PERMISSION_DENIED":
        return None
    deed = json.loads(text)
    return Needed(deed["subject"], deed["action"], deed["resource"], deed["params"])


async def explained(work: Awaitable[T]) -> T:
    """The result of `work`; a refusal for want of an approval becomes `ApprovalNeeded`."""
    try:
        return await work
    except NotAnswered as refused:
        needed = needed_by(refused)
        if needed is None:
            raise
        raise ApprovalNeeded(refused, needed) from None


async def with_approval(
    asking: Services, voters: Sequence[Services], work: Callable[[str], Awaitable[T]]
) -> T:
    """Does `work`, which is given an approval's id, after everybody has agreed where that is needed.

    Raises `NotAnswered`.
    """
    try:
        return await work("")
    except NotAnswered as refused:
        needed = needed_by(refused)
        if needed is None:
            raise
    return await work(await _approved(asking, voters, needed))


async def _approved(asking: Services, voters: Sequence[Services], needed: Needed) -> str:
    from leadchain.permissions.v1 import approvals_service_pb2 as pb
    from servicekit.events import new_id

    from leadctl.perm.approvals import put_request, put_vote
    from leadctl.perm.resources import resource

    deed = pb.Deed(
        subject_id=needed.subject,
        action=needed.action,
        resource=resource(needed.resource),
        params_json=json.dumps(needed.params),
    )
    request = pb.RequestAccessRequest(request_id=new_id(), deed=deed, summary=needed.resource)
    await put_request(asking, request)
    for voter in voters:
        await put_vote(
            voter, pb.VoteRequest(request_id=request.request_id, verdict=pb.VERDICT_APPROVE)
        )
    return request.request_id
