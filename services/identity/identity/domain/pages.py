"""Pages of lists: how many entries, and from where on."""

from __future__ import annotations

from uuid import UUID

from servicekit.errors import Invalid

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1_000
NUMBER_MAX = 2**63 - 1


class WrongPageToken(Invalid):
    """A page token that no answer gave."""

    def __init__(self) -> None:
        super().__init__("page_token is none that an earlier page gave")


def page_size(asked: int, *, default: int = PAGE_SIZE, largest: int = PAGE_SIZE_MAX) -> int:
    """How many are wanted: the default for zero, never more than the largest."""
    return min(asked or default, largest)


def number(token: str) -> int | None:
    """The number at which the page before ended, None for the first page; raises `WrongPageToken`."""
    if not token:
        return None
    if not (token.isascii() and token.isdecimal() and len(token) < 20 and int(token) <= NUMBER_MAX):
        raise WrongPageToken
    return int(token)


def unique_id(token: str) -> UUID | None:
    """The id at which the page before ended, None for the first page; raises `WrongPageToken`."""
    try:
        return UUID(token) if token else None
    except ValueError:
        raise WrongPageToken from None
