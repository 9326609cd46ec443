"""The policy: a document of roles, rules and limits that people write and approve, as a typed value."""

from accesskit.policy.document import PolicyInvalid
from accesskit.policy.parsing import Policy
from accesskit.policy.sections import (
    ANY,
    DAY_S,
    ApprovalStep,
    ApprovalTemplate,
    BreakerTerms,
    EffectiveFollowUp,
    ExportLimits,
    FieldRule,
    FollowUp,
    GuardTerms,
    LeaseTerms,
    Role,
    Rule,
)

__all__ = [
    "ANY",
    "DAY_S",
    "ApprovalStep",
    "ApprovalTemplate",
    "BreakerTerms",
    "EffectiveFollowUp",
    "ExportLimits",
    "FieldRule",
    "FollowUp",
    "GuardTerms",
    "LeaseTerms",
    "Policy",
    "PolicyInvalid",
    "Role",
    "Rule",
]
