"""RPCs of identity; one module for each noun."""

from identity.rpc import (
    backfills,
    explanation,
    golden,
    identity,
    pictures,
    resolution,
    stewardship,
    systems,
    tags,
)

__all__ = [
    "backfills",
    "explanation",
    "golden",
    "identity",
    "pictures",
    "resolution",
    "stewardship",
    "systems",
    "tags",
]
