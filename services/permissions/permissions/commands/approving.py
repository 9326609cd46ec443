"""The use of an approval for what permissions itself guards: role grants and the publishing of policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from permissions.commands.approvals import Use
from permissions.domain.approvers import SecondFactor
from permissions.queries import rights

if TYPE_CHECKING:
    from servicekit.auth import Caller

    from permissions.domain.facts import Need


def use_of(caller: Caller, need: Need, approval_id: str, params_hash: str) -> Use:
    """The caller's one use of an approval that is bound to these parameters; repeated it is the same use."""
    question = msgspec.structs.replace(
        rights.question_of(caller, need), approval_id=approval_id, params_hash=params_hash
    )
    proof = SecondFactor(caller.amr, caller.auth_time)
    return Use(question, key=params_hash, executor_id=caller.subject, proof=proof)
