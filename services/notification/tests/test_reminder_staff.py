"""Who works here and who leads whom, as the replica of permissions in the process states it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from accesskit.changes import FactPut, PolicyPut, PrincipalPut
from accesskit.engine import Engine
from accesskit.facts import Fact
from accesskit.testing.stand_in import EVERYTHING
from notification.clients import Staff, standing_by
from notification.domain.people import Standing

WITH_MANAGERS = EVERYTHING.replace(
    "  type user\n", "  type user\n    relations\n      define manager: [user]\n", 1
)


def staff(policy: str | None) -> Staff:
    engine = Engine()
    changes: list[Any] = [PolicyPut(1, policy, "live")] if policy else []
    changes += [
        PrincipalPut("rep-01", "user", "active", 1),
        PrincipalPut("rep-02", "user", "suspended", 1),
        PrincipalPut("rep-03", "user", "departed", 1),
        FactPut(Fact("user", "rep-01", "manager", "user", "manager-eve")),
    ]
    engine.apply(changes, revision=1)
    return Staff(cast("Any", SimpleNamespace(engine=engine)))


@pytest.mark.parametrize(
    ("person", "standing"),
    [
        ("rep-01", Standing.ACTIVE),
        ("rep-02", Standing.FROZEN),
        ("rep-03", Standing.DEPARTED),
        ("operations", Standing.ACTIVE),
    ],
)
def test_whoever_is_suspended_or_gone_is_known_and_groups_are_taken_to_be_there(
    person: str, standing: Standing
) -> None:
    assert standing_by(staff(WITH_MANAGERS))(person) is standing


def test_a_manager_is_whom_permissions_states_and_else_nobody() -> None:
    known = staff(WITH_MANAGERS)

    assert known.manager("rep-01") == "manager-eve"
    assert known.manager("rep-02") == ""


@pytest.mark.parametrize("policy", [None, EVERYTHING], ids=["no-policy", "no-such-relation"])
def test_without_a_word_for_managers_nobody_is_one(policy: str | None) -> None:
    assert staff(policy).manager("rep-01") == ""
