"""How long a test goes on that could go on for ever: shortly in every run, and long in `make chaos`.

`LEADCHAIN_THOROUGH=1` asks for the long form. The short form meets every kind of step, and always the same cases, so
that a change which breaks nothing turns nothing red; the long form draws other cases each time.
"""

import os

IS_THOROUGH = os.environ.get("LEADCHAIN_THOROUGH") == "1"
PATIENCE_S = 1_800
"""How long a single test may take in the long form."""


def rounds(short: int, *, long: int) -> int:
    """How many rounds, examples or steps a test goes on for in this run."""
    return long if IS_THOROUGH else short


def draw_examples() -> None:
    """Says how Hypothesis draws for tests that do not say it themselves.

    No example has a deadline of its own: on a busy machine that would measure the machine.
    """
    from hypothesis import HealthCheck, settings

    unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("short", unhurried, derandomize=True)
    settings.register_profile("long", unhurried, derandomize=False, max_examples=1_000)
    settings.load_profile("long" if IS_THOROUGH else "short")
