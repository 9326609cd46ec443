"""What is wrong with a wish to see or to change routing rules."""

from __future__ import annotations

from servicekit.errors import Invalid, NotFound


class UnknownRules(NotFound):
    """There is no such version of the routing rules."""

    def __init__(self, version: int) -> None:
        super().__init__(f"there is no version {version} of the routing rules")


class FaultyRules(Invalid):
    """A document cannot be put into force; the text names file, line, path and reason. What was in force stays so."""
