"""Questions that assignment answers over gRPC, and what reps and operators tell it."""

from assignment.rpc import assignment, rules

__all__ = ["assignment", "rules"]
