"""What is asked for when a form is published, and by whose leave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Permit:
    """By which approval a risky step is done, for whom, and the key under which it may be tried again."""

    approval_id: str
    idempotency_key: str
    actor: str


@dataclass(frozen=True, slots=True)
class Publication:
    """A version as it is to be published; zeros stand for the usual share and time of its trial."""

    form: str
    text: str
    version: int
    accept_breaking: bool = False
    percent: int = 0
    duration_s: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    """The version, and whether it judges a share of the traffic only."""

    version: int
    is_canary: bool
