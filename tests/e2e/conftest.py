"""One stack for the modules that neither break it nor count all that is on it; each has accounts of its own."""

import asyncio
from collections.abc import Iterator

import pytest
from leadctl.demo.environment import demo_stack
from leadctl.stack.stack import Stack

PATIENT = "contact_within_s: 900\nmax_hops: 2\n"
"""No clock runs out during the tests, so that a lead of one module stays where it is while another module looks."""


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack that other modules use too; a module asks for it by making it its `stack`."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "sla.yaml").write_text(PATIENT)
    settings = {"assignment": {"SLA_POLICY_FILE": str(folder / "sla.yaml")}}
    running = demo_stack(folder / "stack", settings=settings)
    try:
        asyncio.run(running.up())
        yield running
    finally:
        asyncio.run(running.down(purge=True))
