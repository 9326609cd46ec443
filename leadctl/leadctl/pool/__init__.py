"""`leadctl pool`: what nobody has, and who takes it."""

from leadctl.pool.commands import pool_app

__all__ = ["pool_app"]
