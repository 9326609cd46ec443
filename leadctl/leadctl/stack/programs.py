"""Which programs make up the stack, and what each needs to know of the others."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from leadctl.stack.settings import FOUNDATION_FILE

ADDRESS = re.compile(r"\{([a-z-]+)\.(grpc|http)\}")


@dataclass(frozen=True, slots=True)
class Program:
    """A Python module that runs as a process of its own and answers `/readyz` on its HTTP port.

    A service has a database, a bus user and a token; a stand-in for an outside system has none.
    Values of `env` name other programs' addresses as `{lead-intake.grpc}` or `{sink.http}`.
    `keys` are variables that each hold 32 random bytes in base64, made once for a stack and kept.
    """

    name: str
    module: str
    env: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    is_service: bool = True

    @property
    def database_variable(self) -> str:
        """The variable that holds the service's database URL."""
        return f"{self.module.upper()}_DATABASE_URL"

    def resolved_env(self, address_of: Callable[[str, str], str]) -> dict[str, str]:
        """`env` with each named address, asked of `address_of(program, protocol)`, filled in."""
        return {
            key: ADDRESS.sub(lambda found: address_of(found[1], found[2]), value)
            for key, value in self.env.items()
        }


ASKS_PERMISSIONS = {"PERMISSIONS_GRPC": "{permissions.grpc}"}

SERVICES = (
    Program(
        "permissions",
        "permissions",
        env={
            "PERMISSIONS_BOOTSTRAP_FILE": str(FOUNDATION_FILE),
            "AUTHZEN_BASE_URL": "http://{permissions.http}",
        },
        keys=("AUDIT_SIGNING_KEY",),
    ),
    Program("lead-intake", "lead_intake", env=ASKS_PERMISSIONS),
    Program("identity", "identity", env=ASKS_PERMISSIONS, keys=("GOLDEN_ID_KEY",)),
    Program("assignment", "assignment", env=ASKS_PERMISSIONS),
    Program("engagement", "engagement", env=ASKS_PERMISSIONS),
    Program(
        "notification",
        "notification",
        env=ASKS_PERMISSIONS | {"BEACON_BASE_URL": "http://{notification.http}"},
    ),
    Program(
        "reporting",
        "reporting",
        env=ASKS_PERMISSIONS
        | {
            "LEAD_INTAKE_GRPC": "{lead-intake.grpc}",
            "IDENTITY_GRPC": "{identity.grpc}",
            "ASSIGNMENT_GRPC": "{assignment.grpc}",
        },
        keys=("WITNESS_SIGNING_KEY",),
    ),
)
