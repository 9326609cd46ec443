"""Questions that assignment answers over gRPC, and what reps and operators tell it."""

from assignment.rpc import assignment, pool, rules

__all__ = ["assignment", "pool", "rules"]
