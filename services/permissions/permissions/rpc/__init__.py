"""RPCs of permissions, one module for each gRPC service; each of `SERVICES` has `serve(chassis, live)`."""

from permissions.rpc import approvals, audit, decisions, exports, facts, leases, policies, sessions

SERVICES = (facts, policies, leases, approvals, sessions, exports)

__all__ = ["SERVICES", "audit", "decisions"]
