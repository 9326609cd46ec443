"""Why customers were regrouped."""

from __future__ import annotations

from enum import IntEnum


class RegroupingKind(IntEnum):
    """What caused a regrouping; the numbers are kept in the database."""

    STATED = 1  # statements arrived, changed or went
    JUDGED = 2  # a steward merged, split or answered
    RESTORED = 3  # a steward went back to an earlier state
    ERASED = 4  # a person's data was erased
    DECLARED = 5  # a steward declared or cleared a hub


AUTOMATIC = "identity"
"""The actor of what the service decides by itself."""
