"""An installation begins with what its file says, and the file never undoes what people did later."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from permissions.commands.bootstrap import Bootstrap
from permissions.domain.bootstrap import BadFoundation, foundation_of
from permissions.queries.live import Live
from servicekit.database import Database
from servicekit.errors import ServiceError

OURS = Path(__file__).parents[4] / "deploy" / "permissions" / "bootstrap.yaml"


async def laid(database: Database, file: Path) -> Live:
    await Bootstrap(database, file).start()
    live = Live(database)
    await live.start()
    await live.stop()
    return live


def written(tmp_path: Path, **content: Any) -> Path:
    file = tmp_path / "bootstrap.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


async def test_the_shipped_file_is_laid_once(database: Database) -> None:
    first = await laid(database, OURS)

    again = await laid(database, OURS)

    assert again.engine.revision == first.engine.revision
    assert "operator" in first.engine.roles("leadctl", now_s=first.now_s)
    assert first.engine.principal("reporting") is not None


async def test_only_what_is_missing_is_added(database: Database, tmp_path: Path) -> None:
    await laid(database, written(tmp_path, principals=[{"id": "ana"}]))

    live = await laid(
        database,
        written(
            tmp_path,
            principals=[{"id": "ana", "is_test": True}, {"id": "bo"}],
            facts=["user:ana#manager@user:bo", "role:salesperson#member@user:ana"],
            networks=[{"cidr": "10.0.0.0/8", "name": "office"}],
        ),
    )

    ana = live.engine.principal("ana")
    assert ana is not None
    assert not ana.is_test
    assert live.engine.principal("bo") is not None
    assert {str(fact) for fact in live.engine.facts()} == {
        "user:ana#manager@user:bo",
        "role:salesperson#member@user:ana",
    }


@pytest.mark.parametrize(
    "content",
    [
        {"people": []},
        {"principals": [{"id": "ana", "type": "robot"}]},
        {"principals": [{"id": "a\u202ena"}]},
        {"facts": ["ana is bo's manager"]},
        {"facts": ["user:ana#manager"]},
        {"facts": ["a:b:c#d@e:f"]},
        {"networks": [{"cidr": "10.0.0.999", "name": "office"}]},
        ["ana"],
    ],
)
def test_a_file_that_says_something_else_is_refused(content: Any) -> None:
    with pytest.raises(ServiceError):
        foundation_of(content)


def test_an_empty_file_adds_nothing() -> None:
    assert foundation_of(None).is_empty


async def test_what_the_chart_cannot_bear_keeps_the_service_from_starting(
    database: Database, tmp_path: Path
) -> None:
    file = written(tmp_path, facts=["user:ana#manager@user:bo", "user:bo#manager@user:ana"])

    with pytest.raises(ServiceError, match="own superior"):
        await Bootstrap(database, file).start()


def test_a_fact_with_a_group_is_read() -> None:
    [fact] = foundation_of({"facts": ["lead:l-1#viewer@role:director#member"]}).facts

    assert (fact.subject_type, fact.subject_relation) == ("role", "member")
    with pytest.raises(BadFoundation, match="not a fact"):
        foundation_of({"facts": ["lead:l-1#viewer@role:director#member#x"]})
