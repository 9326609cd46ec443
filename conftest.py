"""How the tests are shared out when several processes run them."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps a file's tests together, and whole stacks in one process, first, so that no two of them compete."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
    for item in items:
        group = "whole stacks" if item.get_closest_marker("e2e") else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
