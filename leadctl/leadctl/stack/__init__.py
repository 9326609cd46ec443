"""The whole system on one machine: servers, services as separate processes, keys and tokens."""

from leadctl.stack.programs import SERVICES, Program
from leadctl.stack.stack import ProgramStatus, Stack, Target

__all__ = ["SERVICES", "Program", "ProgramStatus", "Stack", "Target"]
