"""YAML documents of a package: valid by their schema, or refused with file, line, path and reason."""

import sys
from pathlib import Path

import pytest
from servicekit import documents
from servicekit.documents import InvalidPolicy

SCHEMA = """
{"type": "object", "additionalProperties": false, "required": ["version"],
 "properties": {"version": {"type": "integer"}, "names": {"type": "array", "items": {"type": "string"}}}}
"""
PACKAGE = "documents_of_a_test"


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "rules.yaml").write_text("version: 1\n")
    (folder / "rules.schema.json").write_text(SCHEMA)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop(PACKAGE, None)


def told(tmp_path: Path, text: str) -> str:
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(InvalidPolicy) as refused:
        documents.load_document(PACKAGE, "rules", file)
    return str(refused.value)


def test_the_packaged_document_is_used_where_no_file_is_named(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("version: 7\nnames: [a]\n")

    assert documents.load_document(PACKAGE, "rules").content == {"version": 1}
    assert documents.load_document(PACKAGE, "rules", own).content["version"] == 7


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("version: one\n", "own.yaml:1: version: "),
        ("version: 1\nnames:\n  - a\n  - 2\n", "own.yaml:4: names[1]: "),
        ("version: 1\nnmes: []\n", "own.yaml:1: "),
        ("version: 1\nversion: 2\n", "own.yaml:1: version: stands here twice"),
        ("version: 1\nnames: [a\n", "own.yaml:3: "),
        ("names: &all [a]\nversion: *all\n", "own.yaml:1: version: "),
        ("", "own.yaml:1: the file is empty"),
    ],
    ids=["type", "item", "unknown", "twice", "no yaml", "alias", "empty"],
)
def test_a_fault_names_file_line_path_and_reason(tmp_path: Path, text: str, where: str) -> None:
    assert told(tmp_path, text).startswith(where)


def test_a_file_that_is_not_there_is_a_fault_too(tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicy, match=r"gone\.yaml:1: unreadable"):
        documents.load_document(PACKAGE, "rules", tmp_path / "gone.yaml")


def test_aliases_are_read_unless_they_stand_for_too_much(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("names: &all [a, b]\nversion: 1\n")
    assert documents.load_document(PACKAGE, "rules", own).content["names"] == ["a", "b"]
    doubled = "".join(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]\n" for n in range(1, 40))

    assert "own.yaml:" in told(tmp_path, "x0: &x0 [a, a, a, a]\n" + doubled)
    assert "aliases stand for too much" in told(tmp_path, "x0: &x0 [a, a, a, a]\n" + doubled)


def test_too_much_is_not_read(tmp_path: Path) -> None:
    assert "longer than" in told(tmp_path, "a" * (documents.TEXT_CHARS_MAX + 1))
