"""Measurements of the running chain, each beside a raw limit taken in the same run."""
