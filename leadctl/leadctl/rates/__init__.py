"""`leadctl rates`: how soon owners do something that counts, when they do not, and what is settled of it."""

from leadctl.rates import settling  # noqa: F401 - its commands put themselves into the group
from leadctl.rates.commands import rates_app

__all__ = ["rates_app"]
