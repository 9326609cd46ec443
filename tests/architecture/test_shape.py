"""The size and names of the code: what a reader can hold in mind."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 400
TEST_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
MEDIAN_FUNCTION_LINES_MAX = 10
LEFTOVER_BOXES = {"utils", "helpers", "base", "common", "misc", "manager", "managers"}
EMPTY_ROLES = ("Manager", "Processor", "Handler", "Helper", "Util")
FOLDERS = (
    "libs/servicekit",
    "libs/accesskit",
    "libs/matchkit",
    "auditor",
    "services",
    "leadctl",
    "tools",
    "bench",
    "tests",
)


def sources():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            generated = "_pb2" in path.name or path.parent.name == "v1" or "versions" in path.parts
            if not generated and ".venv" not in path.parts:
                yield path


@cache
def tree(path):
    return ast.parse(path.read_text())


def functions(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_fits_its_limits(path):
    lines = path.read_text().count("\n")
    assert lines <= (TEST_LINES_MAX if "tests" in path.parts else LINES_MAX)
    assert path.stem not in LEFTOVER_BOXES
    for node in functions(path):
        length = node.end_lineno - node.lineno + 1
        assert length <= FUNCTION_LINES_MAX, f"{node.name} has {length} lines"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            assert not node.name.endswith(EMPTY_ROLES), node.name


def test_half_of_all_functions_have_at_most_ten_lines():
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for path in sources()
        if "tests" not in path.parts
        for node in functions(path)
    )
    assert lengths[len(lengths) // 2] <= MEDIAN_FUNCTION_LINES_MAX


def test_only_the_kit_commits():
    offenders = [
        str(path.relative_to(ROOT))
        for path in sources()
        if "tests" not in path.parts
        and "servicekit" not in path.parts
        and ("commit(" in path.read_text() or ".transaction()" in path.read_text())
    ]
    assert offenders == []


def test_the_environment_is_read_in_settings_only():
    allowed = {"settings.py"}
    offenders = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "services").rglob("*.py")
        if "tests" not in path.parts
        and path.name not in allowed
        and ("os.environ" in path.read_text() or "getenv" in path.read_text())
    ]
    assert offenders == []


def test_no_test_replaces_our_own_code():
    words = ("unittest.mock", "mocker", "monkeypatch.setattr", "patch(")
    offenders = [
        str(path.relative_to(ROOT))
        for path in sources()
        if "tests" in path.parts
        and path != Path(__file__)
        and any(word in path.read_text() for word in words)
    ]
    assert offenders == []


def test_no_committed_file_names_a_package_index_or_a_machine_path():
    hosts = ("pypi.org", "pythonhosted", "registry.npmjs", "deb.debian", "/root/", "/work/")
    offenders = []
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT).parts
        if not path.is_file() or inside[0] in {".git", ".venv", ".stack"} or path == Path(__file__):
            continue
        if any(part.startswith(".") and part not in {".ci", ".gitignore"} for part in inside):
            continue  # what tools leave behind
        if "__pycache__" in inside or path.suffix in {".binpb", ".pyc"} or path.name == "uv.lock":
            continue
        text = path.read_text(errors="ignore")
        offenders += [f"{path.relative_to(ROOT)}: {host}" for host in hosts if host in text]
    assert offenders == []
