"""Cuts `requirements.lock` down to what one package needs at run time, versions and hashes kept.

    python tools/service_requirements.py lead-intake     # a package of this workspace
    python tools/service_requirements.py hatchling       # a package of the lock

The lock holds every tool of the workspace; an image holds one service. What a workspace package
needs is read from its `pyproject.toml`, extras left out; what those need in turn, from the lock's
`# via` lines. Uses the standard library alone, so that it runs before anything is installed.
"""

import argparse
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


class UnlockedPackageError(LookupError):
    """A package is needed that neither the workspace nor the lock knows."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One pinned package of the lock: its lines, and who asked for it."""

    name: str
    text: str
    wanted_by: frozenset[str]


def normalised(requirement: str) -> str:
    """The package a requirement names, in the index's spelling; ValueError when it names none."""
    found = NAME.match(requirement)
    if found is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def lock_entries(lock: str) -> dict[str, Entry]:
    """The entries of a lock file by name, in its order."""
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", lock)
    return {entry.name: entry for entry in map(_entry, blocks[1:])}


def _entry(block: str) -> Entry:
    _, _, via = block.partition("# via")
    wanted_by = frozenset(normalised(word) for word in via.replace("#", " ").split())
    return Entry(normalised(block), block, wanted_by)


def workspace_needs(pyprojects: Iterable[Path]) -> dict[str, frozenset[str]]:
    """What each package of the workspace names as its dependencies, extras left out."""
    projects = [tomllib.loads(file.read_text(encoding="utf-8"))["project"] for file in pyprojects]
    return {
        normalised(project["name"]): frozenset(map(normalised, project.get("dependencies", ())))
        for project in projects
    }


def needed(
    package: str, entries: Mapping[str, Entry], workspace: Mapping[str, frozenset[str]]
) -> list[Entry]:
    """The entries that `package` needs, itself included if locked, in the lock's order.

    Raises UnlockedPackageError when it, or a dependency of its, is in neither `entries` nor `workspace`.
    """
    needs = _needs_in_lock(entries)
    reached: set[str] = set()
    waiting = [normalised(package)]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        if name not in workspace and name not in entries:
            raise UnlockedPackageError(name)
        reached.add(name)
        waiting.extend(workspace.get(name, needs[name]))
    return [entry for name, entry in entries.items() if name in reached]


def _needs_in_lock(entries: Mapping[str, Entry]) -> defaultdict[str, set[str]]:
    needs: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries.values():
        for parent in entry.wanted_by:
            needs[parent].add(entry.name)
    return needs


def main() -> None:
    """Print the cut lock of the packages named on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("package", help="a package of this workspace or of the lock")
    package = parser.parse_args().package
    pyprojects = [*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]
    entries = lock_entries((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    try:
        chosen = needed(package, entries, workspace_needs(pyprojects))
    except UnlockedPackageError as error:
        sys.exit(f"service_requirements: {error} is neither in the workspace nor in the lock")
    sys.stdout.write("".join(entry.text for entry in chosen))


if __name__ == "__main__":
    main()
