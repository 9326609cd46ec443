"""Case files in the public `store.fga.yaml` shape: a model, facts, and what must come of them."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from accesskit.decisions import Missing
from accesskit.facts import EVERYONE, Fact
from accesskit.language import parse_model
from accesskit.relations import Relations

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = sorted((Path(__file__).parent / "cases").glob("*.fga.yaml"))
FGA = Path(sysconfig.get_path("scripts")) / "fga"
NOW_S = 1_000.0


def load(path: Path) -> dict[str, Any]:
    """A case file; `model_file` and `tuple_file` stand beside it."""
    store = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "model_file" in store:
        store["model"] = (path.parent / store["model_file"]).read_text(encoding="utf-8")
    for holder in (store, *store["tests"]):
        if "tuple_file" in holder:
            text = (path.parent / holder["tuple_file"]).read_text(encoding="utf-8")
            holder["tuples"] = [*holder.get("tuples", []), *yaml.safe_load(text)]
    return store  # type: ignore[no-any-return]


def fact_of(plain: dict[str, Any]) -> Fact:
    """One tuple of a case file."""
    resource_type, resource_id = plain["object"].split(":", 1)
    subject, _, subject_relation = plain["user"].partition("#")
    subject_type, subject_id = subject.split(":", 1)
    condition = plain.get("condition", {})
    return Fact(
        *(resource_type, resource_id, plain["relation"], subject_type, subject_id),
        subject_relation=subject_relation,
        condition=condition.get("name", ""),
        context=condition.get("context"),
    )


def situations_of(path: Path) -> Iterator[tuple[Relations, dict[str, Any]]]:
    """Each test of a file with the relations that it is about."""
    store = load(path)
    model = parse_model(store["model"])
    for test in store["tests"]:
        relations = Relations(model)
        for plain in (*store.get("tuples", []), *test.get("tuples", [])):
            relations.put(fact_of(plain))
        yield relations, test


def expectations(test: dict[str, Any], kind: str) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Each (question, relation, expected answer) of one kind."""
    for question in test.get(kind, []):
        for relation, expected in question["assertions"].items():
            yield question, relation, expected


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_checks_are_answered_as_the_file_says(path: Path) -> None:
    for relations, test in situations_of(path):
        for question, relation, expected in expectations(test, "check"):
            resource_type, resource_id = question["object"].split(":", 1)
            subject = question["user"].split(":", 1)
            check = relations.checker(resource_type, relation)
            answer = check(resource_id, *subject, NOW_S, question.get("context"))
            holds = answer is not None and not isinstance(answer, Missing)
            assert holds is expected, (test["name"], question, relation)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_objects_are_listed_as_the_file_says(path: Path) -> None:
    for relations, test in situations_of(path):
        for question, relation, expected in expectations(test, "list_objects"):
            sure, _ = relations.resources(
                *question["user"].split(":", 1),
                *(question["type"], relation),
                now_s=NOW_S,
                context=question.get("context"),
            )
            assert sorted(f"{question['type']}:{i}" for i in sure) == sorted(expected)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_users_are_listed_as_the_file_says(path: Path) -> None:
    for relations, test in situations_of(path):
        for question, relation, expected in expectations(test, "list_users"):
            kind = question["user_filter"][0]["type"]
            sure, _, is_everyone = relations.subjects(
                *question["object"].split(":", 1),
                relation,
                subject_type=kind,
                now_s=NOW_S,
                context=question.get("context"),
            )
            found = sure | {EVERYONE} if is_everyone else sure
            assert sorted(f"{kind}:{i}" for i in found) == sorted(expected["users"])


@pytest.mark.skipif(not FGA.exists(), reason="the OpenFGA command is a development dependency")
def test_openfga_agrees_with_every_case_file() -> None:
    done = subprocess.run(
        [FGA, "model", "test", "--tests", str(CASES[0].parent / "*.fga.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
