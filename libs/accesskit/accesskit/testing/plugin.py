"""Fixtures for tests of services that are guarded by permissions."""

from collections.abc import AsyncIterator

import pytest

from accesskit.testing.stand_in import StandIn, colleagues, serving

COLLEAGUES = ("leadctl", "engagement", "reporting", "assignment", "identity", "lead-intake")


@pytest.fixture
async def permissions() -> StandIn:
    """A stand-in for permissions, under which the product's services may do what contracts name."""
    return StandIn(colleagues(*COLLEAGUES))  # type: ignore[abstract]  # answers what services ask


@pytest.fixture
async def permissions_grpc(permissions: StandIn) -> AsyncIterator[str]:
    """Where `permissions` answers, `host:port`."""
    async with serving(permissions) as address:
        yield address
